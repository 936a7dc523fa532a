"""Loops that hang, die, hurry and end; and that none of them stops another."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.instruments import Noted
from watchdog.model.moments import Moment
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.schedule import TickSchedule
from watchdog.runtime.supervision import METRICS, LoopSpec, Supervisor, sd_notify

HEARTBEAT, CRASHES, ABANDONED, LEFT = (metric.name for metric in METRICS[:4])
dies = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


class House:
    def __init__(self, **options) -> None:
        self.clock = SystemClock()
        self.schedule = TickSchedule(self.clock)
        self.noted = Noted(METRICS)
        self.supervisor = Supervisor(self.clock, self.schedule, self.noted, **options)
        self.release = threading.Event()

    def begin(self, *specs: LoopSpec) -> None:
        for spec in specs:
            self.supervisor.add(spec)
        self.schedule.start()
        self.supervisor.start()

    def end(self) -> None:
        self.release.set()
        self.supervisor.stop(10)
        self.schedule.stop()


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.end()


class Counting:
    """A step that counts its runs."""

    def __init__(self, wish: float | None = None) -> None:
        self.runs = 0
        self.wish = wish

    def __call__(self) -> float | None:
        self.runs += 1
        return self.wish


def test_a_loop_runs_at_once_and_at_every_tick(house: House) -> None:
    step = Counting()
    house.begin(LoopSpec("x", step, 0.05))
    assert until(lambda: step.runs >= 5)
    assert house.noted[HEARTBEAT, "x"] == pytest.approx(time.time(), abs=15)
    assert house.noted[CRASHES, "x"] == house.noted[ABANDONED, "x"] == 0
    assert house.supervisor.healthy()


def test_a_first_delay_delays_and_a_wake_does_not_wait_for_it(house: House) -> None:
    slow, woken = Counting(), Counting()
    house.begin(LoopSpec("slow", slow, 3600, first_delay=3600), LoopSpec("woken", woken, 3600, first_delay=3600))
    house.supervisor.wake("woken")
    house.supervisor.wake("never heard of")
    assert until(lambda: woken.runs == 1)
    time.sleep(0.1)
    assert (slow.runs, woken.runs) == (0, 1)


def test_a_step_may_wish_to_run_earlier(house: House) -> None:
    step = Counting(wish=0.01)
    house.begin(LoopSpec("x", step, 3600))
    assert until(lambda: step.runs >= 10)


def test_wake_at_is_kept_and_the_earliest_counts(house: House) -> None:
    runs: list[float] = []
    house.begin(LoopSpec("x", lambda: runs.append(house.clock.now().mono), 3600))
    assert until(lambda: len(runs) == 1)
    now = house.clock.now()
    house.supervisor.wake_at("x", Moment(now.wall, now.mono + 3600))
    house.supervisor.wake_at("x", Moment(now.wall + 9e9, now.mono + 0.2))
    assert until(lambda: len(runs) == 2)
    assert runs[1] >= now.mono + 0.2


def test_a_wake_during_a_step_is_not_lost_and_many_are_one(house: House) -> None:
    inside, go = threading.Event(), threading.Event()
    runs: list[int] = []

    def step() -> None:
        runs.append(1)
        inside.set()
        go.wait(60)

    house.begin(LoopSpec("x", step, 3600))
    assert inside.wait(60)
    for _ in range(50):
        house.supervisor.wake("x")
    go.set()
    assert until(lambda: len(runs) == 2)
    time.sleep(0.1)
    assert len(runs) == 2


def test_a_really_blocked_thread_stops_nobody_else(house: House) -> None:
    reading, writing = os.pipe()
    good = Counting()
    hung: list[int] = []

    def block() -> None:
        hung.append(1)
        os.read(reading, 1)  # a system call that returns only when the test closes the other end

    house.begin(LoopSpec("hung", block, 0.05, deadline=0.2), LoopSpec("good", good, 0.02))
    assert until(lambda: len(hung) >= 2 and good.runs >= 20)
    assert house.noted[ABANDONED, "hung"] >= 1
    assert until(lambda: house.noted[LEFT,] >= 1)
    assert house.supervisor.generation("hung") >= 1
    assert house.supervisor.generation("good") == 0
    assert house.supervisor.healthy()
    os.close(writing)  # nobody hangs from now on
    assert until(lambda: house.noted[LEFT,] == 0)
    assert house.supervisor.remove("hung", 60)
    os.close(reading)


def test_a_late_result_of_an_abandoned_step_is_dropped(house: House) -> None:
    release = threading.Event()
    ran: list[int] = []

    def step_of(generation: int) -> Callable[[], float | None]:
        def step() -> float | None:
            ran.append(generation)
            if generation == 0:
                release.wait(60)
                return 0.0  # would run it again and again
            return None

        return step

    house.begin(LoopSpec("x", step_of(0), 3600, deadline=2.0, renew=step_of))
    assert until(lambda: 1 in ran)
    release.set()
    assert until(lambda: house.noted[LEFT,] == 0)
    time.sleep(0.2)
    assert ran == [0, 1]


@dies
def test_an_exception_is_counted_told_once_and_the_loop_goes_on(house: House, caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []
    good = Counting()

    def step() -> None:
        runs.append(1)
        if len(runs) <= 2:
            raise RuntimeError("a bug")

    caplog.set_level("INFO")
    house.begin(LoopSpec("x", step, 0.05), LoopSpec("good", good, 0.02))
    assert until(lambda: len(runs) >= 4)
    assert house.noted[CRASHES, "x"] == 2
    assert until(lambda: "well again" in caplog.text)
    assert caplog.text.count("a loop died") == 1
    assert until(lambda: good.runs >= 10)
    assert house.supervisor.healthy()


@dies
def test_a_dying_loop_backs_off(house: House) -> None:
    runs: list[float] = []

    def step() -> None:
        runs.append(time.monotonic())
        raise RuntimeError("a bug")

    house.begin(LoopSpec("x", step, 0.01))
    assert until(lambda: len(runs) >= 3)
    assert runs[1] - runs[0] >= 0.9
    assert runs[2] - runs[1] >= 1.9


@dies
def test_a_renewal_that_dies_or_hangs_is_only_a_lost_generation(house: House) -> None:
    tries: list[int] = []
    ran = threading.Event()

    def dead() -> None:
        raise RuntimeError("generation 0")

    def renew(generation: int) -> Callable[[], None]:
        tries.append(generation)
        if generation == 1:
            raise RuntimeError("cannot be made")
        if generation == 2:
            house.release.wait(60)
        return ran.set

    good = Counting()
    house.begin(LoopSpec("x", dead, 0.05, deadline=2.0, renew=renew), LoopSpec("good", good, 0.02))
    assert ran.wait(60)
    assert tries[:3] == [1, 2, 3]
    assert house.supervisor.healthy()


def test_too_many_hanging_threads_are_fatal() -> None:
    house = House(most_left_behind=1)
    house.begin(*(LoopSpec(f"hung{n}", lambda: house.release.wait(60) and None, 60, deadline=0.1) for n in range(2)))
    try:
        assert house.supervisor.fatal.wait(60)
        assert "2 threads hang" in house.supervisor.fatal_reason
        assert not house.supervisor.healthy()
    finally:
        house.end()


def test_without_a_deadline_a_step_is_never_replaced(house: House) -> None:
    runs: list[int] = []
    house.begin(LoopSpec("repair", lambda: runs.append(1) or (house.release.wait(60) and None), 0.02))
    assert until(lambda: len(runs) == 1)
    time.sleep(1.5)
    assert len(runs) == 1
    assert house.supervisor.generation("repair") == 0
    assert house.supervisor.healthy()


def test_stop_is_bounded_and_names_who_did_not_end(house: House) -> None:
    inside = threading.Event()

    def stuck() -> None:
        inside.set()
        house.release.wait(60)

    house.begin(LoopSpec("good", Counting(), 3600), LoopSpec("stuck", stuck, 3600))
    assert inside.wait(60)
    began = time.monotonic()
    assert house.supervisor.stop(3.0) == ("stuck",)
    assert time.monotonic() - began < 40


def test_loops_come_and_go_while_it_runs(house: House) -> None:
    house.begin()
    step = Counting()
    house.supervisor.add(LoopSpec("x", step, 0.02))
    with pytest.raises(ValueError, match="'x'"):
        house.supervisor.add(LoopSpec("x", step, 0.02))
    assert until(lambda: step.runs >= 3)
    assert house.supervisor.remove("x", 10)
    runs = step.runs
    time.sleep(0.1)
    assert step.runs == runs
    assert (HEARTBEAT, "x") not in house.noted.values
    assert house.supervisor.remove("x")
    house.supervisor.add(LoopSpec("x", step, 0.02))
    assert until(lambda: step.runs > runs)


def test_a_clock_jump_wakes_every_loop(house: House) -> None:
    one, two = Counting(), Counting()
    house.begin(LoopSpec("one", one, 3600), LoopSpec("two", two, 3600))
    assert until(lambda: one.runs == two.runs == 1)
    house.supervisor.jumped(-10800)
    assert until(lambda: one.runs == two.runs == 2)


def test_a_dead_schedule_is_unhealthy_but_loops_go_on(house: House) -> None:
    step = Counting()
    house.begin(LoopSpec("x", step, 0.05))
    house.schedule.stop()
    runs = step.runs
    assert until(lambda: step.runs > runs + 3)
    assert not house.supervisor.healthy()


class Ears:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(address)
        self.sock.settimeout(60)


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_each_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"panel-watchdog-{os.getpid()}" if abstract else str(tmp_path / "notify")
    ears = Ears("\0" + name if abstract else name)
    monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
    with ears.sock:
        for state in ("READY=1", "WATCHDOG=1", "STOPPING=1"):
            assert sd_notify(state)
            assert ears.sock.recv(100).decode() == state
        assert sd_notify("RELOADING=1")
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", ears.sock.recv(100).decode())


def test_nobody_listening_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("", "relative", str(tmp_path / "gone"), "@gone-" + str(os.getpid())):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        assert not sd_notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not sd_notify("READY=1")


def test_the_supervisor_pings_systemd_as_often_as_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    house = House()
    house.begin()
    try:
        for _ in range(2):
            assert ears.sock.recv(100) == b"WATCHDOG=1"
    finally:
        house.end()
        ears.sock.close()


def test_a_hung_loop_does_not_hold_the_process_at_its_end() -> None:
    program = textwrap.dedent("""
        import os, threading
        from watchdog.model.metrics import Silent
        from watchdog.runtime.clock import SystemClock
        from watchdog.runtime.schedule import TickSchedule
        from watchdog.runtime.supervision import LoopSpec, Supervisor
        clock = SystemClock(); schedule = TickSchedule(clock); supervisor = Supervisor(clock, schedule, Silent())
        inside = threading.Event()
        def hang():
            inside.set(); os.read(os.pipe()[0], 1)
        supervisor.add(LoopSpec("hung", hang, 60)); schedule.start(); supervisor.start(); inside.wait()
        print(supervisor.stop(1.0)); schedule.stop()
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "('hung',)\n", "")
