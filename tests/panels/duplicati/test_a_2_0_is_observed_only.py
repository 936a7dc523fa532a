"""A Duplicati 2.0 is named as too old, read in its own way, and never sent anything that changes it.

Its way in is from its source (contract section 1, 2.0.8), not from a recording: no such server was run.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest

from tests.support.instruments import Noted
from watchdog.model.panels import REQUESTS, Ports
from watchdog.panels.duplicati import PANEL, client
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.login import TooOld, WrongPassword
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.runtime import loopback
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.hooks import Hooks
from watchdog.runtime.loopback import Asked

PASSWORD = "an old server's password"  # of this test
SALT, NONCE, TOKEN, SESSION = b"salt" * 8, b"nonce" * 6, "to/k+en==", "se-ss-ion"
STATE = {
    "ActiveTask": None, "ProgramState": "Paused", "SchedulerQueueIds": [], "ProposedSchedule": [], "HasWarning": False, "HasError": False,
    "SuggestedStatusIcon": "Paused", "EstimatedPauseEnd": "0001-01-01T00:00:00", "LastEventID": 5, "LastDataUpdateID": 2,
    "LastNotificationUpdateID": 0, "UpdatedVersion": None, "UpdaterState": "Waiting", "UpdateReady": False, "UpdateDownloadProgress": 0.0,
}  # fmt: skip
JOB = {
    "Backup": {
        "ID": "1", "Name": "photos", "TargetURL": "ssh://u:pw@host/x", "DBPath": "/data/A.sqlite", "Sources": ["/source/"], "Settings": [],
        "Metadata": {"LastBackupFinished": "20240507T020000Z"},
    },
    "Schedule": None,
}  # fmt: skip
ANSWERS: dict[str, object] = {
    "/api/v1/serverstate": STATE,
    "/api/v1/systeminfo": {"ServerVersion": "2.0.8.1", "ServerTime": "2027-01-15T08:00:00+00:00", "PasswordPlaceholder": "**********"},
    "/api/v1/serversettings": {"startup-delay": "0s"},
    "/api/v1/backups": [JOB],
    "/api/v1/notifications": [],
    "/api/v1/backup/1": {"success": True, "data": JOB},
    "/api/v1/backup/1/log": [],
}


class OldServer(loopback.Server):
    """As much of a 2.0.8 as lets one in and reads."""

    def __init__(self) -> None:
        self.password = PASSWORD
        self.seen: list[tuple[str, str]] = []
        self.sessions: set[str] = set()
        self.token = TOKEN
        super().__init__(OldConnection, "old-duplicati")


class OldConnection(loopback.Connection):
    server_version = "Tiny WebServer"
    server: OldServer

    def answer(self, asked: Asked) -> None:
        """Answer as AuthenticationHandler does."""
        self.server.seen.append((asked.method, asked.path))
        cookies = dict(each.strip().split("=", 1) for each in asked.headers.get("cookie", "").split(";") if "=" in each)
        token = self.server.token
        if asked.path == "/":
            self.say(200, b"<html>", ("Set-Cookie", f"xsrf-token={quote(token, safe='')}; path=/"))
        elif asked.path == "/login.cgi":
            self.log_in(parse_qs(asked.body.decode()), cookies)
        elif not asked.path.startswith("/api/v1/"):
            self.say(404, b"")
        elif cookies.get("xsrf-token") != quote(token, safe="") or asked.headers.get("x-xsrf-token") != token:
            self.say(400, b"", reason="Missing XSRF Token. Please reload the page")
        elif self.server.password and cookies.get("session-auth") not in self.server.sessions:
            self.say(401, b"")
        elif asked.path in ANSWERS:
            self.say(200, b"\xef\xbb\xbf" + json.dumps(ANSWERS[asked.path]).encode())
        else:
            self.say(404, b"")

    def log_in(self, form: dict[str, list[str]], cookies: dict[str, str]) -> None:
        if not self.server.password:
            self.say(500, b"")
        elif "get-nonce" in form:
            told = {"Status": "OK", "Nonce": b64encode(NONCE).decode(), "Salt": b64encode(SALT).decode()}
            self.say(200, json.dumps(told).encode(), ("Set-Cookie", f"session-nonce={b64encode(NONCE).decode()}; path=/"))
        else:
            salted = hashlib.sha256(self.server.password.encode() + SALT).digest()
            wanted = b64encode(hashlib.sha256(NONCE + salted).digest()).decode()
            right = form["password"] == [wanted] and b64decode(cookies.get("session-nonce", "")) == NONCE
            self.server.sessions |= {SESSION} if right else set()
            self.say(200 if right else 401, b"{}", ("Set-Cookie", f"session-auth={SESSION}; path=/") if right else ("X", "y"))

    def say(self, status: int, body: bytes, *headers: tuple[str, str], reason: str | None = None) -> None:
        self.send_response(status, reason)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[OldServer]:
    old = OldServer()
    yield old
    old.close()


def settings_of(folder: Path, server: OldServer, **changes: Any) -> DuplicatiSettings:
    secret = folder / "secret"
    if not secret.exists():
        secret.write_text(PASSWORD)
    file = "password_file" if changes.get("auth", "password") == "password" else "token_file"
    return DuplicatiSettings.model_validate({"name": "nas", "url": server.url, file: str(secret), "timeout": "60s", **changes})


@pytest.fixture
def old(tmp_path: Path, server: OldServer) -> Iterator[DuplicatiClient]:
    connection = client.connect(settings_of(tmp_path, server), SimulatedClock(), Noted((REQUESTS,)))
    yield connection
    connection.close()


def test_it_is_read_in_its_own_way(server: OldServer, old: DuplicatiClient) -> None:
    view = old.view()
    assert (view.version, view.capabilities.family, view.capabilities.mendable) == ("2.0.8.1", "too_old", False)
    assert view.state.paused
    assert view.stored_pause.kind == "absent"
    (job,) = view.backups
    assert (job.id, job.name, job.scheme) == ("1", "photos", "ssh")
    assert job.details is not None
    assert job.details.sources == ("/source/",)
    old.view()
    assert server.seen.count(("POST", "/login.cgi")) == 2, "one session for all"


def test_nothing_is_ever_sent_to_it(server: OldServer, old: DuplicatiClient) -> None:
    old.view()
    before = [each for each in server.seen if each[0] != "GET"]
    for order in (
        lambda: old.pause(60),
        old.resume,
        lambda: old.run("1"),
        lambda: old.set_startup_delay("2m"),
        lambda: old.put_job("1", {}),
    ):
        with pytest.raises(TooOld, match="only observed"):
            order()
    assert [each for each in server.seen if each[0] != "GET"] == before


def test_a_restart_of_it_costs_one_login(server: OldServer, old: DuplicatiClient) -> None:
    old.view()
    server.sessions.clear()  # they live in its memory
    server.token = "another"
    assert old.view().state.paused
    assert server.seen.count(("POST", "/login.cgi")) == 4


def test_one_without_a_password_needs_none(server: OldServer, old: DuplicatiClient) -> None:
    server.password = ""
    assert old.view().version == "2.0.8.1"


def test_a_wrong_password_is_named_and_rests(tmp_path: Path, server: OldServer, old: DuplicatiClient) -> None:
    (tmp_path / "secret").write_text("not it")
    for _ in range(3):
        with pytest.raises(WrongPassword, match="password_file"):
            old.view()
    assert server.seen.count(("POST", "/login.cgi")) == 2


def test_a_token_opens_none(tmp_path: Path, server: OldServer) -> None:
    connection = client.connect(settings_of(tmp_path, server, auth="preauth"), SimulatedClock(), Noted((REQUESTS,)))
    with pytest.raises(TooOld, match="knows a password only"):
        connection.view()
    connection.close()


def test_doctor_names_it(tmp_path: Path, server: OldServer) -> None:
    clock = SimulatedClock()
    found = {each.name: each for each in PANEL.probe(settings_of(tmp_path, server), Ports(clock, Noted((REQUESTS,)), Hooks()))}
    assert found["release"].ok is False
    assert "2.0.8.1 is too old" in found["release"].message
    assert found["server"].ok
