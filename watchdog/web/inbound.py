"""The door for reports: ``POST /api/v1/{panel}/{door}/{secret}``, answered 204 before anything is done with what came.

Pure ASGI before the guard: who reports has no token but the secret in the path, and may be a program that can send only a form. The
path stands in no log: this route is known by its template alone. Nothing here touches the ledger or waits for a thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from watchdog.web.errors import error_answer
from watchdog.web.intake import read_body
from watchdog.web.ports import Backing, Inlet, Inlets

TEMPLATE: Final = "/api/v1/{panel}/{door}/{secret}"
TYPES: Final = frozenset({"application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""})
_PATH: Final = re.compile(r"/api/v1/([a-z0-9_-]+)/([a-z0-9_-]+)/([^/]+)")


@dataclass(frozen=True, slots=True)
class _Template:
    """What the accounts ask of a route."""

    path_format: str = TEMPLATE


ROUTE: Final = _Template()
_CLOSE: Final = {"connection": "close"}


class InboundDoor:
    """ASGI application around another one, to which everything goes that is no report for a door of ours."""

    def __init__(self, app: ASGIApp, backing: Backing) -> None:
        self._app = app
        self._backing = backing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a report, or pass the call on."""
        asked = _PATH.fullmatch(scope["path"]) if scope["method"] == "POST" else None
        inlets = self._backing.inlets
        if asked is None or not inlets.known(asked[1], asked[2]):
            await self._app(scope, receive, send)
            return
        scope["route"] = ROUTE
        inlet = inlets.find(asked[1], asked[2], asked[3])
        if inlet is None:
            answer = error_answer(404, "not_found", "there is no such door", "see the panel's page of the documentation", dict(_CLOSE))
            await answer(scope, receive, send)
            return
        await _take(inlets, inlet, scope, receive, send)


async def _take(inlets: Inlets, inlet: Inlet, scope: Scope, receive: Receive, send: Send) -> None:
    headers = Headers(scope=scope)
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    body: bytes | None = None
    if content_type not in TYPES:
        answer = error_answer(415, "wrong_type", "a report is JSON or a form", "send Content-Type: application/json", dict(_CLOSE))
    elif (body := await read_body(headers, receive, inlet.limit)) is None:
        answer = error_answer(413, "too_large", f"a report may have {inlet.limit} bytes", "send less", dict(_CLOSE))
    elif not inlets.offer(inlet, len(body)):
        full = error_answer(503, "busy", "too many reports wait", "send it again in a while", {"retry-after": "5"})
        await full(scope, receive, send)
        return
    else:
        try:
            await Response(status_code=204)(scope, receive, send)
        finally:  # also when its sender did not wait for the answer
            inlets.hand_over(inlet, content_type, body)
        return
    inlets.turn_away(inlet)
    await answer(scope, receive, send)
