"""Ticks: real ones, simulated ones, and clocks that jump."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo

import apscheduler.schedulers.base
import pytest

from watchdog.model.moments import Moment
from watchdog.runtime.clock import SimulatedClock, SystemClock
from watchdog.runtime.schedule import SimulatedSchedule, TickSchedule


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


class JumpingClock:
    """The real clock, whose wall side can be moved."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.shift = 0.0

    def now(self) -> Moment:
        now = self._real.now()
        return Moment(now.wall + self.shift, now.mono)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return self._real.wait(event, min(seconds, 0.02))


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def schedule(clock: JumpingClock) -> Iterator[TickSchedule]:
    schedule = TickSchedule(clock)
    yield schedule
    schedule.stop()


def test_ticks_come_again_and_again_and_once(schedule: TickSchedule) -> None:
    ticks: list[str] = []
    schedule.every("often", 0.02, lambda: ticks.append("often"))
    schedule.at("soon", time.time() + 0.1, lambda: ticks.append("soon"))
    schedule.at("long ago", time.time() - 500, lambda: ticks.append("past"))
    assert not schedule.alive()
    schedule.start()
    assert schedule.alive()
    assert until(lambda: ticks.count("often") >= 5 and "soon" in ticks)
    assert ticks.count("soon") == ticks.count("past") == 1
    schedule.cancel("often")
    schedule.cancel("never heard of")
    count = ticks.count("often")
    time.sleep(0.1)
    assert ticks.count("often") <= count + 1
    schedule.stop()
    assert not schedule.alive()


def test_the_same_name_replaces(schedule: TickSchedule) -> None:
    ticks: list[str] = []
    schedule.every("x", 0.02, lambda: ticks.append("old"))
    schedule.every("x", 0.02, lambda: ticks.append("new"))
    schedule.start()
    assert until(lambda: "new" in ticks)
    assert "old" not in ticks


def test_a_tick_that_raises_stops_neither_itself_nor_others(schedule: TickSchedule, caplog: pytest.LogCaptureFixture) -> None:
    ticks: list[str] = []

    def bad() -> None:
        ticks.append("bad")
        raise RuntimeError("tick")

    schedule.every("bad", 0.02, bad)
    schedule.every("good", 0.02, lambda: ticks.append("good"))
    schedule.start()
    assert until(lambda: ticks.count("bad") >= 3 and ticks.count("good") >= 3)
    assert "tick" in caplog.text


def next_runs(schedule: TickSchedule) -> dict[str, float]:
    return {job.id: job.next_run_time.timestamp() for job in schedule._scheduler.get_jobs()}


@pytest.mark.parametrize("jump", [3 * 3600.0, -3 * 3600.0, 400 * 86400.0, 6.0, -6.0])
def test_after_a_jump_every_next_run_is_set_anew(schedule: TickSchedule, clock: JumpingClock, jump: float) -> None:
    jumps: list[float] = []
    schedule.on_jump(jumps.append)
    schedule.every("hourly", 3600.0, lambda: None)
    schedule.every("daily", 86400.0, lambda: None)
    schedule._scheduler.start(paused=True)  # it looks at the machine's clock, which did not jump
    before, state = next_runs(schedule), clock.now()
    clock.shift = jump
    state = schedule.compare(state, clock.now())
    assert jumps == [pytest.approx(jump, abs=1.0)]
    after = next_runs(schedule)
    for name in ("hourly", "daily"):
        assert after[name] - before[name] == pytest.approx(jump, abs=2.0)  # as far away as before, by the new wall clock
    schedule.compare(state, clock.now())
    assert len(jumps) == 1


@pytest.mark.parametrize("jump", [-3 * 3600.0, 3 * 3600.0])
def test_ticks_go_on_when_the_schedulers_own_clock_jumps(
    schedule: TickSchedule, clock: JumpingClock, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=clock.shift)

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Moved)
    ticks: list[int] = []
    jumps: list[float] = []
    schedule.on_jump(jumps.append)
    schedule.every("x", 0.2, lambda: ticks.append(1))
    schedule.start()
    assert until(lambda: len(ticks) >= 3)
    clock.shift = jump
    assert until(lambda: bool(jumps))
    count = len(ticks)
    assert until(lambda: len(ticks) >= count + 5)
    assert len(ticks) < count + 5 + 5000  # missed ticks are one, not three hours of them: 54,000
    assert schedule.alive()


def test_small_differences_are_no_jump_until_they_add_up() -> None:
    schedule = TickSchedule(SystemClock())
    jumps: list[float] = []
    schedule.on_jump(jumps.append)
    state = Moment(1000.0, 10.0)
    for second in range(1, 60):
        state = schedule.compare(state, Moment(1000.0 + second * 1.25, 10.0 + second))
    assert len(jumps) == 2
    assert all(5.0 < jump < 5.6 for jump in jumps)


def test_a_trigger_never_walks_through_a_missed_year(schedule: TickSchedule) -> None:
    schedule.start()
    ticks: list[int] = []
    schedule.every("often", 0.01, lambda: ticks.append(1))
    job = schedule._scheduler.get_job("often")
    began = time.monotonic()
    schedule._scheduler.modify_job("often", next_run_time=job.next_run_time.replace(year=job.next_run_time.year - 30))
    assert until(lambda: len(ticks) >= 3)
    assert time.monotonic() - began < 60


def test_a_week_passes_in_a_second() -> None:
    clock = SimulatedClock()
    schedule = SimulatedSchedule(clock)
    ticks: list[float] = []
    schedule.every("x", 15.0, lambda: ticks.append(clock.now().mono))
    schedule.start()
    began = time.monotonic()
    first = clock.now().mono
    assert schedule.advance(7 * 86400) == 40320
    assert time.monotonic() - began < 90
    assert ticks[:2] == [first + 15.0, first + 30.0]
    assert clock.now().mono == first + 7 * 86400


def test_simulated_ticks_come_in_order_and_may_change_the_schedule() -> None:
    clock = SimulatedClock()
    schedule = SimulatedSchedule(clock)
    start = clock.now().wall
    said: list[tuple[float, str]] = []

    def say(word: str) -> Callable[[], None]:
        return lambda: said.append((round(clock.now().wall - start, 3), word))

    def once() -> None:
        say("once")()
        schedule.cancel("ten")
        schedule.at("after", clock.now().wall + 3, say("after"))

    schedule.every("ten", 10, say("ten"))
    schedule.at("once", start + 25, once)
    schedule.at("past", start - 5, say("past"))
    schedule.advance(1)  # not started: only the clock moves
    assert said == []
    schedule.start()
    schedule.advance(39, say("between"))
    words = [entry for entry in said if entry[1] != "between"]
    assert words == [(1.0, "past"), (10.0, "ten"), (20.0, "ten"), (25.0, "once"), (28.0, "after")]
    assert len(said) == 2 * len(words)
    assert not SimulatedSchedule(clock).alive()


def test_simulated_jumps_are_told_and_do_not_move_intervals() -> None:
    clock = SimulatedClock()
    schedule = SimulatedSchedule(clock)
    jumps: list[float] = []
    ticks: list[int] = []
    schedule.on_jump(jumps.append)
    schedule.every("x", 10, lambda: ticks.append(1))
    schedule.start()
    schedule.advance(20)
    clock.jump(-3 * 3600)
    schedule.advance(20)
    assert len(ticks) == 4
    assert jumps == [-3 * 3600]
