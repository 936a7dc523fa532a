"""An explanation of one drift in the JSON of the API."""

from __future__ import annotations

from watchdog.reconciler.explaining import Explanation, Step
from watchdog.web.bodies import ApprovalBody, Body, DriftBody, RepairBody
from watchdog.web.targets import PlannedBody


class StepBody(Body):
    """One check between a drift and its repair; ``passed`` null = it was not reached."""

    name: str
    passed: bool | None
    message: str

    @classmethod
    def of(cls, step: Step) -> StepBody:
        """Return the body of ``step``."""
        return cls(name=step.name, passed=step.passed, message=step.message)


class ExplainAnswer(Body):
    """GET /api/v1/explain."""

    key: str
    kind_help: str | None
    remedy_help: str | None
    lives: tuple[DriftBody, ...]
    planned: PlannedBody | None
    steps: tuple[StepBody, ...]
    approvals: tuple[ApprovalBody, ...]
    repairs: tuple[RepairBody, ...]

    @classmethod
    def of(cls, told: Explanation) -> ExplainAnswer:
        """Return the body of ``told``."""
        kinds = {told.kind.name: told.kind} if told.kind else {}
        first, *former = told.episodes
        return cls(
            key=told.key,
            kind_help=told.kind.help if told.kind else None,
            remedy_help=told.remedy.help if told.remedy else None,
            lives=(
                DriftBody.of(first, told.state.value if told.state else None, kinds),
                *(DriftBody.of(each, None, kinds) for each in former),
            ),
            planned=PlannedBody.of(told.planned, told.sends) if told.planned else None,
            steps=tuple(map(StepBody.of, told.steps)),
            approvals=tuple(map(ApprovalBody.of, told.approvals)),
            repairs=tuple(map(RepairBody.of, told.repairs)),
        )
