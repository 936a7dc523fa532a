"""Counting ended repairs: in memory for the scrape, in the ledger for the next life."""

from __future__ import annotations

from watchdog.errors import LedgerUnavailable
from watchdog.model.keeping import TallyBook
from watchdog.model.metrics import Instruments
from watchdog.model.repairs import RepairRecord
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

RESULTS = ("verified", "unverified", "later", "gave_up", "in_doubt")
FAMILY = "repairs"


class RepairCounts:
    """Counts ended repairs in memory for the scrape and in the ledger for the next life."""

    def __init__(self, instruments: Instruments, tallies: TallyBook | None = None) -> None:
        self._instruments = instruments
        self._tallies = tallies

    def restore(self) -> None:
        """Add what former lives counted. Call once, at start. Raises LedgerUnavailable."""
        if self._tallies is not None:
            for labels, value in self._tallies.load(FAMILY).counts.items():
                self._instruments.count("watchdog_repairs_total", *labels, by=value)

    def ended(self, record: RepairRecord) -> None:
        """Count one repair by the state its row has just been moved to."""
        result = record.state.value
        if result not in RESULTS:
            return
        labels = (record.object.panel, record.object.target, record.remedy, result)
        self._instruments.count("watchdog_repairs_total", *labels)
        if self._tallies is not None:
            try:
                self._tallies.add(FAMILY, {labels: 1.0}, f"{record.id}:{record.version}")
            except LedgerUnavailable as error:
                log.warning("a repair is not counted for the next life", repair=record.id, error=str(error))

    def crashed(self, record: RepairRecord) -> None:
        """Count a remedy that failed with an error nobody foresaw."""
        self._instruments.count("watchdog_repair_crashes_total", record.object.panel, record.object.target, record.remedy)
