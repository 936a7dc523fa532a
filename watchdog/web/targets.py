"""How one target stands, and what is planned for it, in the JSON of the API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from watchdog.model.drifts import Scalar
from watchdog.model.repairs import PlannedRepair
from watchdog.reconciler.commands import PlanReport
from watchdog.reconciler.status import Condition, TargetStatus
from watchdog.web.bodies import Body, ObjectBody, PauseBody, RepairBody, SubjectBody, Time, UnknownBody


class ConditionBody(Body):
    """One statement about a target; ``status`` null = cannot be said now."""

    type: str
    status: bool | None
    reason: str
    message: str
    since: Time | None

    @classmethod
    def of(cls, condition: Condition) -> ConditionBody:
        """Return the body of ``condition``."""
        return cls(
            type=condition.type, status=condition.status, reason=condition.reason, message=condition.message, since=Time.of(condition.since)
        )


class TargetBody(Body):
    """How one target stands."""

    panel: str
    target: str
    mode: str
    up: bool | None
    passes: int
    last_pass: Time | None
    last_judged: Time | None
    last_result: str
    error: str | None
    message: str | None
    ledger_error: str | None
    baseline: str
    place_proof: str | None
    subjects: Mapping[str, int]
    drifts: Mapping[str, int]
    unknown: tuple[UnknownBody, ...]
    in_flight: tuple[RepairBody, ...]
    approvals_waiting: int
    pauses: tuple[PauseBody, ...] = ()
    conditions: tuple[ConditionBody, ...] = ()

    @classmethod
    def of(cls, status: TargetStatus) -> TargetBody:
        """Return the body of ``status``; its drifts only counted by state."""
        since = status.unknown_since
        return cls(
            panel=status.panel,
            target=status.target,
            mode=status.mode.value,
            up=status.up,
            passes=status.passes,
            last_pass=Time.of(status.last_pass_at),
            last_judged=Time.of(status.last_judged_at),
            last_result=status.last_result,
            error=status.error,
            message=status.message,
            ledger_error=status.ledger_error,
            baseline=status.baseline,
            place_proof=status.place.proof if status.place else None,
            subjects=dict(sorted(Counter(status.subjects.values()).items())),
            drifts=dict(sorted(Counter(state.value for _, state in status.episodes).items())),
            unknown=tuple(
                UnknownBody(
                    subject=SubjectBody.of(each.subject), reason=each.reason, message=each.message, since=Time.of(since.get(each.subject))
                )
                for each in status.unknown
            ),
            in_flight=tuple(RepairBody.of(record) for record in status.in_flight),
            approvals_waiting=sum(each.state.value == "waiting" for each in status.approvals),
            pauses=tuple(map(PauseBody.of, status.pauses)),
            conditions=tuple(map(ConditionBody.of, status.conditions)),
        )


class PlannedBody(Body):
    """One repair of a plan, with exactly what it would send."""

    remedy: str
    object: ObjectBody
    parameters: Mapping[str, Scalar]
    risk: str
    drift_keys: tuple[str, ...]
    needs_approval: bool
    approval_id: str | None
    sends: tuple[str, ...]

    @classmethod
    def of(cls, repair: PlannedRepair, sends: tuple[str, ...]) -> PlannedBody:
        """Return the body of ``repair`` and of what it would send."""
        return cls(
            remedy=repair.proposal.remedy,
            object=ObjectBody.of(repair.proposal.object),
            parameters=dict(repair.proposal.parameters),
            risk=repair.risk.value,
            drift_keys=repair.drift_keys,
            needs_approval=repair.needs_approval,
            approval_id=repair.approval_id,
            sends=sends,
        )


class HeldBody(Body):
    """One drift that is left alone, and why."""

    drift_key: str
    reason: str
    message: str


class PlanBody(Body):
    """A dry plan of one target."""

    target: str
    at: Time | None
    repairs: tuple[PlannedBody, ...]
    held: tuple[HeldBody, ...]

    @classmethod
    def of(cls, report: PlanReport) -> PlanBody:
        """Return the body of ``report``."""
        return cls(
            target=report.target,
            at=Time.of(report.at),
            repairs=tuple(PlannedBody.of(repair, sends) for repair, sends in report.repairs),
            held=tuple(HeldBody(drift_key=each.drift_key, reason=each.reason, message=each.message) for each in report.held),
        )
