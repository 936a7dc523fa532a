"""Forget, by age and by count, what is over. What is open, running, in doubt, waiting or held is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, or_, select

from watchdog.ledger.book import Book
from watchdog.ledger.leases import NOBODY
from watchdog.ledger.schema import (
    STANDING,
    UNFINISHED,
    approvals,
    episodes,
    holdings,
    ignore_evidence,
    ignores,
    leases,
    object_remedies,
    objects,
    outbox,
    pauses,
    repairs,
)

_LEASES_FOR = 86400.0


class Pruning(Book):
    """The clean-up of this host's rows."""

    def prune(self, now: float) -> Mapping[str, int]:
        """Remove what is over for longer than we keep, or beyond the count; return how many rows of each kind."""
        before = now - self._keep.age
        closed = (episodes.c.host == self._host) & episodes.c.closed_at.is_not(None)
        ended = (repairs.c.host == self._host) & repairs.c.state.not_in(UNFINISHED)
        resumed = (pauses.c.host == self._host) & pauses.c.ended_at.is_not(None)
        over = (approvals.c.host == self._host) & approvals.c.state.not_in(STANDING)
        with self._door.write() as connection:
            return {
                "episodes": self._thin(connection, episodes, closed, episodes.c.closed_at, before),
                "repairs": self._thin(connection, repairs, ended, repairs.c.intended_at, before),
                "approvals": _remove(connection, approvals, over & (approvals.c.requested_at < before)),
                "holdings": _remove(connection, holdings, (holdings.c.host == self._host) & (holdings.c.released_at < before)),
                "pauses": self._thin(connection, pauses, resumed, pauses.c.ended_at, before),
                "letters": _remove(connection, outbox, (outbox.c.host == self._host) & (outbox.c.created_at < before)),
                "ignores": _remove(connection, ignores, (ignores.c.host == self._host) & (ignores.c.until < before)),
                "evidence": self._evidence(connection),
                "objects": self._objects(connection, before),
                "leases": self._leases(connection),
            }

    def _thin(self, connection: Connection, table: Table, over: ColumnElement[bool], at: ColumnElement[float], before: float) -> int:
        newest = select(table.c.id).where(over).order_by(at.desc(), table.c.id.desc()).limit(self._keep.count)
        return _remove(connection, table, over & or_(at < before, table.c.id.not_in(newest)))

    def _evidence(self, connection: Connection) -> int:
        """Forget what an ignore remembers of drifts that have no episode left."""
        known = select(episodes.c.drift_key).where(episodes.c.host == self._host)
        mine = select(ignores.c.id).where(ignores.c.host == self._host)
        return _remove(connection, ignore_evidence, ignore_evidence.c.ignore_id.in_(mine) & ignore_evidence.c.drift_key.not_in(known))

    @staticmethod
    def _objects(connection: Connection, before: float) -> int:
        """Forget objects that nobody acted on for so long, unless an open drift or an unfinished repair names them."""
        named = select(episodes.c.object_key).where(episodes.c.closed_at.is_(None), episodes.c.object_key.is_not(None))
        busy = select(repairs.c.object_key).where(repairs.c.state.in_(UNFINISHED))
        over = (objects.c.last_attempt_at < before) & objects.c.object_key.not_in(named) & objects.c.object_key.not_in(busy)
        removed = _remove(connection, objects, over)
        if removed:
            _remove(connection, object_remedies, object_remedies.c.object_key.not_in(select(objects.c.object_key)))
        return removed

    def _leases(self, connection: Connection) -> int:
        # numbers go on growing without the rows: they come from one counter
        over = or_(leases.c.holder == NOBODY, leases.c.expires_at < self._door.now - _LEASES_FOR, leases.c.epoch != self._door.epoch)
        return _remove(connection, leases, over)


def _remove(connection: Connection, table: Table, where: ColumnElement[Any]) -> int:
    return connection.execute(delete(table).where(where)).rowcount
