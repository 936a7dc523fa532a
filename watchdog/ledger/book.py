"""What all books share: the door, the clock, whose rows these are, and how long they stay."""

from __future__ import annotations

from watchdog.ledger.door import Door
from watchdog.ledger.settings import KeepSettings
from watchdog.model.moments import Clock


class Book:
    """One part of the ledger. All parts are used from any thread; no row is kept in memory."""

    def __init__(self, door: Door, host: str, clock: Clock, keep: KeepSettings | None = None) -> None:
        self._door = door
        self._host = host
        self._clock = clock
        self._keep = keep or KeepSettings()

    def _serial(self, target: str) -> str:
        """Return the name under which changes of one target's drifts run one after the other."""
        return f"{self._host}\n{target}"
