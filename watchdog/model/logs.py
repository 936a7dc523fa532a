"""What was said in watched logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LogMatch:
    """One line that matched a panel's pattern.

    ``source`` is the need's name; ``pattern`` the pattern's name; ``fields`` its named groups, already redacted. ``at`` is UNIX seconds
    parsed in the writer's zone, or None when the line carries no time.
    """

    source: str
    pattern: str
    at: float | None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogSource:
    """One watched file or container log.

    ``covered_from`` (UNIX seconds) is since when we have read without a gap: silence before it proves nothing. ``gaps`` counts
    breaks (rotated away, truncated, skipped because too long). ``error`` names why it cannot be read now. ``read_to`` (UNIX seconds) is
    when we last stood at its end: younger silence proves nothing either.
    """

    name: str
    path: str
    offset: int = 0
    covered_from: float | None = None
    gaps: int = 0
    error: str | None = None
    read_to: float | None = None


@dataclass(frozen=True, slots=True)
class LogFacts:
    """All watched logs and the recent matches, oldest first, bounded by count."""

    sources: tuple[LogSource, ...] = ()
    matches: tuple[LogMatch, ...] = ()
