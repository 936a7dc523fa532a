"""Every way in which a server can fail to answer, told apart by its kind, on the kept connection and on others; and what is said of it.

A fault costs the look, never more: the next good answer is a good look, nothing was sent again by itself, and no secret is in any text.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_server import answer, drip, raw_server, say, silent
from tests.support.instruments import Noted
from tests.support.planted import leaks
from watchdog.errors import (
    DeadlinePassed,
    Forbidden,
    MalformedAnswer,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    Unreachable,
    WatchdogError,
)
from watchdog.model.panels import REQUESTS
from watchdog.panels.duplicati import client
from watchdog.panels.duplicati.client import Booting, DuplicatiClient
from watchdog.panels.duplicati.fake import PASSWORD, PREAUTH, FakeDuplicati
from watchdog.panels.duplicati.login import HostRefused, NobodyBehind, TooOld, WrongPassword
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.witness import Restart
from watchdog.runtime.clock import SimulatedClock

STATE = "/api/v1/serverstate"
PAUSE = "/api/v1/serverstate/pause"


class Wire:
    """A client of one address. ``release`` None = no fake: ``url`` says where."""

    def __init__(self, folder: Path, url: str, clock: SimulatedClock, **changes: Any) -> None:
        self.clock = clock
        self.secret = folder / "secret"
        self.secret.write_text(PASSWORD)
        given = {"name": "nas", "url": url, "password_file": str(self.secret), "timeout": "20s", **changes}
        self.settings = DuplicatiSettings.model_validate({name: value for name, value in given.items() if value is not None})
        self.noted = Noted((REQUESTS,))
        self.client: DuplicatiClient = client.connect(self.settings, clock, self.noted)

    def counted(self, operation: str, result: str) -> float:
        return self.noted[(REQUESTS.name, "duplicati", "nas", operation, result)]


@contextmanager
def wired(folder: Path, release: str = "2.3.0.4", **changes: Any) -> Iterator[tuple[FakeDuplicati, Wire]]:
    clock = SimulatedClock(wall=1_795_200_000.0)
    with FakeDuplicati(folder / "server", clock, release) as server:
        wire = Wire(folder, server.url, clock, **changes)
        try:
            yield server, wire
        finally:
            wire.client.close()


FAULTS: list[tuple[str, dict[str, Any], type[WatchdogError], str]] = [
    ("ended without an answer", {"unreachable": True}, Unreachable, "transport"),
    ("cut in the middle", {"half": True}, Unreachable, "transport"),
    ("500", {"status": 500}, ServerFault, "server_error"),
    ("501", {"status": 501}, ServerFault, "server_error"),
    ("a proxy without a server", {"status": 502}, NobodyBehind, "server_error"),
    ("a proxy that gave up", {"status": 504}, NobodyBehind, "server_error"),
    ("429", {"status": 429}, Throttled, "throttled"),
    ("a redirect", {"status": 302}, Refused, "client_error"),
    ("404", {"status": 404}, NotFound, "client_error"),
    ("403", {"status": 403}, Forbidden, "auth"),
    ("no JSON", {"body": b"<html>welcome</html>"}, MalformedAnswer, "malformed"),
    ("an empty body", {"body": b""}, MalformedAnswer, "malformed"),
    ("another shape", {"body": b"[]"}, MalformedAnswer, "malformed"),
    ("a shape without its heart", {"body": b'{"ProgramState":"Sleeping"}'}, MalformedAnswer, "malformed"),
    ("nested without end", {"body": b"[" * 100_000}, MalformedAnswer, "malformed"),
    ("33 MiB of it", {"huge": 33 << 20}, MalformedAnswer, "malformed"),
]


@pytest.mark.parametrize(("name", "trouble", "error", "word"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_fault_of_the_state_is_told_by_its_kind_and_over_with_the_next_answer(
    tmp_path: Path, name: str, trouble: dict[str, Any], error: type[WatchdogError], word: str
) -> None:
    with wired(tmp_path) as (server, wire):
        wire.client.state()
        server.world.switches.only = STATE
        for switch, value in trouble.items():
            setattr(server.world.switches, switch, value)
        with pytest.raises(error) as said:
            wire.client.state()
        assert type(said.value) is error or isinstance(said.value, Booting)
        assert wire.counted("state", word) == 1, name
        assert wire.client.pulse().silent_since is not None
        with pytest.raises(WatchdogError):
            wire.client.view()
        server.world.switches.only = "/nowhere"
        wire.clock.advance(60)
        assert not wire.client.state().paused
        assert wire.client.pulse().silent_since is None
        assert wire.client.view().version == "2.3.0.4"
        assert leaks({"text": str(said.value)}, (PASSWORD,)) == []
        assert STATE not in str(said.value)


# the body of an order is not looked at: it is empty
OF_ORDERS = [row for row in FAULTS if not {"body", "huge", "half"} & set(row[1])]


@pytest.mark.parametrize(("name", "trouble", "error", "word"), OF_ORDERS, ids=[row[0] for row in OF_ORDERS])
def test_a_fault_of_an_order_sends_it_no_second_time(
    tmp_path: Path, name: str, trouble: dict[str, Any], error: type[WatchdogError], word: str
) -> None:
    with wired(tmp_path) as (server, wire):
        wire.client.state()
        server.world.switches.only = PAUSE
        for switch, value in trouble.items():
            setattr(server.world.switches, switch, value)
        with pytest.raises(error):
            wire.client.pause(3600)
        assert len(server.sent(PAUSE)) == 1, name
        assert wire.counted("pause", word) == 1
        assert server.world.program == "Running"


def test_an_order_whose_answer_was_lost_is_carried_out_and_seen_by_the_next_reading(tmp_path: Path) -> None:
    with wired(tmp_path) as (server, wire):
        wire.client.state()
        server.world.switches.lost = frozenset({f"POST {PAUSE}"})
        with pytest.raises(Unreachable):
            wire.client.pause(3600)
        assert wire.client.state().paused
        assert len(server.sent(PAUSE)) == 1


@pytest.mark.parametrize("length", [0, -1, 43_201, True, 3600.0, "3600"])
def test_no_length_that_could_mean_for_ever_is_ever_sent(tmp_path: Path, length: Any) -> None:
    with wired(tmp_path) as (server, wire):
        with pytest.raises(ValueError, match="whole seconds"):
            wire.client.pause(length)
        assert server.sent(PAUSE) == []


def test_a_server_that_hangs_holds_nobody_longer_than_was_allowed(tmp_path: Path) -> None:
    never = threading.Event()
    with wired(tmp_path, timeout="2s") as (server, wire):
        wire.client.state()
        server.world.switches.only, server.world.switches.hold = "/api/v1/", never
        try:
            with pytest.raises(DeadlinePassed):
                wire.client.state()
            with pytest.raises(DeadlinePassed):
                wire.client.pause(3600)
        finally:
            never.set()
        assert wire.counted("state", "deadline") == 1
        assert wire.client.pulse().suspicion, "we lost sight of it ourselves: a restart cannot be excluded"


def test_a_server_that_drips_is_cut_off(tmp_path: Path) -> None:
    with wired(tmp_path, timeout="2s") as (server, wire):
        wire.client.state()
        server.world.switches.only, server.world.switches.drip = STATE, 0.1
        with pytest.raises(DeadlinePassed):
            wire.client.state()


PLAYS: list[tuple[str, Callable[..., None], type[WatchdogError]]] = [
    ("closes at once", lambda connection, _: connection.close(), Unreachable),
    ("resets", say(b""), Unreachable),
    ("speaks no HTTP", say(b"SSH-2.0-OpenSSH_9.6\r\n"), MalformedAnswer),
    ("says nothing", silent, DeadlinePassed),
    ("drips its head", drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"), DeadlinePassed),
    ("drips a body without end", drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.001), DeadlinePassed),
    ("cuts a chunk", say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), Unreachable),
    ("is a 2.0", say(answer(400, b"Missing XSRF Token. Please reload the page")), TooOld),
    ("redirects to itself", say(answer(301, b"", "Location: /api/v1/serverstate")), Refused),
    ("packs strangely", say(answer(200, b"xx", "Content-Encoding: br")), MalformedAnswer),
]


@pytest.mark.parametrize(("name", "play", "error"), PLAYS, ids=[row[0] for row in PLAYS])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "by itself"])
def test_strange_servers_are_told_by_their_kind(
    tmp_path: Path, name: str, play: Callable[..., None], error: type[WatchdogError], *, kept: bool
) -> None:
    (tmp_path / "token").write_text(PREAUTH)
    with raw_server(play) as server:
        wire = Wire(
            tmp_path, server.url, SimulatedClock(wall=1.0), auth="preauth", password_file=None, token_file=str(tmp_path / "token"),
            timeout="2s",
        )  # fmt: skip
        with pytest.raises(error) as said:
            wire.client.state() if kept else wire.client.settings()
        wire.client.close()
        assert leaks({"text": str(said.value)}, (PREAUTH,)) == []
        assert len(server.requests) == (2 if error is TooOld else 1), "asked once, and what looks like a 2.0 for its page"


def test_a_refused_connection_is_a_restart_suspected_and_a_fault_soon_after_is_a_start(tmp_path: Path) -> None:
    with wired(tmp_path, "2.1.0.5") as (server, wire):
        wire.client.state()
        server.kill()
        with pytest.raises(Unreachable):
            wire.client.state()
        server.world.switches.boot_errors = 2
        server.start()
        wire.clock.advance(1)
        for _ in range(2):
            with pytest.raises(Booting):
                wire.client.state()
        assert wire.client.state().paused is False
        assert wire.client.pulse().restart in {Restart.SUSPECTED, Restart.CERTAIN}
        wire.clock.advance(31)
        server.world.switches.only, server.world.switches.status = STATE, 500
        with pytest.raises(ServerFault) as said:
            wire.client.state()
        assert not isinstance(said.value, Booting), "half a minute later it is broken"


# -- who may ask


def test_a_wrong_password_is_not_hammered_and_a_new_one_is_tried_at_once(tmp_path: Path) -> None:
    with wired(tmp_path) as (server, wire):
        wire.secret.write_text("wrong-password-of-ours")
        for _ in range(20):
            with pytest.raises(WrongPassword) as said:
                wire.client.state()
            wire.clock.advance(1)
        assert len(server.sent("/api/v1/auth/login")) == 1
        assert leaks({"text": str(said.value)}, ("wrong-password-of-ours",)) == []
        wire.secret.write_text(PASSWORD)
        assert not wire.client.state().paused
        assert len(server.sent("/api/v1/auth/login")) == 2


def test_one_session_serves_all_and_is_renewed_once_when_it_is_refused(tmp_path: Path) -> None:
    with wired(tmp_path) as (server, wire):
        threads = [threading.Thread(target=wire.client.settings) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert len(server.sent("/api/v1/auth/login")) == 1
        server.world.key = b"another key" * 4  # reset: no token is good any more
        wire.client.state()
        wire.client.settings()
        assert len(server.sent("/api/v1/auth/login")) == 2
        wire.clock.advance(721)
        wire.client.state()
        assert len(server.sent("/api/v1/auth/login")) == 3
        assert all("cookie" not in asked.headers for asked in server.seen)


def test_a_server_that_never_takes_its_own_sessions_is_not_asked_for_one_each_second(tmp_path: Path) -> None:
    with wired(tmp_path) as (server, wire):
        server.world.switches.only, server.world.switches.status = STATE, 401
        for _ in range(60):
            with pytest.raises(Forbidden):
                wire.client.state()
            wire.clock.advance(1)
        assert len(server.sent("/api/v1/auth/login")) <= 10, "each leaves a row in the server's database"


def test_a_name_that_the_server_does_not_go_by_is_named_with_the_way_out(tmp_path: Path) -> None:
    with wired(tmp_path, host_header="duplicati") as (_, wire), pytest.raises(HostRefused, match="host_header: localhost"):
        wire.client.state()
    with wired(tmp_path, host_header="localhost") as (_, wire):
        assert not wire.client.state().paused


def test_a_preauth_token_needs_no_login_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(PREAUTH)
    with wired(tmp_path, auth="preauth", password_file=None, token_file=str(token)) as (server, wire):
        assert not wire.client.state().paused
        wire.client.pause(60)
        assert server.sent("/api/v1/auth/login") == []
        token.write_text("a-wrong-preauth-token")
        with pytest.raises(WrongPassword, match="token_file") as said:
            wire.client.state()
        assert leaks({"text": str(said.value)}, ("a-wrong-preauth-token",)) == []


def test_what_a_recorded_answer_holds_beyond_the_promised_is_ignored(tmp_path: Path) -> None:
    with wired(tmp_path) as (server, wire):
        wire.client.state()
        state = {
            "ActiveTask": None, "ProgramState": "Paused", "SchedulerQueueIds": [], "ProposedSchedule": [], "HasWarning": False,
            "HasError": False, "EstimatedPauseEnd": "0001-01-01T00:00:00", "LastEventID": 1, "LastDataUpdateID": 1,
            "LastNotificationUpdateID": 0, "Tomorrow": {"x": 1},
        }  # fmt: skip
        server.world.switches.only, server.world.switches.body = STATE, json.dumps(state).encode()
        read = wire.client.state()
        assert (read.paused, read.pause_end, read.typed) == (True, None, False)
