"""Several daemons are asked side by side: within one deadline, and with threads that no exit waits for."""

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from tests.support.http_server import answer, raw_server
from tests.support.mcsmanager import settings
from watchdog.errors import DeadlinePassed, Forbidden
from watchdog.model.metrics import Silent
from watchdog.panels.mcsmanager import client
from watchdog.runtime import fan
from watchdog.runtime.clock import SystemClock

OVERVIEW = {
    "status": 200,
    "data": {"version": "10.18.2", "remote": [{"uuid": f"{n:032x}", "available": True, "version": "4.18.2"} for n in range(3)]},
    "time": 1,
}
PROGRAM = """
import sys, threading, time
from pathlib import Path
from tests.support.mcsmanager import settings
from watchdog.model.metrics import Silent
from watchdog.panels.mcsmanager import client
from watchdog.runtime.clock import SystemClock

made = settings(url=sys.argv[1], api_key_file=sys.argv[2], timeout="600s")
wire = client.connect(made, SystemClock(), Silent())
threading.Thread(target=wire.view, daemon=True).start()
sys.stdin.readline()
print("main has returned", flush=True)
"""


@contextmanager
def mute():
    """Serve a panel that answers the overview, with three daemons, and nothing else until it ends."""
    ended = threading.Event()

    def play(connection, request):
        if request.startswith((b"GET /api/overview?", b"GET /api/overview ")):
            connection.sendall(answer(200, json.dumps(OVERVIEW).encode()))
        else:
            ended.wait(120)

    with raw_server(play) as server:
        try:
            yield server
        finally:
            ended.set()


def poll(done, seconds=60.0):
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_program_whose_look_hangs_ends_at_once(tmp_path):
    key = tmp_path / "key"
    key.write_text("some-key")
    with mute() as server:
        argv = [sys.executable, "-c", PROGRAM, server.url, str(key)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            try:
                poll(lambda: sum(b"remote_service_instances" in each for each in server.requests) == 3, 60)
                said, _ = program.communicate("\n", timeout=75)  # each of the three exchanges would hang for longer
            finally:
                program.kill()
        assert (said, program.returncode) == ("main has returned\n", 0)


def test_daemons_that_hang_are_blind_when_the_look_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "LOOK_SECONDS", 6.0)
    monkeypatch.setattr(client, "LOG_SECONDS", 2.0)
    key = tmp_path / "key"
    key.write_text("some-key")
    with mute() as server:
        wire = client.connect(settings(url=server.url, api_key_file=str(key), timeout="600s"), SystemClock(), Silent())
        view = wire.view()
    assert [(daemon.instances, daemon.instances_error) for daemon in view.daemons] == [(None, "DeadlinePassed")] * 3
    assert {daemon.containers_error for daemon in view.daemons} == {"DeadlinePassed"}
    assert (view.operations, view.operations_error) == (None, "DeadlinePassed")


def test_a_look_whose_time_is_over_sends_nothing_more(tmp_path):
    with mute() as server:
        wire = client.connect(settings(url=server.url, api_key_file=str(tmp_path / "key")), SystemClock(), Silent())
        with pytest.raises(DeadlinePassed):
            wire.within(0.0).services()
        assert server.requests == []


# -- the fan itself


@pytest.mark.parametrize("count", [0, 1, 2, 8, 50])
def test_results_come_in_order_and_no_more_than_eight_at_once(count):
    lock, busy, most = threading.Lock(), [0], [0]

    def deed(number):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.002)
        with lock:
            busy[0] -= 1
        return number * 10

    assert fan.side_by_side(deed, range(count), 60.0) == tuple(number * 10 for number in range(count))
    assert most[0] <= fan.WIDTH


def test_all_threads_are_daemons_and_one_item_needs_none():
    seen = fan.side_by_side(lambda _: threading.current_thread(), range(2), 60.0)
    assert all(thread.daemon for thread in seen)
    assert fan.side_by_side(lambda _: threading.current_thread(), range(1), 60.0) == (threading.current_thread(),)


def test_what_does_not_come_back_is_left_behind():
    over = threading.Event()

    def deed(number):
        if number == 1:
            over.wait(60)
        return number

    assert fan.side_by_side(deed, range(4), 3.0) == (0, None, 2, 3)
    over.set()


@pytest.mark.parametrize("error", [Forbidden("no"), ValueError("a defect")])
def test_an_error_is_the_callers_and_ends_the_rest(error):
    asked = []

    def deed(number):
        asked.append(number)
        if number == 0:
            raise error
        time.sleep(0.01)

    with pytest.raises(type(error)):
        fan.side_by_side(deed, range(1000), 60.0)
    assert len(asked) < 1000
