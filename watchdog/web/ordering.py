"""Routes that change something. ``guard`` stands before all of them, whatever is written here."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request

from watchdog.web.bodies import ApprovalBody
from watchdog.web.callers import Caller
from watchdog.web.calls import Lane
from watchdog.web.messages import BaselineOrder, By, Count, IgnoreOrder, ReleaseAnswer, ReloadAnswer, RetryOrder
from watchdog.web.ports import Backing
from watchdog.web.records import HoldingBody, IgnoreBody
from watchdog.web.targets import TargetBody

NOBODY = By()
LONGEST_SYNC = 300.0
Seconds = Annotated[float, Query(gt=0, le=LONGEST_SYNC)]


def by(request: Request, order: By) -> str:
    """Return the name for the record."""
    caller: Caller = request.scope["state"]["caller"]
    return caller.named(order.who)


def target_routes(app: FastAPI, backing: Backing, lane: Lane) -> None:
    """Add the orders about one target."""

    @app.post("/api/v1/targets/{name}/sync")
    async def sync(name: str, seconds: Seconds = 90.0) -> TargetBody:
        """Run a pass now and wait for it."""
        return TargetBody.of(await lane.run(lambda: backing.commands.sync(name, seconds), seconds + 5.0))

    @app.post("/api/v1/targets/{name}/baseline")
    async def baseline(name: str, order: BaselineOrder) -> Count:
        """Decide about what was there before us."""
        return Count(count=await lane.run(lambda: backing.commands.baseline(name, order.what)))

    @app.post("/api/v1/targets/{name}/acknowledge")
    async def acknowledge(name: str, request: Request, order: By = NOBODY) -> TargetBody:
        """Let repairs go on after an act by our key that is not ours."""
        return TargetBody.of(await lane.run(lambda: backing.commands.acknowledge(name, by(request, order)), LONGEST_SYNC))

    @app.post("/api/v1/targets/{name}/retry")
    async def retry(name: str, order: RetryOrder, request: Request) -> ApprovalBody:
        """Let a repair behind its attempts, budget or breaker be tried once more."""
        return ApprovalBody.of(await lane.run(lambda: backing.commands.retry(name, order.drift, by(request, order))))


def ordering_routes(app: FastAPI, backing: Backing, lane: Lane) -> None:
    """Add the other orders."""

    @app.post("/api/v1/plans/{approval_id}/approve")
    async def approve(approval_id: str, request: Request, order: By = NOBODY) -> ApprovalBody:
        """Approve one planned repair."""
        return ApprovalBody.of(await lane.run(lambda: backing.commands.approve(approval_id, by(request, order))))

    @app.post("/api/v1/plans/{approval_id}/reject")
    async def reject(approval_id: str, request: Request, order: By = NOBODY) -> ApprovalBody:
        """Reject one planned repair."""
        return ApprovalBody.of(await lane.run(lambda: backing.commands.reject(approval_id, by(request, order))))

    @app.post("/api/v1/ignores")
    async def ignore(order: IgnoreOrder, request: Request) -> IgnoreBody:
        """Ignore drifts by key or glob."""
        return IgnoreBody.of(await lane.run(lambda: backing.commands.ignore(order.pattern, order.reason, order.until, by(request, order))))

    @app.delete("/api/v1/ignores/{ignore_id}")
    async def unignore(ignore_id: int) -> Count:
        """End an ignore."""
        await lane.run(lambda: backing.commands.unignore(ignore_id))
        return Count(count=1)

    @app.post("/api/v1/holdings/{holding_id}/release")
    async def release(holding_id: int) -> ReleaseAnswer:
        """Let go of one holding: undone outside where its panel can do that, else only marked."""
        ended = await lane.run(lambda: backing.commands.release(holding_id))
        return ReleaseAnswer(holding=HoldingBody.of(ended.holding), undone=ended.undone, message=ended.message)

    @app.post("/-/reload")
    async def reload() -> ReloadAnswer:
        """Read the configuration anew."""
        return ReloadAnswer(changes=await lane.run(backing.reload, 60.0))
