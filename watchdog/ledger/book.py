"""What all books share: the door, the clock, whose rows these are, and how long they stay."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from watchdog.ledger.door import Door
from watchdog.ledger.posting import write_letters
from watchdog.ledger.settings import KeepSettings
from watchdog.model.moments import Clock
from watchdog.model.notes import Letter, Nobody, Teller


class Book:
    """One part of the ledger. All parts are used from any thread; no row is kept in memory."""

    def __init__(self, door: Door, host: str, clock: Clock, keep: KeepSettings | None = None) -> None:
        self._door = door
        self._host = host
        self._clock = clock
        self._keep = keep or KeepSettings()
        self.teller: Teller = Nobody()

    def _serial(self, target: str) -> str:
        """Return the name under which changes of one target's drifts run one after the other."""
        return f"{self._host}\n{target}"

    def _tell(self, connection: Connection, letters: Collection[Letter], now: float) -> int:
        """Write letters in the transaction of what they tell; return how many were new."""
        if not letters:
            return 0
        written = write_letters(self._door, connection, self._host, letters, now)
        self.teller.posted(letters, written)
        return written
