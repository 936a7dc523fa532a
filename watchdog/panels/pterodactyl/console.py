"""Tries a browser's way to a server's console: credentials of the panel, the handshake with Wings, and the authentication.

Sources: P ``WebsocketController.php``, W ``router/router_server_ws.go`` and ``router/websocket/websocket.go``. Nothing is sent but the
authentication; Wings answers ``auth success`` before anything else counts.
"""

from __future__ import annotations

import json

from watchdog.errors import BadSettings, DeadlinePassed, Forbidden, Permanent, Throttled, Unreachable, WatchdogError
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl.panel_api import OfOneServer, PanelApi
from watchdog.panels.pterodactyl.view import Server, Websocket, WebsocketState
from watchdog.runtime.answers import Observe, result_of
from watchdog.runtime.websocket import converse
from watchdog.runtime.wire import Tls

OPERATION = "console_talk"
NOT_YET = "no jwt present"
"""Wings says this to whoever is not authenticated when an event of the server comes; it is no answer to our authentication."""


def tried(api: PanelApi, server: Server, origin: str, clock: Clock, observe: Observe, seconds: float, tls: Tls) -> Websocket:
    """Return how the way to the console of ``server`` is now; ``origin`` is the panel's address as browsers have it. Never raises."""
    now = clock.now().wall

    def found(state: WebsocketState, message: str) -> Websocket:
        return Websocket(server.uuid, server.node, state, message, now)

    try:
        address, token = api.console(server.uuid)
    except (Throttled, OfOneServer) as error:
        return found("unknown", str(error))
    except WatchdogError as error:
        return found("no_credentials", f"the panel gives no credentials: {error}")
    try:
        refusal = converse(
            OPERATION, address, json.dumps({"event": "auth", "args": [token]}), heard, headers={"Origin": origin}, seconds=seconds, tls=tls
        )  # fmt: skip
    except WatchdogError as error:
        observe(OPERATION, result_of(error))
        return found(*_state_of(error, origin))
    observe(OPERATION, "ok" if not refusal else "auth")
    return found("refused", refusal) if refusal else found("works", "the console's websocket takes the panel's credentials")


def heard(text: str) -> str | None:
    """Given one message of Wings, return "" when it has let us in, a sentence when it has not, None when it says neither. Pure."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    said = str(message.get("args"))
    match message.get("event"):
        case "auth success":
            return ""
        case "token expired":
            return "Wings calls the panel's fresh token expired: do the clocks of panel and node differ?"
        case "jwt error" | "daemon error" if NOT_YET not in said:
            return "Wings does not take the panel's token: the node's token differs, or the clocks do"
    return None


def _state_of(error: WatchdogError, origin: str) -> tuple[WebsocketState, str]:
    if isinstance(error, Forbidden):
        return "origin", f"Wings does not let browsers in that come from {origin}: its `remote` or `allowed_origins` must name it exactly"
    if isinstance(error, Unreachable | DeadlinePassed):
        return "unreachable", f"from here, at the address that browsers are given: {error}"
    return ("refused" if isinstance(error, Permanent) and not isinstance(error, BadSettings) else "unknown"), str(error)
