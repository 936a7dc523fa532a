"""Counting ended repairs. The ledger counts them too, where it moves the row, so that the counter goes on in the next life."""

from __future__ import annotations

from watchdog.model.metrics import Instruments
from watchdog.model.repairs import RepairRecord
from watchdog.reconciler.ports import RepairBook

RESULTS = ("verified", "unverified", "later", "gave_up", "in_doubt")


class RepairCounts:
    """Counts ended repairs for the scrape."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def restore(self, book: RepairBook) -> None:
        """Add what former lives counted. Call once, at start, before any repair. Raises LedgerUnavailable."""
        for labels, value in book.repair_totals().items():
            self._instruments.count("watchdog_repairs_total", *labels, by=value)

    def ended(self, record: RepairRecord) -> None:
        """Count one repair by the state its row has just been moved to."""
        if record.state.value in RESULTS:
            labels = (record.object.panel, record.object.target, record.remedy, record.state.value)
            self._instruments.count("watchdog_repairs_total", *labels)

    def crashed(self, record: RepairRecord) -> None:
        """Count a remedy that failed with an error nobody foresaw."""
        self._instruments.count("watchdog_repair_crashes_total", record.object.panel, record.object.target, record.remedy)
