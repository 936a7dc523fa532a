"""The fake Duplicati server under test: what was recorded of the real ones, a caller, and a stage on a simulated clock."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from watchdog.panels.duplicati.fake import FakeDuplicati
from watchdog.runtime.clock import SimulatedClock

RECORDINGS = Path(__file__).parents[1] / "recordings" / "duplicati"
VERSIONS = ("2.1.0.5", "2.2.0.1", "2.3.0.4")
NEWEST = "2.3.0.4"
AT = 1_795_222_800.0
"""2026-11-21 01:00 UTC, the night of the recordings."""


def answers(version):
    """Return what holds for a version: its own recordings, and 2.3.0.4's where it answered alike (README of the recordings)."""
    return {**own_answers(NEWEST), **own_answers(version)}


@cache
def own_answers(version):
    """Return the answers that were recorded of this very version."""
    return json.loads((RECORDINGS / version / "answers.json").read_text(encoding="utf-8"))


def series(version):
    """Return the recorded series of a version."""
    return json.loads((RECORDINGS / version / "series.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Got:
    """One answer."""

    status: int
    headers: dict
    raw: bytes

    @property
    def body(self):
        """Return the body as the recordings have it: JSON, text, or nothing."""
        if not self.raw:
            return ""
        return json.loads(self.raw) if "json" in self.headers.get("content-type", "") else self.raw.decode()


class Caller:
    """Calls a fake over one connection that is kept alive; logs in by itself."""

    def __init__(self, server, password=None):
        self.server = server
        self.password = password or server.world.password
        self.token = ""
        self.connection = None

    def call(self, method, path, query="", body=None, headers=None, form=None):
        """Send one request; ``headers`` may replace the bearer."""
        told = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        content = None
        if form is not None:
            content, told["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        elif body is not None:
            content, told["Content-Type"] = json.dumps(body), "application/json"
        target = path + (f"?{query}" if query else "")
        for last in (False, True):
            try:
                return self._once(method, target, content, {**told, **(headers or {})})
            except (OSError, HTTPException):
                self.close()
                if last:
                    raise
        return None

    def _once(self, method, target, content, headers):
        if self.connection is None:
            parts = urlsplit(self.server.url)
            self.connection = HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.connection.request(method, target, content, {name: value for name, value in headers.items() if value})
        answer = self.connection.getresponse()
        raw = answer.read()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, raw)

    def login(self):
        """Log in."""
        self.token = ""
        self.token = self.call("POST", "/api/v1/auth/login", body={"Password": self.password, "RememberMe": False}).body["AccessToken"]
        return self

    def get(self, path, query=""):
        """GET below /api/v1; return the body."""
        return self.call("GET", "/api/v1/" + path, query).body

    def post(self, path, query="", body=None, form=None):
        """POST below /api/v1; return the answer."""
        return self.call("POST", "/api/v1/" + path, query, body, form=form)

    def state(self):
        """GET serverstate."""
        return self.get("serverstate")

    def stored(self):
        """Return ``paused-until`` as the series have it."""
        return self.get("serversettings").get("paused-until", "<absent>")

    def put(self, backup, body):
        """PUT a job."""
        return self.call("PUT", f"/api/v1/backup/{backup}", body=body)

    def close(self):
        """Let the connection go."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@contextmanager
def stage(folder, version, wall=AT, **more):
    """A fake on a simulated clock, and a caller that has logged in."""
    clock = SimulatedClock(wall)
    with FakeDuplicati(folder, clock, version, **more) as server:
        caller = Caller(server)
        try:
            yield server, caller.login(), clock
        finally:
            caller.close()


def settled(caller, clock):
    """Let all that runs or waits end."""
    for _ in range(200):
        clock.advance(1.0)
        state = caller.state()
        if state["ActiveTask"] is None and not state["SchedulerQueueIds"]:
            clock.advance(2.0)
            return caller.state()
    raise AssertionError("it never ended")
