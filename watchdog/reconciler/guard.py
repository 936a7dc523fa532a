"""The last checks before a repair is begun, in order, each with a named refusal. What a plan says may be seconds old; this is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchdog.model.approvals import Approval, ApprovalState, Lease
from watchdog.model.drifts import ObjectKey
from watchdog.model.repairs import Mode, ObjectHistory, PlannedRepair, Remedy, RepairState
from watchdog.model.snapshots import Actual
from watchdog.reconciler.policy import Policy
from watchdog.reconciler.ports import LedgerPort

LONGEST_LEASE = 1200.0
"""Seconds for which a lease is taken at most, margin apart: a repair of hours renews it (runner.tend), and one whose process died in a
place where nobody can tell that (another host, a container made anew) does not keep its object for hours."""
UNFINISHED = (RepairState.INTENDED, RepairState.ACTING, RepairState.SETTLING, RepairState.IN_DOUBT)

REFUSALS: Mapping[str, str] = {
    "stopping": "the program is ending",
    "observe": "the mode is observe now",
    "gate": "the Docker gate is closed now",
    "paused": "a pause stands now",
    "old_plan": "the look behind the plan is too old",
    "parallel": "as many repairs of this target as allowed are running",
    "approval": "it needs an approval and none stands",
    "leased": "somebody else holds the object's lease",
    "in_flight": "an unfinished repair of the object stands in the ledger",
    "acted_meanwhile": "somebody acted on the object since the plan was made",
    "approval_used": "the approval was used, withdrawn or expired meanwhile",
    "no_ledger": "the intent could not be written",
}
"""Every refusal of the guard, in the order of its checks."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the guard looks at besides the ledger: the newest truth and the state of this process.

    ``running`` repairs of the target are being carried out here; ``acting`` is whether one of them is on this very object; ``paused`` is
    whether a pause over any of the repair's drifts stands now.
    """

    actual: Actual
    stopping: bool
    plan_age: float
    running: int
    acting: bool
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a planned repair is not begun: a key of ``REFUSALS`` and its sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Admission:
    """The right to begin: the object's lease, and the approval that was used up (None = none was needed)."""

    lease: Lease
    lease_seconds: float
    approval: Approval | None


class Guard:
    """Admits repairs of one target. ``holder`` names this process in leases."""

    def __init__(self, ledger: LedgerPort, target: str, holder: str) -> None:
        self._ledger = ledger
        self._target = target
        self._holder = holder

    def admit(
        self, repair: PlannedRepair, remedy: Remedy, policy: Policy, history: ObjectHistory, at: Circumstances, now: float
    ) -> Admission | Refusal:
        """Given a planned repair and the history it was planned by, return the admission or the first refusal.

        ``now`` is UNIX seconds. Raises LedgerUnavailable. On refusal nothing stays behind: a lease taken is given back.
        """
        refusal = self._locally(repair, remedy, policy, at)
        if refusal is not None:
            return _refuse(refusal)
        seconds = min(remedy.deadline, LONGEST_LEASE) + policy.timing.lease_margin
        lease = self._ledger.lease(repair.proposal.object, self._holder, seconds)
        if lease is None:
            return _refuse("leased")
        admitted = False
        try:
            refusal = self._under_lease(repair.proposal.object, history, now)
            if refusal is not None:
                return _refuse(refusal)
            approval = None
            if repair.approval_id is not None:
                # used up before the intent: a crash in between costs a second question, never a second act by one approval
                approval = self._ledger.decide(repair.approval_id, ApprovalState.USED, self._holder, now)
                if approval is None:
                    return _refuse("approval_used")
            admitted = True
            return Admission(lease, seconds, approval)
        finally:
            if not admitted:
                self._ledger.release(lease)

    @staticmethod
    def _locally(repair: PlannedRepair, remedy: Remedy, policy: Policy, at: Circumstances) -> str | None:
        kinds = {key.split("/", 3)[2] for key in repair.drift_keys}
        checks = (
            ("stopping", at.stopping),
            ("observe", any(policy.mode_of(kind) is Mode.OBSERVE for kind in kinds)),
            ("gate", remedy.needs_docker and not at.actual.gate.open),
            ("paused", at.paused),
            ("old_plan", at.plan_age > max(policy.timing.look, 2 * policy.timing.interval)),
            ("parallel", at.running >= policy.bounds.parallel),
            # taking our own lease a second time would cost the running repair its fence
            ("in_flight", at.acting),
            ("approval", repair.needs_approval and repair.approval_id is None),
        )
        return next((reason for reason, holds in checks if holds), None)

    def _under_lease(self, key: ObjectKey, planned: ObjectHistory, now: float) -> str | None:
        """Look at the ledger again now that nobody else can begin: the plan may be older than another process's whole repair."""
        if any(record.object == key for record in self._ledger.repairs(self._target, UNFINISHED)):
            return "in_flight"
        fresh = self._ledger.facts(self._target, now).history.get(key, ObjectHistory())
        if (fresh.attempts, fresh.last_attempt_at) != (planned.attempts, planned.last_attempt_at):
            return "acted_meanwhile"
        return None


def _refuse(reason: str) -> Refusal:
    return Refusal(reason, REFUSALS[reason])
