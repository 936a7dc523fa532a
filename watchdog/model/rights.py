"""What a feature must be allowed to do: capabilities, files, namespaces, a right in the panel. The source of docs/permissions.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, cast


class Capability(Enum):
    """A Linux capability by its bit (linux/capability.h)."""

    CAP_DAC_OVERRIDE = 1
    CAP_DAC_READ_SEARCH = 2
    CAP_FOWNER = 3
    CAP_NET_ADMIN = 12
    CAP_SYS_PTRACE = 19
    CAP_SYS_ADMIN = 21


@dataclass(frozen=True, slots=True)
class Reach:
    """One path that a configured feature reads, or writes where ``write`` says so."""

    path: Path
    write: bool = False


def _always(_settings: Any) -> bool:
    return True


def _nowhere(_settings: Any) -> Iterable[Reach]:
    return ()


@dataclass(frozen=True, slots=True)
class Right:
    """One feature and what it takes. Empty texts take nothing.

    ``switch`` is the key that switches it on. ``capabilities`` are needed always, those in ``closed`` only where the files are closed to
    our own user (root without capabilities owns much, but not all). ``mount`` says what a container must have mounted, ``namespace`` which
    of the host's namespaces it must share, ``panel`` what the panel must allow. ``on`` and ``reaches`` take the settings that the switch
    stands in: of one target for a panel's right, the whole configuration else.
    """

    feature: str
    switch: str
    capabilities: tuple[Capability, ...] = ()
    closed: tuple[Capability, ...] = ()
    mount: str = ""
    namespace: str = ""
    panel: str = ""
    on: Callable[[Any], bool] = _always
    reaches: Callable[[Any], Iterable[Reach]] = _nowhere


def rights_of(panel: object) -> tuple[Right, ...]:
    """Return what a kind of panel says of its features; one that says nothing takes nothing of its own."""
    return cast("tuple[Right, ...]", getattr(panel, "rights", ()))


def effective(status: str) -> frozenset[Capability]:
    """Given the text of ``/proc/self/status``, return our effective capabilities. Raises ValueError where it does not tell them."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            bits = int(line.split()[1], 16)
            return frozenset(each for each in Capability if bits >> each.value & 1)
    raise ValueError("no line CapEff")
