"""One node's Wings, asked by us (contract section 2.4). Never sent: installs, deletes, backups, restores; there is no method for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.errors import DeadlinePassed, Forbidden, Refused, ServerFault, WatchdogError
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl import node_answers
from watchdog.panels.pterodactyl.credentials import Token
from watchdog.panels.pterodactyl.view import Wings, WingsServer
from watchdog.runtime.answers import Answer, Observe, check, segment
from watchdog.runtime.http import Http, Tls

OPERATIONS: Final = ("wings_system", "wings_servers", "wings_alive", "wings_power", "wings_sync")
NO_TOKEN: Final = "we have no token for this node: see node and node_tokens in the settings"  # noqa: S105  # a sentence
SYSTEM_SECONDS: Final = 5.0
"""How long Wings may take to ask its Docker."""
_UNAUTHORIZED: Final = (401, 403)


class WingsApi:
    """One Wings. ``token`` None = only whether it is there can be told. ``wings`` never raises, the others raise the house's errors."""

    def __init__(self, address: str, token: Token | None, clock: Clock, observe: Observe, seconds: float, tls: Tls) -> None:
        self._token = token
        self._clock = clock
        self._http = Http(address, clock=clock, headers=self._headers, seconds=seconds, observe=observe, tls=tls, limit=64 << 20)

    def wings(self, before: Wings = Wings()) -> Wings:  # noqa: B008  # frozen
        """Return what it says now; ``before`` is what it said last, for the version while its Docker is down."""
        now = self._clock.now().wall
        if self._token is None:
            return Wings(reachable=self._alive(), error=NO_TOKEN, at=now)
        servers: tuple[WingsServer, ...] | None = None
        try:
            servers = self._http.ask("wings_servers", "GET", "/api/servers", lambda answer: node_answers.wings_servers(answer.json()))
            system = self._http.ask(
                "wings_system",
                "GET",
                "/api/system",
                lambda answer: node_answers.system(answer.json()),
                query={"v": 2},
                seconds=SYSTEM_SECONDS,
            )
        except (ServerFault, DeadlinePassed) as error:
            # it asks Docker (1.11.11: 500 with Docker gone, no answer with a frozen one), the servers do not
            down = None if servers is None else False
            reached = servers is not None or isinstance(error, ServerFault)
            return Wings(before.version, docker=down, servers=servers, error=str(error), reachable=reached, at=now)
        except Forbidden:
            refused = "Wings refuses the token: it is not the one in its configuration"
            return Wings(before.version, servers=servers, error=refused, reachable=True, at=now)
        except WatchdogError as error:
            return Wings(before.version, servers=servers, error=str(error), reachable=servers is not None, at=now)
        return Wings(system.version, docker=system.docker, servers=servers, reachable=True, at=now)

    def power(self, server: str, action: str, seconds: float) -> None:
        """Send a power action past the panel. Returning means that it was taken: Wings works on it afterwards."""
        if action not in {"start", "stop", "restart", "kill"}:
            raise Refused(f"'{action}' is no power action")
        self._post("wings_power", f"/api/servers/{segment(server)}/power", {"action": action, "wait_seconds": 30}, seconds)

    def sync(self, server: str, seconds: float) -> None:
        """Let Wings read a server's settings from the panel anew; it stops a suspended one that runs."""
        self._post("wings_sync", f"/api/servers/{segment(server)}/sync", None, seconds)

    def _post(self, operation: str, path: str, body: object, seconds: float) -> None:
        if self._token is None:
            raise Refused(NO_TOKEN)
        self._http.ask(operation, "POST", path, lambda _: None, json=body, seconds=seconds)

    def _alive(self) -> bool:
        """Whether something refuses us as Wings does without a header; that needs no token."""

        def accept(answer: Answer) -> Answer:
            return answer if answer.status in _UNAUTHORIZED else check(answer)

        try:
            self._http.ask("wings_alive", "GET", "/api/system", lambda _: None, accept=accept)
        except WatchdogError:
            return False
        return True

    def _headers(self) -> Mapping[str, str]:
        return self._token.for_wings() if self._token is not None else {}
