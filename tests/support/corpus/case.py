"""One file of the corpus and what must be said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """``name`` is a file name, whose suffix is a promise. ``reasons`` are all of them for a good file, else the gravest alone counts.

    ``survive`` is (entries, bytes) that a bad file must still be said to have; None = not asked. ``key``
    opens an encrypted container.
    """

    name: str
    make: Callable[[], bytes]
    verdict: str
    reasons: tuple[str, ...] = ()
    survive: tuple[int, int] | None = None
    key: bytes = b""


def good(name: str, make: Callable[[], bytes], *reasons: str) -> Case:
    return Case(name, make, "good", reasons)


def bad(name: str, reason: str, make: Callable[[], bytes], survive: tuple[int, int] | None = None) -> Case:
    return Case(name, make, "bad", (reason,), survive)


def unprovable(name: str, reason: str, make: Callable[[], bytes]) -> Case:
    return Case(name, make, "unverifiable", (reason,))


def patched(archive: bytes, at: int, new: bytes) -> bytes:
    return archive[:at] + new + archive[at + len(new) :]


def flipped(archive: bytes, at: int, bit: int = 0) -> bytes:
    return patched(archive, at, bytes([archive[at] ^ (1 << bit)]))
