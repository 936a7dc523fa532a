"""The record of repairs: the intent before the act, every move by compare-and-set, the verdict after it (rules 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from watchdog.errors import LeaseLost, Refused
from watchdog.ledger import histories
from watchdog.ledger.book import Book
from watchdog.ledger.leases import good_for
from watchdog.ledger.schema import UNFINISHED, repair_steps, repair_totals, repairs
from watchdog.ledger.values import pack, pack_object, pack_outcome, repair
from watchdog.model.approvals import Lease
from watchdog.model.drifts import ObjectKey
from watchdog.model.repairs import Outcome, PlannedRepair, RepairRecord, RepairState

INTENDED, ACTING, SETTLING = RepairState.INTENDED, RepairState.ACTING, RepairState.SETTLING
VERIFIED, UNVERIFIED, IN_DOUBT = RepairState.VERIFIED, RepairState.UNVERIFIED, RepairState.IN_DOUBT
LATER, GAVE_UP = RepairState.LATER, RepairState.GAVE_UP

MOVES: Mapping[RepairState, frozenset[RepairState]] = {
    INTENDED: frozenset({ACTING, LATER, GAVE_UP, IN_DOUBT}),
    ACTING: frozenset({SETTLING, LATER, GAVE_UP, IN_DOUBT}),
    SETTLING: frozenset({VERIFIED, UNVERIFIED, IN_DOUBT}),
    IN_DOUBT: frozenset({SETTLING, VERIFIED, UNVERIFIED, LATER, GAVE_UP}),
    VERIFIED: frozenset(), UNVERIFIED: frozenset(), LATER: frozenset(), GAVE_UP: frozenset(),
}  # fmt: skip
"""What may follow what. Out of doubt leads a late outcome of the hung thread, or a verdict by looking again."""

RESULTS = (VERIFIED, UNVERIFIED, LATER, GAVE_UP, IN_DOUBT)


class Repairs(Book):
    """Repairs of this host."""

    def intend(self, wanted: PlannedRepair, lease: Lease, requested_by: str, now: float) -> RepairRecord:
        """Write the intent, before anything is sent; it counts as one attempt from now on.

        Raises LeaseLost when ``lease`` is not good any more, Refused when an unfinished repair of the object stands (rule 5).
        """
        acted_on = wanted.proposal.object
        if lease.object != str(acted_on):
            raise ValueError(f"this lease is for {lease.object}, not for {acted_on}")
        values = self._first_row(wanted, lease, requested_by, now)
        with self._door.write() as connection:
            if good_for(self._door, connection, lease) <= 0:
                raise LeaseLost(f"the lease of {lease.object} (number {lease.number}) is not ours any more")
            self._take_over(connection, acted_on, lease)
            try:
                row = connection.execute(insert(repairs).values(values).returning(repairs)).mappings().one()
            except IntegrityError:
                raise Refused(f"another repair of {acted_on} was begun at the same moment") from None
            histories.begun(self._door, connection, acted_on, wanted.proposal.remedy, now)
            return repair(row)

    def move(
        self, record: RepairRecord, to: RepairState, now: float, *, outcome: Outcome | None = None, message: str = ""
    ) -> RepairRecord | None:
        """Move ``record`` if nobody did since it was read; None = somebody did, or acts on its object by now.

        Raises ValueError for a move that is not in ``MOVES``.
        """
        if to not in MOVES[record.state]:
            raise ValueError(f"a repair cannot go from {record.state.value} to {to.value}")
        mine = (repairs.c.id == record.id) & (repairs.c.version == record.version) & (repairs.c.state == record.state.value)
        values = {"state": to.value, "version": repairs.c.version + 1, **_stamps(to, now, outcome, message)}
        with self._door.write() as connection:
            try:
                # a savepoint: out of doubt, a row can meet the repair of another host that took over (one_repair_in_flight)
                with connection.begin_nested() if record.state is IN_DOUBT else nullcontext():
                    row = connection.execute(update(repairs).where(mine).values(values).returning(repairs)).mappings().one_or_none()
            except IntegrityError:
                row = None
            if row is None:
                return None
            moved = repair(row)
            histories.ended(connection, moved.object, to, outcome, now)
            self._count(connection, moved)
            self._tell(connection, self.teller.repair(moved), now)
            return moved

    def note_step(self, record: RepairRecord, step: str, now: float) -> None:
        """Append a step boundary to the repair's row."""
        last = select(func.coalesce(func.max(repair_steps.c.number), 0)).where(repair_steps.c.repair_id == record.id)
        with self._door.write() as connection:
            number: int = connection.execute(last).scalar_one() + 1
            connection.execute(insert(repair_steps).values(repair_id=record.id, number=number, step=step, at=now))

    def steps(self, repair_id: int) -> tuple[tuple[str, float], ...]:
        """Return the step boundaries of one repair in order: (name, UNIX seconds)."""
        mine = select(repair_steps.c.step, repair_steps.c.at).where(repair_steps.c.repair_id == repair_id)
        with self._door.read() as connection:
            return tuple((step, at) for step, at in connection.execute(mine.order_by(repair_steps.c.number)))

    def repairs(self, target: str | None = None, states: Sequence[RepairState] = (), limit: int = 1000) -> tuple[RepairRecord, ...]:
        """Return repairs, newest first; all states when none is named."""
        mine = select(repairs).where(repairs.c.host == self._host)
        if target is not None:
            mine = mine.where(repairs.c.target == target)
        if states:
            mine = mine.where(repairs.c.state.in_([state.value for state in states]))
        with self._door.read() as connection:
            rows = connection.execute(mine.order_by(repairs.c.id.desc()).limit(limit)).mappings().all()
        return tuple(repair(row) for row in rows)

    def repairs_of_all(self, panel: str, since: float) -> tuple[RepairRecord, ...]:
        """Return the repairs of one kind of panel that were intended since then, of all hosts that share the ledger, the oldest first."""
        late = select(repairs).where(repairs.c.intended_at >= since)
        with self._door.read() as connection:
            rows = connection.execute(late.order_by(repairs.c.id)).mappings().all()
        return tuple(each for each in map(repair, rows) if each.object.panel == panel)

    def repair_totals(self) -> Mapping[tuple[str, str, str, str], float]:
        """Return how many repairs this host has ever moved to each of ``RESULTS``, by (panel, target, remedy, result)."""
        mine = select(repair_totals).where(repair_totals.c.host == self._host)
        with self._door.read() as connection:
            return {(row.panel, row.target, row.remedy, row.result): float(row.repairs) for row in connection.execute(mine)}

    def _first_row(self, wanted: PlannedRepair, lease: Lease, requested_by: str, now: float) -> dict[str, Any]:
        proposal = wanted.proposal
        return {
            "host": self._host, "target": proposal.object.target,
            "object_key": str(proposal.object), "object": pack_object(proposal.object),
            "remedy": proposal.remedy, "parameters": pack(dict(proposal.parameters)), "facts": pack(dict(proposal.facts)),
            "risk": wanted.risk.value, "state": INTENDED.value, "drift_keys": pack(list(wanted.drift_keys)), "requested_by": requested_by,
            "intended_at": now, "message": "", "fence": lease.number, "version": 0,
        }  # fmt: skip

    def _take_over(self, connection: Connection, acted_on: ObjectKey, lease: Lease) -> None:
        """Refuse beside an unfinished repair of our own; one of another host, whose lease we now have, is in doubt."""
        mine = select(repairs.c.id, repairs.c.host, repairs.c.state).where(
            repairs.c.object_key == str(acted_on), repairs.c.state.in_(UNFINISHED)
        )
        for row in connection.execute(mine).all():
            if row.host == self._host:  # in doubt, too: a stuck repair is never replaced (rule 6)
                raise Refused(f"repair {row.id} of {acted_on} is still {row.state}")
            if row.state == IN_DOUBT.value:
                continue
            doubt = {
                "state": IN_DOUBT.value, "version": repairs.c.version + 1,
                "message": f"its lease ran out; host {self._host} took over with fence {lease.number}",
            }  # fmt: skip
            connection.execute(update(repairs).where(repairs.c.id == row.id).values(doubt))

    def _count(self, connection: Connection, moved: RepairRecord) -> None:
        if moved.state in RESULTS:
            keys = {
                "host": self._host,
                "panel": moved.object.panel,
                "target": moved.object.target,
                "remedy": moved.remedy,
                "result": moved.state.value,
            }
            first = self._door.insert(repair_totals).values(**keys, repairs=1)
            connection.execute(first.on_conflict_do_update(index_elements=list(keys), set_={"repairs": repair_totals.c.repairs + 1}))


def _stamps(to: RepairState, now: float, outcome: Outcome | None, message: str) -> dict[str, Any]:
    stamps: dict[str, Any] = {"message": message} if message else {}
    if outcome is not None:
        stamps["outcome"] = pack_outcome(outcome)
    if to is ACTING:
        stamps["acted_at"] = now
    elif to in {SETTLING, LATER, GAVE_UP}:
        stamps["outcome_at"] = now
    elif to in {VERIFIED, UNVERIFIED}:
        stamps["verdict_at"] = now
    return stamps
