"""Changes of ours outside that outlive us, with their undo (rule 19)."""

from __future__ import annotations

from sqlalchemy import select, update

from watchdog.ledger.book import Book
from watchdog.ledger.schema import holdings
from watchdog.ledger.values import holding, pack, pack_object
from watchdog.model.approvals import Holding


class Holdings(Book):
    """Holdings of this host."""

    def hold(self, wanted: Holding) -> Holding:
        """Write a holding before the change is made; return it with its id. ``wanted.id`` does not count.

        One that is held already (same target, what and object) keeps its first undo, which leads back to how it was before us; only its
        expiry is renewed.
        """
        values = {
            "host": self._host, "target": wanted.target, "what": wanted.what, "object_key": str(wanted.object),
            "object": pack_object(wanted.object), "undo": wanted.undo, "parameters": pack(dict(wanted.parameters)),
            "created_at": wanted.created_at, "expires_at": wanted.expires_at,
        }  # fmt: skip
        written = self._door.insert(holdings).values(values)
        written = written.on_conflict_do_update(
            index_elements=["host", "target", "object_key", "what"],
            index_where=holdings.c.released_at.is_(None),
            set_={"expires_at": wanted.expires_at},
        )
        with self._door.write() as connection:
            return holding(connection.execute(written.returning(holdings)).mappings().one())

    def holdings(self, *, released: bool = False) -> tuple[Holding, ...]:
        """Return what is held, the oldest first; with ``released`` also what was."""
        mine = select(holdings).where(holdings.c.host == self._host)
        if not released:
            mine = mine.where(holdings.c.released_at.is_(None))
        with self._door.read() as connection:
            rows = connection.execute(mine.order_by(holdings.c.id)).mappings().all()
        return tuple(holding(row) for row in rows)

    def release_holding(self, holding_id: int, now: float) -> bool:
        """Mark a holding undone; False when it is not held (any more)."""
        mine = (holdings.c.id == holding_id) & (holdings.c.host == self._host) & holdings.c.released_at.is_(None)
        with self._door.write() as connection:
            return connection.execute(update(holdings).where(mine).values(released_at=now)).rowcount == 1
