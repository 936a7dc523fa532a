"""What a stop does to whoever holds a connection, and what a held connection does to a stop (restart-witnesses-and-their-cost.json).

The sockets are real; where a recorded number of seconds counts, the clock is simulated, and where a client must act meanwhile, the fake's
patience is shortened or made endless: nothing here depends on how fast this machine is.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading

import pytest

from tests.support.duplicati_fake import VERSIONS, Caller, series, stage
from watchdog.panels.duplicati.fake import FakeDuplicati
from watchdog.panels.duplicati.fake.server import GRACE_SECONDS, IDLE_SECONDS
from watchdog.runtime import frames
from watchdog.runtime.clock import SystemClock

WITNESS = {
    version: {row["held"] + "/" + row["stop"]: row for row in series(version)["restart-witnesses-and-their-cost"]["rows"]}
    for version in VERSIONS
}
FOR_EVER = 1e6


def opened(server):
    """Open a connection; return it."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def ask(connection, token, path="/api/v1/serverstate", more=""):
    """Send one GET over it."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode())


def answer(connection):
    """Read one answer: status line, headers, body."""
    stream = connection.makefile("rb")
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return status, stream.read(length), stream


def websocket(server, token, query=True):
    """Open the websocket; return the connection and its stream."""
    connection = opened(server)
    path = f"/notifications?token={token}" if query else "/notifications"
    more = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    ask(connection, "", path, more)
    status, _, stream = answer(connection)
    assert status == 101
    return connection, stream


@pytest.mark.parametrize("version", VERSIONS)
def test_with_nothing_held_the_stop_is_short(version, tmp_path):
    with stage(tmp_path, version) as (server, caller, _clock):
        caller.close()
        assert server.stop() < WITNESS[version]["nothing/terminate"]["stop_took_s"] + 0.4


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", ["terminate", "kill"])
def test_an_idle_connection_ends_with_the_server_and_holds_nothing(version, way, tmp_path):
    assert WITNESS[version][f"idle keep-alive connection/{way}"]["end_of_stream_after_s"] == 2.0
    with stage(tmp_path, version) as (server, caller, _clock):
        with opened(server) as idle:
            ask(idle, caller.token)
            assert answer(idle)[0] == 200
            took = server.stop() if way == "terminate" else server.kill()
            assert idle_end(idle) == b""
        assert not took
        with pytest.raises(ConnectionRefusedError):
            opened(server)
        server.start()
        assert caller.state()["ProgramState"] == "Running"


def idle_end(connection):
    """Wait for the end of an idle connection; a reset is one, too."""
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_websocket_holds_the_stop_up_for_half_a_minute_and_is_reset(version, tmp_path):
    recorded = WITNESS[version]["websocket, reading all the time/terminate"]
    with stage(tmp_path, version) as (server, caller, _clock):
        connection, stream = websocket(server, caller.token)
        with connection, stream:
            assert frames.read(stream)[0] == frames.TEXT
            assert server.stop() == pytest.approx(recorded["stop_took_s"], abs=1.0)
            with pytest.raises(ConnectionResetError):
                while frames.read(stream) is not None:
                    pass
    assert recorded["frames_seen"][-1] == "ConnectionResetError"
    assert pytest.approx(recorded["stop_took_s"], abs=0.5) == GRACE_SECONDS


@pytest.mark.parametrize("version", ["2.2.0.1", "2.3.0.4"])
def test_a_long_poll_is_answered_at_once_by_the_newer_ones(version, tmp_path):
    recorded = WITNESS[version]["long poll of 60 s/terminate"]
    with FakeDuplicati(tmp_path, SystemClock(), version, grace_seconds=FOR_EVER) as server:
        caller = Caller(server).login()
        seen = caller.state()["LastEventID"]
        with opened(server) as poller:
            begun_poll(server, poller, caller, seen, "60s")
            server.stop()
            status, body, _ = answer(poller)
        caller.close()
        assert status == recorded["client_saw"]
        assert json.loads(body)["LastEventID"] - seen == recorded["LastEventID"] - recorded["asked_with"]


def begun_poll(server, poller, caller, seen, duration):
    """Send a long poll and wait until the server holds it."""
    ask(poller, caller.token, f"/api/v1/serverstate?longpoll=true&lastEventId={seen}&duration={duration}")
    until(lambda: any(connection.polling for connection in list(server.connections)))


def until(holds):
    """Wait until something holds, for a minute at most."""
    for _ in range(6000):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never held")


def test_the_old_line_waits_for_a_long_poll_to_end_by_itself(tmp_path):
    recorded = WITNESS["2.1.0.5"]["long poll of 10 s/terminate"]
    with stage(tmp_path, "2.1.0.5", grace_seconds=FOR_EVER) as (server, caller, _clock):
        seen = caller.state()["LastEventID"]
        with opened(server) as poller:
            ask(poller, caller.token, f"/api/v1/serverstate?longpoll=true&lastEventId={seen}&duration=10s")
            until(lambda: len(server.sent("/api/v1/serverstate")) == 2)
            assert server.stop() <= 10.0 + 1.0
            status, body, _ = answer(poller)
        assert (status, json.loads(body)["LastEventID"] - seen) == (recorded["client_saw"], 0)


def test_the_old_line_cuts_a_longer_one_in_the_end(tmp_path):
    assert WITNESS["2.1.0.5"]["long poll of 60 s/terminate"]["client_saw"] == "ConnectionError"
    with FakeDuplicati(tmp_path, SystemClock(), "2.1.0.5", grace_seconds=0.5) as server:
        caller = Caller(server).login()
        with opened(server) as poller:
            begun_poll(server, poller, caller, caller.state()["LastEventID"], "1h")
            assert server.stop() >= 0.5
            assert idle_end(poller) == b""
        caller.close()


def test_a_connection_that_was_idle_for_so_long_is_ended(tmp_path):
    measured = series("2.3.0.4")["restart-witnesses-and-their-cost"]["idle_connection_closed_by_server_after_s"]
    assert pytest.approx(measured, abs=2.0) == IDLE_SECONDS
    with stage(tmp_path, "2.3.0.4", idle_seconds=0.2) as (server, caller, _clock), opened(server) as idle:
        ask(idle, caller.token)
        assert answer(idle)[0] == 200
        assert idle.recv(1) == b""
        assert server.up


def test_the_port_is_kept_while_the_server_is_down(tmp_path):
    with stage(tmp_path, "2.3.0.4") as (server, caller, _clock):
        for killed in (True, False):
            port = server.port
            if killed:
                server.kill()
            else:
                server.stop()
            others = [socket.create_server(("127.0.0.1", 0)) for _ in range(50)]
            assert port not in [other.getsockname()[1] for other in others]
            server.start()
            assert (server.port, caller.state()["ProgramState"]) == (port, "Running")
            for other in others:
                other.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_websocket_says_what_was_recorded(version, tmp_path):
    rows = {row["label"]: row for row in series(version)["websocket"]["rows"]}
    with stage(tmp_path, version) as (server, caller, _clock):
        told = heard(
            server, caller.token, lambda: server.world.pause("10m"), len(rows["token in the query, a pause during it"]["received"])
        )
        recorded = [each["message"] for each in rows["token in the query, a pause during it"]["received"]]
        assert [list(each) for each in told[:2]] == [list(each) for each in recorded[:2]]
        assert [each["ProgramState"] for each in told] == ["Running", "Paused"]
        assert isinstance(told[0]["UpdateDownloadProgress"], float)
        wrong = rows["wrong token"]["received"]
        connection, stream = websocket(server, "nonsense")
        with connection, stream:
            if wrong:
                kind, content = frames.read(stream)
                assert kind == frames.CLOSE
                assert (struct.unpack(">H", content[:2])[0], content[2:].decode()) == (wrong[0]["close_code"], wrong[0]["reason"])
            else:
                message = {"Version": 1, "Token": caller.token}
                send(connection, json.dumps(message).encode())
                _, content = frames.read(stream)
                assert json.loads(content) == rows["authenticate by message"]["received"][0]["message"]


def heard(server, token, act, most):
    """Return the states a websocket pushes: at once, and after ``act`` the last of what it brings."""
    connection, stream = websocket(server, token)
    with connection, stream:
        first = json.loads(frames.read(stream)[1])
        act()
        then = json.loads(frames.read(stream)[1])
    assert most >= 2
    return [first, then]


def send(connection, content):
    """Send one masked text frame of 126 bytes or more, as clients must."""
    mask = os.urandom(4)
    connection.sendall(
        bytes([129, 254]) + struct.pack(">H", len(content)) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))
    )


def test_each_row_of_the_long_poll(tmp_path):
    rows = series("2.3.0.4")["longpoll"]["rows"]
    with stage(tmp_path, "2.3.0.4") as (server, caller, clock):
        for row in rows:
            if row["label"] == "a pause after 2 s":
                continue
            seen = caller.state()["LastEventID"] - (1 if row["label"] == "old id" else 0)
            query = row["query"].replace("lastEventId=32", f"lastEventId={seen}").replace("lastEventId=33", f"lastEventId={seen}")
            before = clock.now().mono
            got = caller.call("GET", "/api/v1/serverstate", query)
            assert got.status == row["http_status"], row["label"]
            assert (
                got.raw.decode() == row["body"] if row["body"] else got.body["LastEventID"] - seen == (1 if row["label"] == "old id" else 0)
            )
            waited = clock.now().mono - before
            assert (waited >= 10.0) == (row["elapsed_s"] > 9.0), row["label"]
        assert server.up


def test_a_long_poll_wakes_at_an_event(tmp_path):
    row = series("2.3.0.4")["longpoll"]["rows"][-1]
    with FakeDuplicati(tmp_path, SystemClock(), "2.3.0.4") as server:
        caller = Caller(server).login()
        seen = caller.state()["LastEventID"]
        with opened(server) as poller:
            begun_poll(server, poller, caller, seen, "1h")
            server.world.pause("10m")
            status, body, _ = answer(poller)
        caller.close()
        state = json.loads(body)
        assert (status, state["LastEventID"] - seen, state["ProgramState"]) == (row["http_status"], row["LastEventID"] - 33, "Paused")
