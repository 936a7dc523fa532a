"""The fake panel's ports on loopback: the panel itself, and a control port for hooks that restart it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from watchdog.panels.wgdashboard.fake import routes
from watchdog.panels.wgdashboard.fake.routes import ERROR, HTML, NOT_FOUND, Reply, Request
from watchdog.panels.wgdashboard.fake.shapes import page
from watchdog.runtime import loopback

if TYPE_CHECKING:
    from watchdog.panels.wgdashboard.fake.panel import FakePanel

Answer = Callable[["FakePanel", str, Request], Reply | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came in, for tests that say what may never be sent."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


class Servers:
    """Both ports. ``port`` 0 = any free one."""

    def __init__(self, panel: FakePanel, port: int) -> None:
        # the worker has so many threads, and so many answers are made at a time (gunicorn.conf.py)
        self._turns = threading.BoundedSemaphore(panel.release.threads)
        self._both = (_serve(panel, self._panel, port), _serve(panel, _control, 0))

    @property
    def url(self) -> str:
        """Return the panel's address."""
        return self._both[0].url

    @property
    def control_url(self) -> str:
        """Return the control port's address."""
        return self._both[1].url

    def close(self) -> None:
        """Stop serving."""
        for server in self._both:
            server.close()

    def _panel(self, panel: FakePanel, path: str, request: Request) -> Reply | None:
        """Answer for the panel; None = not at all: it is down, or cut off."""
        switches = panel.switches
        if switches.unreachable or not panel.booted:
            return None
        with self._turns:
            if switches.slow:
                threading.Event().wait(switches.slow)
            if switches.answer is not None:
                return Reply(200, switches.answer)
            if not path.startswith(panel.prefix):
                return Reply(NOT_FOUND, page(NOT_FOUND, "Not Found"), HTML)
            if request.path in switches.failing or request.query.get("configurationName") in switches.failing_names:
                return Reply(ERROR, page(ERROR, "Internal Server Error"), HTML)
            return routes.answer(panel, request)


def _control(panel: FakePanel, path: str, request: Request) -> Reply | None:
    if (request.method, path) != ("POST", "/restart"):
        return Reply(NOT_FOUND, b"{}")
    panel.restart()
    return Reply(200, b"{}")


def _serve(panel: FakePanel, answer: Answer, port: int) -> loopback.Server:
    class Handler(loopback.Connection):
        def answer(self, asked: loopback.Asked) -> None:
            """Answer one request."""
            reply = self._reply(asked)
            if reply is None:
                self.close_connection = True
            else:
                self._send(reply)

        def _reply(self, asked: loopback.Asked) -> Reply | None:
            content = json.loads(asked.body) if asked.body else None
            path = asked.path.removeprefix(panel.prefix)
            panel.seen.append(Seen(asked.method, path, asked.query, asked.headers, content))
            key = asked.headers.get("wg-dashboard-apikey", "")
            return answer(panel, asked.path, Request(asked.method, path, asked.query, key, self._session(), content))

        def _session(self) -> str:
            pairs = (pair.strip().partition("=") for pair in (self.headers.get("cookie") or "").split(";"))
            return next((value for name, _, value in pairs if name == "session"), "")

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.type)
            self.send_header("Content-Length", str(len(reply.body)))
            token = reply.cookie or (self._session().partition(".")[0] if panel.has_session(self._session()) else "")
            if token:
                # a permanent session is signed anew, with a new time, in every answer (Flask, SESSION_REFRESH_EACH_REQUEST)
                stamp = len(panel.seen)
                self.send_header("Set-Cookie", f"session={token}.{stamp}; Expires=Mon, 21 Dec 2026 18:00:00 GMT; HttpOnly; Path=/")
            if reply.cookie:
                self.send_header("Set-Cookie", "authToken=0f0f0f; Path=/")
            self.end_headers()
            self.wfile.write(reply.body)

    return loopback.Server(Handler, "fake-wgd-http", port)
