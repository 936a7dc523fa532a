"""Routes of pauses: what stands, begin, change, resume, check. A stale order is answered 409 with the pause as it is now."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import FastAPI, Query, Request

from watchdog.web.bodies import PauseBody
from watchdog.web.calls import Lane
from watchdog.web.messages import PauseChange, PauseCheckAnswer, PausesAnswer, PauseTerms, ResumeOrder
from watchdog.web.ordering import by
from watchdog.web.ports import Backing

NOW = ResumeOrder()


def pause_routes(app: FastAPI, backing: Backing, questions: Lane, orders: Lane) -> None:
    """Add the routes."""

    @app.get("/api/v1/pauses")
    async def pauses(
        target: Annotated[str | None, Query(max_length=200)] = None,
        *,
        history: bool = False,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> PausesAnswer:
        """Return the pauses that stand; with ``history`` those of the past too, the newest first."""
        found = await questions.run(lambda: backing.pauses.pauses(target, ended=history, limit=limit))
        return PausesAnswer(pauses=tuple(map(PauseBody.of, found)))

    @app.get("/api/v1/targets/{name}/pauses/check")
    async def check(name: str) -> PauseCheckAnswer:
        """Say whether a pause of the target is what it seems."""
        says = partial(backing.commands.pause_says, name)
        return PauseCheckAnswer.of(await questions.run(lambda: backing.pauses.check(name, says)))

    @app.post("/api/v1/pauses")
    async def pause(order: PauseTerms, request: Request) -> PauseBody:
        """Begin a pause; it is durable when this is answered."""
        return PauseBody.of(await orders.run(lambda: backing.pauses.pause(order.order(by(request, order)))))

    @app.put("/api/v1/pauses/{pause_id}")
    async def change(pause_id: int, order: PauseChange, request: Request) -> PauseBody:
        """Give a standing pause other terms."""
        return PauseBody.of(await orders.run(lambda: backing.pauses.change(pause_id, order.version, order.order(by(request, order)))))

    @app.post("/api/v1/pauses/{pause_id}/resume")
    async def resume(pause_id: int, request: Request, order: ResumeOrder = NOW) -> PauseBody:
        """End a pause."""
        return PauseBody.of(await orders.run(lambda: backing.pauses.resume(pause_id, by(request, order), order.version)))
