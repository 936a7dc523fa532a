"""The fake panel: HTTP on loopback over one ``PanelWorld``, on two ports: the second is where ``redirect`` leads, as https is in life."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any, Final, Self

from watchdog.panels.pterodactyl.fake import doors
from watchdog.panels.pterodactyl.fake.client_routes import create, unreachable
from watchdog.panels.pterodactyl.fake.limits import Limits
from watchdog.panels.pterodactyl.fake.replies import Refused, Reply, Request
from watchdog.panels.pterodactyl.fake.rows import Node, Server, Task
from watchdog.panels.pterodactyl.fake.world import PanelWorld
from watchdog.runtime import loopback

CACHED: Final = 20.0
"""``/resources`` is remembered so long (ResourceUtilizationController.php; contract section 1.2)."""
WINGS_SECONDS: Final = 30.0
_MISSING, _BAD = 404, 400


class FakePanel:
    """A panel on 127.0.0.1 over one world, until ``close``. ``seen`` are the requests that came in, bodies included."""

    def __init__(self, world: PanelWorld, port: int = 0) -> None:
        self.world = world
        self.limits = Limits()
        self.seen: list[Request] = []
        self.closed = threading.Event()
        self.app_url = ""
        """APP_URL: what links begin with, and Wings' ``remote``."""
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._servers = (_serve(self, port, redirects=True), _serve(self, 0, redirects=False))
        self.app_url = self.url
        world.worker = self._work

    @property
    def url(self) -> str:
        """Return the panel's address."""
        return self._servers[0].url

    @property
    def secure_url(self) -> str:
        """Return the address to which ``switches.redirect`` leads."""
        return self._servers[1].url

    def note(self, request: Request) -> None:
        """Remember a request."""
        with self._lock:
            self.seen.append(request)

    def sent(self, path: str, method: str = "") -> list[Request]:
        """Return the requests to a path so far, by one method if named."""
        with self._lock:
            return [each for each in self.seen if each.path.rstrip("/") == path.rstrip("/") and method in {"", each.method}]

    def user_of(self, request: Request) -> str:
        """Return the name of the account whose key a request has."""
        key = self.world.keys.get(request.headers.get("authorization", "").partition(" ")[2])
        return f"user{key.user}" if key else ""

    def wings(self, server: Server) -> WingsCaller:
        """Return how the panel calls the Wings of a server's node."""
        return WingsCaller(self.world.node_of(server))

    def cached(self, server: Server, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what was asked in the last twenty seconds of the world, or ask."""
        now = self.world.clock.now().wall
        at, known = self._known.get(server.uuid, (float("-inf"), {}))
        if now - at >= CACHED:
            known = ask()
            self._known[server.uuid] = now, known
        return known

    def _work(self, server: Server, task: Task) -> None:
        """Do a scheduled task; of a power signal no line of activity tells (RunTaskJob.php), and what fails is only marked as failed."""
        with contextlib.suppress(Refused):
            if task.action == "power":
                self.wings(server).post(f"/api/servers/{server.uuid}/power", {"action": task.payload})
            elif task.action == "backup":
                create(self, Request("POST", ""), server)

    def close(self) -> None:
        """Stop serving; what waits goes on."""
        self.closed.set()
        switches = self.world.switches
        for event in (switches.hold_commit, switches.hold_completion, *switches.hold.values()):
            if isinstance(event, threading.Event):
                event.set()
        for server in self._servers:
            server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WingsCaller:
    """The panel's way to one node. Raises Refused(504) when nobody is there, with Wings' own status when it refuses (contract 1.1)."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def get(self, path: str) -> Any:
        """Return what Wings says."""
        return self._call("GET", path)

    def post(self, path: str, body: object) -> None:
        """Ask Wings for something."""
        self._call("POST", path, body)

    def delete(self, path: str) -> None:
        """Delete something; that it is gone already is well (DeleteBackupService.php)."""
        try:
            self._call("DELETE", path)
        except Refused as refused:
            if refused.status != _MISSING:
                raise

    def _call(self, method: str, path: str, body: object = None) -> Any:
        connection = HTTPConnection(self._node.fqdn, self._node.port, timeout=WINGS_SECONDS)
        content = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self._node.token}", "Accept": "application/json", "Content-Type": "application/json"}
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            status, raw = answer.status, answer.read()
        except (OSError, HTTPException):
            raise unreachable() from None
        finally:
            connection.close()
        if status >= _BAD:
            raise Refused(
                status, "DaemonConnectionException", "There was an exception while communicating with the machine running this server."
            )
        return json.loads(raw) if raw else None


class _Handler(loopback.Connection):
    """One connection of a panel."""

    panel: FakePanel
    redirects: bool

    def answer(self, asked: loopback.Asked) -> None:
        """Answer one request."""
        request = Request(asked.method, asked.path, asked.query, asked.headers, asked.body, asked.query_string)
        self.panel.note(request)
        self._weather(request.path)
        if self.panel.world.switches.unreachable:
            self.close_connection = True
            return
        self._send(doors.answer(self.panel, request, redirects=self.redirects))

    def _weather(self, path: str) -> None:
        switches = self.panel.world.switches
        if switches.slow_seconds:
            self.panel.closed.wait(switches.slow_seconds)
        for prefix, event in list(switches.hold.items()):
            if path.startswith(prefix):
                event.wait()

    def _send(self, reply: Reply) -> None:
        if reply.lost:
            self.close_connection = True
            return
        self.send_response(reply.status)
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:  # noqa: PLR2004  # No Content has none
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the header Date by the world's clock, as its rows have it (client-activity.json)."""
        return super().date_time_string(self.panel.world.now() if timestamp is None else timestamp)


def _serve(panel: FakePanel, port: int, *, redirects: bool) -> loopback.Server:
    handler = type("Handler", (_Handler,), {"panel": panel, "redirects": redirects})
    return loopback.Server(handler, "fake-pterodactyl-http", port)
