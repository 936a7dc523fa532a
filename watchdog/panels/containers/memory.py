"""What is remembered of one container from look to look, and over our own restarts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "c:"
SAME_START: Final = 30.0
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class ContainerMemory:
    """One looked-after container. Times are UNIX seconds.

    ``ill``: it was unhealthy and has not been seen healthy since (a restart or a wait in ``starting`` changes nothing about that).
    ``output`` is what its check said then. ``ended`` is the end that was judged, ``how`` it came (witness.How), ``code`` its exit code.
    ``ill_since`` is when it was first seen unhealthy, ``well_under`` the start of the Docker under which it was last seen well.
    """

    id: str
    seen_at: float
    ill: bool = False
    output: str = ""
    ended: float | None = None
    how: str = ""
    code: int | None = None
    ill_since: float | None = None
    well_under: float | None = None


def same_start(one: float | None, other: float | None) -> bool:
    """Whether two readings of when Docker started (UNIX seconds) are of one start."""
    return one is not None and other is not None and abs(one - other) < SAME_START


def key(name: str) -> str:
    """Return the key of a container's memory."""
    return f"{PREFIX}{name}"


def steady(old: str, new: str) -> str:
    """Given what a check said and says, return the old words while only numbers in them move: evidence must not change with each look."""
    return old if old and _NUMBERS.sub("#", old) == _NUMBERS.sub("#", new) else new
