"""The releases this fake can be, and in what they differ (contract section 1.6 and section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Release:
    """One release. ``finished_row``: when the row that says so is written; none = one row per backup, at its start."""

    name: str
    finished_row: Literal["none", "after_last_chunk", "before_the_end"]
    has_stats: bool = True
    has_configurations: bool = True
    flushes: bool = True
    """Whether the command flushes its output (fixed by ca4448d9 in 2025.20)."""
    reads_key: bool = False
    """Whether ``--key=-`` asks for the key (2026.61)."""


RELEASES: Final[Mapping[str, Release]] = {
    each.name: each
    for each in (
        Release("2025.12", "none", has_stats=False, has_configurations=False, flushes=False),
        Release("2025.69", "after_last_chunk", has_stats=False),
        Release("2026.12", "after_last_chunk", has_stats=False),
        Release("2026.61", "before_the_end", reads_key=True),
    )
}
