"""The fake panel: HTTP on loopback, keys and permissions, paging, the operation log, and the switches for its bugs."""

from __future__ import annotations

import json
import threading
import time
import uuid as uuids
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from watchdog.panels.mcsmanager.fake import routes
from watchdog.panels.mcsmanager.fake.daemon import FakeDaemon
from watchdog.panels.mcsmanager.fake.releases import RELEASES
from watchdog.runtime import loopback

ADMIN, USER = 10, 1
KEY: Final = "admin-key-0123456789"
SESSION_LIMIT: Final = 8
"""Requests per second and session, only for routes below admin (middleware/permission.ts); the session is the cookie."""


@dataclass(slots=True)
class Switches:
    """Bugs and weather that can be turned on while it runs."""

    shifting_pages: int = 0
    """For so many page reads the order changes between pages, so one uuid repeats and another is missed."""
    language: str = "en_us"
    """``zh_cn`` translates every message: nobody may match texts."""
    answer: bytes | None = None
    """Answer every GET of ``answer_path`` with these bytes, whatever was asked."""
    answer_path: str = ""
    overview_seconds: float = 0.0
    """The overview takes so long (it waits for the slowest daemon)."""
    unreachable: bool = False
    """Close every connection without an answer."""
    api_keys_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came in, for tests that say what may never be sent."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class FakePanel:
    """A panel on 127.0.0.1. ``now`` is its clock (UNIX seconds), which a test may set; ``users`` are the names of the keys' users.

    ``control_url`` is a second port by which a hook restarts a daemon: POST /daemons/UUID/restart.
    """

    def __init__(self, *daemons: FakeDaemon, version: str = "10.18.2", port: int = 0, control_port: int = 0) -> None:
        self.release = RELEASES[version]
        self.daemons = {daemon.uuid: daemon for daemon in daemons}
        self.keys: dict[str, int] = {KEY: ADMIN}
        self.users: dict[str, str] = {KEY: "admin"}
        self.switches = Switches()
        self.now: Callable[[], float] = time.time
        self.seen: list[Seen] = []
        self.operations: list[dict[str, Any]] = []
        self._sessions: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._servers = (_serve(self, routes.answer, port), _serve(self, routes.control, control_port))

    @property
    def url(self) -> str:
        """Return the panel's address."""
        return self._servers[0].url

    @property
    def control_url(self) -> str:
        """Return the address for hooks."""
        return self._servers[1].url

    @property
    def speed(self) -> float:
        """Return how much faster than real the six-second timeouts run."""
        return max((daemon.speed for daemon in self.daemons.values()), default=1.0)

    def note(self, seen: Seen) -> None:
        """Remember a request."""
        with self._lock:
            self.seen.append(seen)

    def sent(self, path: str) -> list[Seen]:
        """Return the requests to a path so far."""
        with self._lock:
            return [seen for seen in self.seen if seen.path == path]

    def permission(self, headers: Mapping[str, str], query: Mapping[str, str]) -> int | None:
        """Return the key's permission, 0 without a key, None for a wrong one."""
        key = query.get("apikey") or headers.get("x-request-api-key", "")
        return self.keys.get(key) if key else 0

    def too_fast(self, cookie: str) -> bool:
        """Count a request in the session of its cookie; without one each request has a session of its own (contract, rate limits)."""
        if not cookie:
            return False
        now = time.monotonic()
        with self._lock:
            times = [at for at in self._sessions.get(cookie, []) if now - at < 1.0]
            self._sessions[cookie] = [*times, now]
        return len(times) >= SESSION_LIMIT

    def log_operation(self, kind: str, daemon: FakeDaemon, instance: str, name: str, *, by: str = "", key: str = "") -> None:
        """Write to the operation log what got a 200 (head-operation-logs-limit2.json): by a person's session, or with a key.

        A session leaves no ``operator_source`` (head-operation-logs-session.json).
        """
        level = "warning" if kind == "instance_kill" else "info"
        entry = {
            "type": kind, "operation_id": str(uuids.uuid4()), "operation_time": str(int(self.now() * 1000)), "operation_level": level,
            "daemon_id": daemon.uuid, "instance_id": instance, "operator_ip": "127.0.0.1", **self._operator(by, key),
            "instance_name": name, "daemon_name": daemon.remarks,
        }  # fmt: skip
        with self._lock:
            self.operations.append(entry)

    def _operator(self, by: str, key: str) -> dict[str, str]:
        return {"operator_name": by} if by else {"operator_name": self.users.get(key, "admin"), "operator_source": "api"}

    def close(self) -> None:
        """Stop serving and end the daemons' threads."""
        for server in self._servers:
            server.close()
        for daemon in self.daemons.values():
            daemon.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(panel: FakePanel, answer: Any, port: int) -> loopback.Server:
    class Handler(loopback.Connection):
        def answer(self, asked: loopback.Asked) -> None:
            """Answer one request."""
            panel.note(Seen(asked.method, asked.path, asked.query, asked.headers))
            if panel.switches.unreachable:
                self.close_connection = True
                return
            content = json.loads(asked.body) if asked.body else None
            self._send(*answer(panel, routes.Request(asked.method, asked.path, asked.query, asked.headers, content)))

        def _send(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{content_type}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Version", panel.release.panel)
            # each answer sets a session; who keeps it is limited (contract section 1, rate limits)
            self.send_header("Set-Cookie", f"koa.sess={self.headers.get('cookie') or uuids.uuid4().hex}; path=/; httponly")
            self.end_headers()
            self.wfile.write(body)

    return loopback.Server(Handler, "fake-mcsm-http", port)
