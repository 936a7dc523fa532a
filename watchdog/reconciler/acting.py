"""From a plan to deeds: ask for approvals, withdraw what nobody needs any more, and begin what may begin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping

from watchdog.errors import LeaseLost, LedgerUnavailable, Refused
from watchdog.model.approvals import Approval, ApprovalState
from watchdog.model.drifts import Episode
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Moment
from watchdog.model.panels import Target
from watchdog.model.pauses import Pause
from watchdog.model.repairs import LedgerFacts, ObjectHistory, Plan, PlannedRepair, Remedy, RepairRecord, RepairState
from watchdog.model.snapshots import Actual
from watchdog.reconciler.guard import Circumstances, Guard, Refusal
from watchdog.reconciler.planner import matches
from watchdog.reconciler.policy import Policy
from watchdog.reconciler.ports import LedgerPort
from watchdog.reconciler.runner import RepairRunner
from watchdog.reconciler.steady import Steady
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

BY_POLICY = "policy"
"""Who asked for a repair that needed no person."""
STANDING = (ApprovalState.WAITING, ApprovalState.APPROVED, ApprovalState.REJECTED)


class Desk:
    """Where a target's approvals are asked for and looked after. May raise LedgerUnavailable."""

    def __init__(self, ledger: LedgerPort, target: Target, steady: Steady) -> None:
        self._ledger = ledger
        self._target = target
        self._steady = steady

    def approvals(self, now: Moment) -> tuple[Approval, ...]:
        """Return waiting, approved and rejected requests, restated; those approved too long ago are expired first."""
        standing: list[Approval] = []
        for approval in self._ledger.approvals(self._target.name, STANDING):
            restated = self._steady.approval(approval, now)
            if approval.state is ApprovalState.APPROVED and restated.expires_at is not None and now.wall >= restated.expires_at:
                self._ledger.decide(approval.id, ApprovalState.EXPIRED, "time", now.wall)
            else:
                standing.append(restated)
        return tuple(standing)

    def ask(
        self, plan: Plan, wanted: Iterable[PlannedRepair], known: tuple[Approval, ...], episodes: Iterable[Episode], now: Moment
    ) -> tuple[Approval, ...]:
        """Request what the plan needs, withdraw what no candidate matches; return the requests that wait or stand.

        ``episodes`` are the open ones. While a drift cannot be judged, its request stays; when it has ended, an approval ends with it.
        """
        known = self._withdraw(tuple(wanted), known, tuple(episodes), now)
        waiting = {each.id: each for each in known if each.state is ApprovalState.WAITING}
        for repair in plan.repairs:
            if not repair.needs_approval or repair.approval_id is not None or any(matches(repair, each) for each in waiting.values()):
                continue
            asked = self._ledger.request_approval(repair, self._target.describe(repair), now.wall)
            if asked.state is ApprovalState.APPROVED and not matches(repair, asked):
                # approved when the risk was lower: what the person read is not what would happen now
                self._ledger.decide(asked.id, ApprovalState.WITHDRAWN, "the risk has grown", now.wall)
                asked = self._ledger.request_approval(repair, self._target.describe(repair), now.wall)
            waiting[asked.id] = asked
            log.info("a repair waits for approval", approval=asked.id, remedy=asked.remedy, object=str(asked.object), risk=asked.risk)
        approved = tuple(each for each in known if each.state is ApprovalState.APPROVED)
        return (*waiting.values(), *approved)

    def _withdraw(
        self, wanted: tuple[PlannedRepair, ...], known: tuple[Approval, ...], episodes: tuple[Episode, ...], now: Moment
    ) -> tuple[Approval, ...]:
        blind = {episode.drift.key for episode in episodes if episode.blind_since is not None}
        kept: list[Approval] = []
        for approval in known:
            idle = not blind.intersection(approval.drift_keys) and not any(matches(repair, approval) for repair in wanted)
            if idle and approval.state in {ApprovalState.WAITING, ApprovalState.APPROVED}:
                self._ledger.decide(approval.id, ApprovalState.WITHDRAWN, "nothing asks for it any more", now.wall)
            else:
                kept.append(approval)
        return tuple(kept)


class Starter:
    """Begins the repairs of a plan that may begin, through the guard. May raise LedgerUnavailable."""

    def __init__(
        self,
        ledger: LedgerPort,
        runner: RepairRunner,
        guard: Guard,
        target: Target,
        panel: str,
        remedies: Mapping[str, Remedy],
        instruments: Instruments,
        actual: Callable[[], Actual],
        ended: Callable[[RepairRecord], None],
        paused: Callable[[], tuple[Pause, ...]],
    ) -> None:
        self._ledger = ledger
        self._runner = runner
        self._guard = guard
        self._target = target
        self._panel = panel
        self._remedies = remedies
        self._instruments = instruments
        self._actual = actual
        self._ended = ended
        self._paused = paused

    def start(self, plan: Plan, policy: Policy, raw: LedgerFacts, plan_age: float, now: Moment) -> tuple[RepairRecord, ...]:
        """Begin what may begin, in the plan's order; return the new rows. ``raw`` are the ledger's own facts behind the plan."""
        begun: list[RepairRecord] = []
        for repair in plan.repairs:
            if repair.needs_approval and repair.approval_id is None:
                continue
            record = self._begin(repair, policy, raw.history.get(repair.proposal.object, ObjectHistory()), plan_age, now)
            if record is not None:
                begun.append(record)
        return tuple(begun)

    def _begin(self, repair: PlannedRepair, policy: Policy, history: ObjectHistory, plan_age: float, now: Moment) -> RepairRecord | None:
        remedy = self._remedies[repair.proposal.remedy]
        running = sum(record.state is not RepairState.IN_DOUBT for record in self._runner.running(self._target.name))
        acting = self._runner.acting_on(repair.proposal.object)
        paused = not remedy.ordered and self._pause_stands(repair)
        at = Circumstances(self._actual(), self._runner.stopping, plan_age, 0 if remedy.ordered else running, acting, paused)
        admitted = self._guard.admit(repair, remedy, policy, history, at, now.wall)
        if isinstance(admitted, Refusal):
            self._refused(repair, admitted.reason)
            return None
        self._runner.on_step("admitted")
        by = admitted.approval.decided_by if admitted.approval is not None else None
        try:
            record = self._runner.start(
                repair,
                target=self._target,
                deadline=remedy.deadline,
                lease=admitted.lease,
                lease_seconds=admitted.lease_seconds,
                requested_by=by or BY_POLICY,
                ended=self._ended,
            )
        except (Refused, LeaseLost, LedgerUnavailable) as error:
            with contextlib.suppress(LedgerUnavailable):
                self._ledger.release(admitted.lease)
            if isinstance(error, LedgerUnavailable):
                raise
            self._refused(repair, "in_flight" if isinstance(error, Refused) else "leased")
            return None
        log.info("a repair begins", repair=record.id, remedy=remedy.name, object=str(record.object), drifts=len(record.drift_keys))
        return record

    def _pause_stands(self, repair: PlannedRepair) -> bool:
        """Look again: a person's pause was answered, so nothing that was planned before it may begin after it."""
        subjects = [key.split("/", 4)[4] for key in repair.drift_keys]  # panel/target/kind/subject kind/subject id
        return any(pause.covers(subject, "") for pause in self._paused() for subject in subjects)

    def _refused(self, repair: PlannedRepair, reason: str) -> None:
        self._instruments.count("watchdog_guard_refusals_total", self._panel, self._target.name, reason)
        log.debug("a planned repair is not begun", remedy=repair.proposal.remedy, object=str(repair.proposal.object), reason=reason)
