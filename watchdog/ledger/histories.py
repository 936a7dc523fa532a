"""What was done to each object before. Kept beside the repairs, in the same transactions, so that pruning does not forget it.

An object's history is common to all hosts: a panel that two agents know has one cooldown, not two (rule 5).
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, case, func, select, update

from watchdog.ledger.book import Book
from watchdog.ledger.door import Door
from watchdog.ledger.schema import holdings, memories, object_remedies, objects, repairs
from watchdog.ledger.values import holding, pack_object, unpack, unpack_object
from watchdog.model.drifts import ObjectKey
from watchdog.model.repairs import LedgerFacts, ObjectHistory, Outcome, RepairState

HOUR = 3600.0

# asked in every pass of every target: built once, for building one costs more than asking it
_MEMORY = select(memories.c.memory).where(memories.c.host == bindparam("host"), memories.c.target == bindparam("target"))
_OBJECTS = select(objects).where(objects.c.target == bindparam("target"))
_LATELY = (
    select(repairs.c.object_key, func.count().label("lately"))
    .where(repairs.c.target == bindparam("target"), repairs.c.intended_at > bindparam("since"))
    .group_by(repairs.c.object_key)
)
_REMEDIES = (
    select(object_remedies)
    .join(objects, objects.c.object_key == object_remedies.c.object_key)
    .where(objects.c.target == bindparam("target"))
)
_HELD = (
    select(holdings)
    .where(holdings.c.host == bindparam("host"), holdings.c.target == bindparam("target"), holdings.c.released_at.is_(None))
    .order_by(holdings.c.id)
)


class Histories(Book):
    """What pure rules may know of the past."""

    def facts(self, target: str, now: float) -> LedgerFacts:
        """Return the memory of ``target``, the history of its objects and its holdings; see the reconciler's port."""
        about = {"host": self._host, "target": target, "since": now - HOUR}
        with self._door.read() as connection:
            memory: str | None = connection.execute(_MEMORY, about).scalar()
            rows = connection.execute(_OBJECTS, about).all()
            # an object that nobody ever acted on has no row: then there is no repair and no remedy to ask for
            last_hour = {row.object_key: int(row.lately) for row in connection.execute(_LATELY, about)} if rows else {}
            remedies = connection.execute(_REMEDIES, about).all() if rows else []
            mine = tuple(holding(row) for row in connection.execute(_HELD, about).mappings())
        keys = {row.object_key: unpack_object(row.object) for row in rows}
        history = {
            keys[row.object_key]: ObjectHistory(
                row.attempts, row.unverified, row.last_attempt_at, row.last_verified_at, row.not_before, last_hour.get(row.object_key, 0)
            )
            for row in rows
        }
        last = {(row.remedy, keys[row.object_key]): row.last_at for row in remedies}
        return LedgerFacts(unpack(memory) if memory else {}, history, last, mine)

    def forgive(self, acted_on: ObjectKey) -> bool:
        """Begin the counts of one object anew, on a person's word; return whether it had any history."""
        with self._door.write() as connection:
            mine = update(objects).where(objects.c.object_key == str(acted_on))
            return connection.execute(mine.values(attempts=0, unverified=0, not_before=None)).rowcount == 1


def begun(door: Door, connection: Connection, acted_on: ObjectKey, remedy: str, now: float) -> None:
    """Count one attempt, with its intent."""
    key = str(acted_on)
    first = {
        "object_key": key,
        "target": acted_on.target,
        "object": pack_object(acted_on),
        "attempts": 1,
        "unverified": 0,
        "last_attempt_at": now,
    }
    again = {"attempts": objects.c.attempts + 1, "last_attempt_at": now}
    connection.execute(door.insert(objects).values(first).on_conflict_do_update(index_elements=["object_key"], set_=again))
    used = door.insert(object_remedies).values(object_key=key, remedy=remedy, last_at=now)
    connection.execute(used.on_conflict_do_update(index_elements=["object_key", "remedy"], set_={"last_at": now}))


def ended(connection: Connection, acted_on: ObjectKey, to: RepairState, outcome: Outcome | None, now: float) -> None:
    """Keep what the end of a repair says about its object."""
    mine = update(objects).where(objects.c.object_key == str(acted_on))
    if to is RepairState.VERIFIED:
        connection.execute(mine.values(attempts=0, unverified=0, last_verified_at=now, not_before=None))
    elif to is RepairState.UNVERIFIED:
        connection.execute(mine.values(unverified=objects.c.unverified + 1))
    elif to is RepairState.LATER and outcome is not None and outcome.delay is not None:
        until = now + outcome.delay
        later = case((objects.c.not_before > until, objects.c.not_before), else_=until)
        connection.execute(mine.values(not_before=later))
