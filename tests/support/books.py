"""A TallyBook in memory that can be made to fail, before or after the write."""

from __future__ import annotations

from collections.abc import Mapping

from watchdog.errors import LedgerUnavailable
from watchdog.model.keeping import Tallies, TallyKey


class MemoryTallyBook:
    """Keeps tallies as the ledger does. ``away`` refuses everything; ``lose_answer`` writes once and then says it failed."""

    def __init__(self) -> None:
        self.kept: dict[str, Tallies] = {}
        self.away = False
        self.lose_answer = False
        self.writes = 0

    def load(self, family: str) -> Tallies:
        self._check()
        return self.kept.get(family, Tallies({}))

    def add(self, family: str, increments: Mapping[TallyKey, float], mark: str) -> None:
        self._check()
        counts = dict(self.kept.get(family, Tallies({})).counts)
        for key, by in increments.items():
            counts[key] = counts.get(key, 0.0) + by
        self.kept[family] = Tallies(counts, mark)
        self.writes += 1
        if self.lose_answer:
            self.lose_answer = False
            raise LedgerUnavailable("the answer was lost")

    def _check(self) -> None:
        if self.away:
            raise LedgerUnavailable("away")
