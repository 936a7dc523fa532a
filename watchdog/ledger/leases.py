"""Leases with fencing numbers: who may act on an object now.

What is guaranteed:

* Numbers only grow, over all objects and for ever (one counter, kept when leases are pruned). A lease is lost the moment a higher number
  is given out for its object, whatever any clock says: of two who believe in their lease, at most one passes ``remaining``.
* SQLite is one host's: the clock is that host's CLOCK_BOOTTIME, given to the database as ``ledger_now()`` and common to all its
  processes. It never jumps, counts sleep, and is labelled with the boot's id: after a reboot every lease of before is over, as is every
  process that held one. So a jump of the wall clock neither ends a lease early nor keeps one alive.
* PostgreSQL has only a wall clock, which can be set. Beside it the holder counts its own time from *before* it asked and believes the
  shorter of the two, so a server clock that is set back makes others wait longer and nothing worse. One that is set forward gives the
  object away early: then the old holder fails its next fence, and what it had already sent is the one request that the
  remedy's own precondition must bear (rule 5).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, or_, select, update

from watchdog.ledger.book import Book
from watchdog.ledger.door import Door
from watchdog.ledger.schema import fence, leases
from watchdog.ledger.settings import KeepSettings
from watchdog.model.approvals import Lease
from watchdog.model.drifts import ObjectKey
from watchdog.model.moments import Clock

NOBODY = ""
_FEW = 10_000


class OwnTime:
    """What is left of each lease by this process' own monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[int, float] = {}
        self._lock = threading.Lock()

    def mono(self) -> float:
        """Return the clock's reading, to be taken before the database is asked."""
        return self._clock.now().mono

    def granted(self, number: int, until: float) -> None:
        """Remember that a lease was given or renewed until ``until`` of this clock."""
        with self._lock:
            if len(self._until) > _FEW:
                now = self.mono()
                self._until = {each: end for each, end in self._until.items() if end > now}
            self._until[number] = until

    def remaining(self, number: int) -> float:
        """Return the seconds left; without end for a lease of another process, of which only the database knows."""
        with self._lock:
            until = self._until.get(number)
        return float("inf") if until is None else until - self.mono()

    def forget(self, number: int) -> None:
        """Forget a lease that was given back."""
        with self._lock:
            self._until.pop(number, None)


class Leases(Book):
    """Leases on objects and on names such as ``process/HOST``."""

    def __init__(self, door: Door, host: str, clock: Clock, keep: KeepSettings | None = None) -> None:
        super().__init__(door, host, clock, keep)
        self._own = OwnTime(clock)

    def lease(self, object_key: ObjectKey | str, holder: str, seconds: float) -> Lease | None:
        """Take the lease of an object for ``seconds`` if it is free, expired or already ours; None = somebody else's.

        Each grant has a new number: when we take what is ours already, the older ``Lease`` is lost.
        """
        name, before = str(object_key), self._own.mono()
        with self._door.read() as connection:
            # most of those who must wait find out here, without a write
            held = connection.execute(select(leases.c.object).where(leases.c.object == name, leases.c.holder != holder, self._live)).first()
        if held is not None:
            return None
        with self._door.write() as connection:
            number: int = connection.execute(update(fence).values(number=fence.c.number + 1).returning(fence.c.number)).scalar_one()
            values = {"holder": holder, "number": number, "expires_at": self._door.now + seconds, "epoch": self._door.epoch}
            taken = self._door.insert(leases).values(object=name, **values)
            free = or_(leases.c.holder == holder, ~self._live)
            taken = taken.on_conflict_do_update(index_elements=["object"], set_=values, where=free)
            if connection.execute(taken.returning(leases.c.number)).first() is None:
                return None
        self._own.granted(number, before + seconds)
        return Lease(name, holder, number)

    def remaining(self, lease: Lease) -> float:
        """Return the seconds the lease is still good for; 0 or less = lost."""
        with self._door.read() as connection:
            left = good_for(self._door, connection, lease)
        return min(left, self._own.remaining(lease.number))

    def renew(self, lease: Lease, seconds: float) -> bool:
        """Let the lease end ``seconds`` from now; False = it is lost, by number or by time."""
        before = self._own.mono()
        if self._own.remaining(lease.number) <= 0:
            return False
        with self._door.write() as connection:
            mine = update(leases).where(self._mine(lease), self._live).values(expires_at=self._door.now + seconds)
            if connection.execute(mine).rowcount != 1:
                return False
        self._own.granted(lease.number, before + seconds)
        return True

    def release(self, lease: Lease) -> None:
        """Give the lease back, if it is still this one."""
        self._own.forget(lease.number)
        with self._door.write() as connection:
            connection.execute(update(leases).where(self._mine(lease)).values(holder=NOBODY, expires_at=0.0))

    def leases(self) -> tuple[Lease, ...]:
        """Return the leases that are not expired, of all holders."""
        with self._door.read() as connection:
            rows = connection.execute(select(leases).where(self._live, leases.c.holder != NOBODY).order_by(leases.c.number)).all()
        return tuple(Lease(row.object, row.holder, row.number) for row in rows)

    @property
    def _live(self) -> ColumnElement[bool]:
        return (leases.c.expires_at > self._door.now) & (leases.c.epoch == self._door.epoch)

    @staticmethod
    def _mine(lease: Lease) -> ColumnElement[bool]:
        return (leases.c.object == lease.object) & (leases.c.holder == lease.holder) & (leases.c.number == lease.number)


def good_for(door: Door, connection: Connection, lease: Lease) -> float:
    """Return the seconds ``lease`` is good for by the database's clock alone, inside a transaction."""
    mine: Mapping[str, ColumnElement[bool]] = {"object": leases.c.object == lease.object, "holder": leases.c.holder == lease.holder}
    left = select(leases.c.expires_at - door.now).where(*mine.values(), leases.c.number == lease.number, leases.c.epoch == door.epoch)
    seconds: float | None = connection.execute(left).scalar()
    return 0.0 if seconds is None else seconds
