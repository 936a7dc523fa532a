"""Routes that only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import FastAPI, Query

from watchdog import __version__
from watchdog.model.drifts import DriftState
from watchdog.reconciler.status import TargetStatus
from watchdog.web.bodies import ApprovalBody, DriftBody, RepairBody
from watchdog.web.calls import Lane
from watchdog.web.explained import ExplainAnswer
from watchdog.web.messages import DriftsAnswer, HoldingsAnswer, IgnoresAnswer, PlansAnswer, RepairsAnswer, StatusAnswer
from watchdog.web.ports import Backing
from watchdog.web.records import HoldingBody, IgnoreBody
from watchdog.web.targets import PlanBody, TargetBody

T = TypeVar("T")
Name = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=10_000)]


def reading_routes(app: FastAPI, backing: Backing, lane: Lane) -> None:
    """Add the routes under /api/v1 that answer GET. The ledger is asked in ``lane``."""

    def chosen(target: str | None) -> tuple[TargetStatus, ...]:
        return backing.commands.statuses() if target is None else (backing.commands.status(target),)

    async def asked(question: Callable[[], T]) -> T:
        return await lane.run(question)

    @app.get("/api/v1/status")
    async def status(target: Name = None) -> StatusAnswer:
        """Return how the program and each target stand."""
        found = await asked(lambda: chosen(target))
        health, ready = backing.health(), backing.readiness()
        return StatusAnswer(
            version=__version__,
            healthy=health.ok,
            ready=ready.ok,
            missing=(*health.missing, *ready.missing),
            targets=tuple(TargetBody.of(each) for each in found),
        )

    @app.get("/api/v1/drifts")
    async def drifts(target: Name = None, state: DriftState | None = None) -> DriftsAnswer:
        """Return the open drifts as of the newest pass."""
        found = await asked(lambda: chosen(target))
        return DriftsAnswer(
            drifts=tuple(
                DriftBody.of(episode, now.value, {kind.name: kind for kind in each.kinds})
                for each in found
                for episode, now in each.episodes
                if state in {None, now}
            )
        )

    @app.get("/api/v1/plans")
    async def plans(target: Name = None) -> PlansAnswer:
        """Return what would be done next, and what waits for a person."""
        made = await asked(lambda: [backing.commands.plan(each.target) for each in chosen(target)])
        waiting = await asked(lambda: backing.commands.approvals(target))
        return PlansAnswer(plans=tuple(map(PlanBody.of, made)), approvals=tuple(map(ApprovalBody.of, waiting)))

    @app.get("/api/v1/repairs")
    async def repairs(target: Name = None, limit: Limit = 100) -> RepairsAnswer:
        """Return the newest repairs."""
        return RepairsAnswer(repairs=tuple(map(RepairBody.of, await asked(lambda: backing.commands.repairs(target, limit)))))

    @app.get("/api/v1/history")
    async def history(target: Name = None, limit: Limit = 100) -> DriftsAnswer:
        """Return drifts, the closed ones too."""
        return DriftsAnswer(drifts=tuple(map(DriftBody.of, await asked(lambda: backing.commands.history(target, limit)))))

    @app.get("/api/v1/explain")
    async def explain(drift: Annotated[str, Query(min_length=1, max_length=1000)]) -> ExplainAnswer:
        """Return all that is known of one drift: its lives, both sides, the checks, what was done about it and how that ended."""
        return ExplainAnswer.of(await asked(lambda: backing.commands.explain(drift)))

    _decision_routes(app, backing, lane)


def _decision_routes(app: FastAPI, backing: Backing, lane: Lane) -> None:
    async def asked(question: Callable[[], T]) -> T:
        return await lane.run(question)

    @app.get("/api/v1/ignores")
    async def ignores() -> IgnoresAnswer:
        """Return the ignores that hold."""
        return IgnoresAnswer(ignores=tuple(map(IgnoreBody.of, await asked(backing.commands.ignores))))

    @app.get("/api/v1/holdings")
    async def holdings(*, released: bool = False) -> HoldingsAnswer:
        """Return our changes outside that outlive us."""
        return HoldingsAnswer(holdings=tuple(map(HoldingBody.of, await asked(lambda: backing.commands.holdings(released=released)))))
