"""What a check says to its parent while it works, and what the parent told it to begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from watchdog.collectors.archives.findings import Finding

Place = dict[str, Any]
"""Where a check can go on after a restart, as plain JSON: what it had found out before it, too."""


def _unheard(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Talk:
    """``so_far`` is told of damage before the rest is searched for what survives.

    ``place`` is told of each place from which the check could go on, by a function that makes it (None = not here). ``resume`` is such a
    place, of an earlier run over the same bytes.
    """

    so_far: Callable[[Finding], None] = _unheard
    place: Callable[[Callable[[], Place | None]], None] = _unheard
    resume: Place | None = None


SILENT = Talk()
