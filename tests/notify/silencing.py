"""What the hosts of all tests of silences have: a clock, a ledger, and a step at which they die."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.ledger import ledger_at

NOW = 1_800_000_000.0


class Died(Exception):
    """The process would be gone here."""


class Dying:
    """One host with its ledger; at the step ``dies_at`` it is gone."""

    def __init__(self, folder: Path, clock: Any) -> None:
        self.clock = clock
        self.ledger = ledger_at(folder / "ledger.sqlite3", clock)
        self.dies_at = ""

    def _on_step(self, mark: str) -> None:
        if mark == self.dies_at:
            raise Died(mark)

    def held(self) -> list[str]:
        return [each.object.id for each in self.ledger.holdings()]
