"""Planned repairs that wait for a person (rule 10)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from watchdog.errors import NotFound
from watchdog.ledger.book import Book
from watchdog.ledger.schema import STANDING, approvals
from watchdog.ledger.values import approval, binding, pack, pack_object
from watchdog.model.approvals import Approval, ApprovalState
from watchdog.model.repairs import PlannedRepair

GOOD_FOR = 3600.0
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another when read aloud or typed
_LENGTH = 5

WAITING, APPROVED, REJECTED = ApprovalState.WAITING, ApprovalState.APPROVED, ApprovalState.REJECTED
EXPIRED, USED, WITHDRAWN = ApprovalState.EXPIRED, ApprovalState.USED, ApprovalState.WITHDRAWN

DECISIONS: Mapping[ApprovalState, frozenset[ApprovalState]] = {
    WAITING: frozenset({APPROVED, REJECTED, EXPIRED, WITHDRAWN}),
    APPROVED: frozenset({REJECTED, USED, EXPIRED, WITHDRAWN}),
    REJECTED: frozenset(), EXPIRED: frozenset(), USED: frozenset(), WITHDRAWN: frozenset(),
}  # fmt: skip
_BY_A_PERSON = frozenset({APPROVED, REJECTED})


class Approvals(Book):
    """Requests of this host. One binding has at most one request that waits or is approved."""

    def request_approval(self, wanted: PlannedRepair, describes: tuple[str, ...], now: float) -> Approval:
        """Return the waiting or approved request with the same binding, or write a new one.

        A waiting one is given the newest description and risk; an approved one stays what the person read.
        """
        bound = binding_of(wanted)
        with self._door.write(self._serial(bound)) as connection:
            mine = (approvals.c.host == self._host) & (approvals.c.binding == bound) & approvals.c.state.in_(STANDING)
            row = connection.execute(select(approvals).where(mine)).mappings().one_or_none()
            if row is not None and _over(row, now):
                self._set(connection, row, EXPIRED, "time", now)
                row = None
            if row is None:
                return self._ask(connection, wanted, bound, describes, now)
            if row["state"] == WAITING.value:
                newest = {"describes": pack(list(describes)), "risk": wanted.risk.value}
                if any(row[name] != value for name, value in newest.items()):
                    newer = update(approvals).where(approvals.c.id == row["id"]).values(**newest, version=approvals.c.version + 1)
                    row = connection.execute(newer.returning(approvals)).mappings().one()
            return approval(row)

    def decide(self, approval_id: str, to: ApprovalState, by: str, now: float) -> Approval | None:
        """Approve (good for an hour), reject, use, expire or withdraw; None when its state does not allow it any more. Raises NotFound.

        Who decided, and when, stays the person's even after it was used or expired.
        """
        typed = approval_id.strip().lower()
        with self._door.write() as connection:
            mine = select(approvals).where(approvals.c.id == typed, approvals.c.host == self._host).with_for_update()
            row = connection.execute(mine).mappings().one_or_none()
            if row is None:
                raise NotFound(f"no request for approval is called '{typed}': see `panel-watchdog plan`")
            if to is not EXPIRED and _over(row, now):
                self._set(connection, row, EXPIRED, "time", now)
                return None
            if to not in DECISIONS[ApprovalState(row["state"])]:
                return None
            return self._set(connection, row, to, by, now)

    def approvals(self, target: str | None = None, states: Sequence[ApprovalState] = ()) -> tuple[Approval, ...]:
        """Return requests, the oldest first; all states when none is named."""
        mine = select(approvals).where(approvals.c.host == self._host)
        if target is not None:
            mine = mine.where(approvals.c.target == target)
        if states:
            mine = mine.where(approvals.c.state.in_([state.value for state in states]))
        with self._door.read() as connection:
            rows = connection.execute(mine.order_by(approvals.c.requested_at, approvals.c.id)).mappings().all()
        return tuple(approval(row) for row in rows)

    def withdraw_missing(self, target: str, bindings: Collection[str], now: float) -> int:
        """Withdraw the waiting requests of ``target`` whose binding is not among those still wanted; return how many."""
        mine = (approvals.c.host == self._host) & (approvals.c.target == target) & (approvals.c.state == WAITING.value)
        gone = {
            "state": WITHDRAWN.value,
            "decided_at": now,
            "decided_by": "nothing asks for it any more",
            "version": approvals.c.version + 1,
        }
        with self._door.write() as connection:
            missing = update(approvals).where(mine, approvals.c.binding.not_in(sorted(bindings)))
            return connection.execute(missing.values(gone)).rowcount

    def _ask(self, connection: Connection, wanted: PlannedRepair, bound: str, describes: tuple[str, ...], now: float) -> Approval:
        proposal = wanted.proposal
        values: dict[str, Any] = {
            "id": _new_id(connection), "host": self._host, "binding": bound, "target": proposal.object.target, "remedy": proposal.remedy,
            "object": pack_object(proposal.object), "parameters": pack(dict(proposal.parameters)),
            "drift_keys": pack(list(wanted.drift_keys)), "risk": wanted.risk.value, "describes": pack(list(describes)),
            "state": WAITING.value, "requested_at": now, "version": 0,
        }  # fmt: skip
        asked = approval(connection.execute(insert(approvals).values(values).returning(approvals)).mappings().one())
        self._tell(connection, self.teller.approval(asked), now)
        return asked

    @staticmethod
    def _set(connection: Connection, row: RowMapping, to: ApprovalState, by: str, now: float) -> Approval:
        values: dict[str, Any] = {"state": to.value, "version": approvals.c.version + 1}
        if to in _BY_A_PERSON or row["decided_by"] is None:
            values |= {"decided_at": now, "decided_by": by}
        if to is APPROVED:
            values["expires_at"] = now + GOOD_FOR
        changed = update(approvals).where(approvals.c.id == row["id"]).values(values).returning(approvals)
        return approval(connection.execute(changed).mappings().one())


def binding_of(wanted: PlannedRepair) -> str:
    """Return the binding of a planned repair, as ``withdraw_missing`` and ``Approval.binding`` have it."""
    return binding(wanted.drift_keys, wanted.proposal.remedy, wanted.proposal.object, wanted.proposal.parameters)


def _over(row: RowMapping, now: float) -> bool:
    return bool(row["state"] == APPROVED.value and row["expires_at"] <= now)


def _new_id(connection: Connection) -> str:
    while True:
        name = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        if connection.execute(select(approvals.c.id).where(approvals.c.id == name)).first() is None:
            return name
