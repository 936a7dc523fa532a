"""Counting and noting each answer: by route template, never by path, because paths hold names and queries may hold more."""

from __future__ import annotations

import time
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchdog.model.metrics import Instruments, Metric
from watchdog.runtime.log import get_logger
from watchdog.web.callers import LISTENERS, Caller

log = get_logger(__name__)

_REQUESTS = Metric(
    "watchdog_web_requests_total",
    "counter",
    "Answers by route template and result: ok (below 400), refused (4xx), failed (5xx); from the web server.",
    ("listener", "route", "result"),
)
_SECONDS = Metric(
    "watchdog_web_request_duration_seconds",
    "histogram",
    "From the whole request to the whole answer, by route template, from the web server.",
    ("route",),
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.5, 10.0, 60.0),
)
METRICS: tuple[Metric, ...] = (_REQUESTS, _SECONDS)
NO_ROUTE = "none"
_RESULTS = ("ok", "refused", "failed")
_REFUSED_FROM, _FAILED_FROM = 400, 500


class Accounts:
    """ASGI application around another one."""

    def __init__(self, app: ASGIApp, instruments: Instruments, templates: Iterable[str]) -> None:
        self._app = app
        self._instruments = instruments
        for template in (*sorted(set(templates)), NO_ROUTE):
            for listener in LISTENERS:
                for result in _RESULTS:
                    instruments.count(_REQUESTS.name, listener, template, result, by=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; count and note its answer."""
        if scope["type"] != "http":  # no websockets here, and uvicorn's lifespan is off
            return
        status = 0
        began = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count(scope, status)  # before it is sent: who has the answer may look at the count
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            if not status:
                self._count(scope, _FAILED_FROM)
            self._note(scope, status or _FAILED_FROM, time.perf_counter() - began)

    def _count(self, scope: Scope, status: int) -> None:
        result = "failed" if status >= _FAILED_FROM else "refused" if status >= _REFUSED_FROM else "ok"
        caller: Caller = scope["state"]["caller"]
        self._instruments.count(_REQUESTS.name, caller.listener, _template(scope), result)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        caller: Caller = scope["state"]["caller"]
        template = _template(scope)
        self._instruments.observe(_SECONDS.name, template, value=seconds)
        log.debug("answered", listener=caller.listener, method=scope["method"], route=template, status=status, seconds=round(seconds, 6))


def _template(scope: Scope) -> str:
    """Return the template of the route that answered; a refusal at the door has none."""
    route = scope.get("route")
    return str(getattr(route, "path_format", NO_ROUTE))
