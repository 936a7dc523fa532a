"""Counting ended repairs. The ledger counts them too, where it moves the row, so that the counter goes on in the next life."""

from __future__ import annotations

from collections.abc import Collection

from watchdog.model.metrics import Instruments
from watchdog.model.repairs import RepairRecord
from watchdog.reconciler.ports import RepairBook

RESULTS = ("verified", "unverified", "later", "gave_up", "in_doubt")


class RepairCounts:
    """Counts ended repairs for the scrape. One for the whole life of the process, whatever is reloaded."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._counted: dict[tuple[str, str, str, str], float] = {}
        self._restored: set[str] = set()

    def restore(self, book: RepairBook, targets: Collection[str] | None = None) -> None:
        """Add what former lives counted, of ``targets`` (all when None), once each; again is fine. Raises LedgerUnavailable."""
        if targets is not None and self._restored.issuperset(targets):
            return
        for labels, value in book.repair_totals().items():
            if (targets is None or labels[1] in targets) and labels[1] not in self._restored:
                self._instruments.count("watchdog_repairs_total", *labels, by=max(0.0, value - self._counted.get(labels, 0.0)))
        self._restored.update(targets or ())

    def forget(self, targets: Collection[str]) -> None:
        """Forget targets that are no longer configured; should they come back, their past is read anew."""
        self._restored.difference_update(targets)
        self._counted = {labels: value for labels, value in self._counted.items() if labels[1] not in targets}

    def ended(self, record: RepairRecord) -> None:
        """Count one repair by the state its row has just been moved to."""
        if record.state.value in RESULTS:
            labels = (record.object.panel, record.object.target, record.remedy, record.state.value)
            self._counted[labels] = self._counted.get(labels, 0.0) + 1.0
            self._instruments.count("watchdog_repairs_total", *labels)

    def crashed(self, record: RepairRecord) -> None:
        """Count a remedy that failed with an error nobody foresaw."""
        self._instruments.count("watchdog_repair_crashes_total", record.object.panel, record.object.target, record.remedy)
