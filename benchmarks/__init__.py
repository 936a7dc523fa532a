"""Benchmarks: always a ratio against a named reference measured in the same run, because machines differ. ``make bench``.

Each module of this folder has ``run() -> list[Ratio]``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """One line of the table: ours and the reference, in seconds or in `unit`."""

    what: str
    ours: float
    reference: str
    theirs: float
    unit: str = "s"

    @property
    def times(self) -> float:
        """How many times longer the reference took."""
        return self.theirs / self.ours if self.ours else float("inf")
