"""The only APScheduler, and its simulated twin. A schedule ticks; a tick sets a wake event or something as quick, it never does work.

APScheduler lives on the wall clock, which jumps. So a small watch compares the clocks: when wall and monotonic clock diverge by more than
five seconds, every next run is set anew and ``on_jump`` is called.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.executors.debug import DebugExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger

from watchdog.model.moments import Clock, Moment
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

Tick = Callable[[], None]
OnJump = Callable[[float], None]
JUMP_SECONDS = 5.0
_WATCH_SECONDS = 1.0
_ALIVE_SECONDS = 30.0
_PULSE = "schedule-pulse"


class Schedule(Protocol):
    """Who wakes whom, and when. Names are unique; the same name again replaces the former."""

    def every(self, name: str, seconds: float, tick: Tick) -> None:
        """Call ``tick`` every ``seconds``, the first time after ``seconds``."""
        ...

    def at(self, name: str, wall: float, tick: Tick) -> None:
        """Call ``tick`` once at ``wall`` (UNIX seconds), at once if that has passed."""
        ...

    def cancel(self, name: str) -> None:
        """Forget ``name``; unknown names are fine."""
        ...

    def on_jump(self, listener: OnJump) -> None:
        """Call ``listener(seconds)`` after each jump of the wall clock (positive = forward)."""
        ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def alive(self) -> bool:
        """Whether ticks still come."""
        ...


class _Every(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Fires every ``seconds``, and once only for however many were missed.

    Not IntervalTrigger: after a jump of a year it would walk through every missed second of the year.
    """

    def __init__(self, seconds: float) -> None:
        self.step = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the next time on the grid of the former one, or a whole step from ``now`` when that is over."""
        following = (previous_fire_time or now) + self.step
        return following if following > now else now + self.step


class TickSchedule:
    """The real schedule: one APScheduler thread, which also runs the ticks, and one thread that watches the clocks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            daemon=True,
            executors={"default": DebugExecutor()},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._listeners: tuple[OnJump, ...] = ()
        self._stopping = threading.Event()
        self._pulse = clock.now()
        self._watch = threading.Thread(target=self._watch_clocks, name="clock-watch", daemon=True)

    def every(self, name: str, seconds: float, tick: Tick) -> None:
        """Call ``tick`` every ``seconds``."""
        self._scheduler.add_job(tick, _Every(seconds), id=name, name=name, replace_existing=True)

    def at(self, name: str, wall: float, tick: Tick) -> None:
        """Call ``tick`` once at ``wall``."""
        when = max(wall, self._clock.now().wall)
        self._scheduler.add_job(tick, DateTrigger(datetime.fromtimestamp(when, UTC)), id=name, name=name, replace_existing=True)

    def cancel(self, name: str) -> None:
        """Forget ``name``."""
        try:
            self._scheduler.remove_job(name)
        except JobLookupError:
            return

    def on_jump(self, listener: OnJump) -> None:
        """Call ``listener`` after each jump."""
        self._listeners = (*self._listeners, listener)

    def start(self) -> None:
        """Begin ticking."""
        self._pulse = self._clock.now()
        self.every(_PULSE, 5.0, self._beat)
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """Stop ticking; a tick that is running ends first."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._watch.is_alive():
            self._watch.join(5.0)

    def alive(self) -> bool:
        """Whether the scheduler's own pulse is young."""
        return bool(self._scheduler.running) and self._clock.now().since(self._pulse) < _ALIVE_SECONDS

    def _beat(self) -> None:
        self._pulse = self._clock.now()

    def _watch_clocks(self) -> None:
        before = self._clock.now()
        while not self._clock.wait(self._stopping, _WATCH_SECONDS):
            now = self._clock.now()
            before = self.compare(before, now)

    def compare(self, before: Moment, now: Moment) -> Moment:
        """Compare the clocks with their state ``before``; return the state to compare with next time (a slow slew adds up)."""
        jump = (now.wall - before.wall) - now.since(before)
        if abs(jump) > JUMP_SECONDS:
            self._set_anew(jump, now)
            return now
        if now.since(before) > _WATCH_SECONDS + JUMP_SECONDS:
            self._wake_scheduler()  # the machine slept, and the scheduler's own wait did not count that
        return Moment(now.wall - jump, now.mono)

    def _wake_scheduler(self) -> None:
        if self._scheduler.running:
            self._scheduler.wakeup()

    def _set_anew(self, jump: float, now: Moment) -> None:
        log.warning("the wall clock jumped; every next run is set anew", seconds=round(jump, 3))
        here = datetime.fromtimestamp(now.wall, UTC)
        jobs: list[Job] = self._scheduler.get_jobs()
        for job in jobs:
            if isinstance(job.trigger, _Every) and job.next_run_time is not None:
                moved = job.next_run_time + timedelta(seconds=jump)
                try:
                    self._scheduler.modify_job(job.id, next_run_time=min(max(moved, here), here + job.trigger.step))
                except JobLookupError:  # cancelled meanwhile
                    continue
        self._wake_scheduler()
        for listener in self._listeners:
            listener(jump)


@dataclass(slots=True)
class _Entry:
    """One name of the simulated schedule: due at ``mono``, or at ``wall``; ``seconds`` = again after."""

    tick: Tick
    order: int
    mono: float = 0.0
    wall: float | None = None
    seconds: float | None = None


class SimulatedSchedule:
    """The twin: moves a SimulatedClock from tick to tick in the calling thread, so a week passes in a second of test."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._listeners: tuple[OnJump, ...] = ()
        self._order = 0
        self._running = False
        self._seen = clock.now()

    def every(self, name: str, seconds: float, tick: Tick) -> None:
        """Call ``tick`` every ``seconds``."""
        if seconds <= 0:
            raise ValueError("a schedule's step is more than 0 seconds")
        self._put(name, _Entry(tick, 0, mono=self._clock.now().mono + seconds, seconds=seconds))

    def at(self, name: str, wall: float, tick: Tick) -> None:
        """Call ``tick`` once at ``wall``."""
        self._put(name, _Entry(tick, 0, wall=wall))

    def _put(self, name: str, entry: _Entry) -> None:
        self._order += 1
        entry.order = self._order
        self._entries[name] = entry

    def cancel(self, name: str) -> None:
        """Forget ``name``."""
        self._entries.pop(name, None)

    def on_jump(self, listener: OnJump) -> None:
        """Call ``listener`` after each jump."""
        self._listeners = (*self._listeners, listener)

    def start(self) -> None:
        """Let ``advance`` tick."""
        self._running = True

    def stop(self) -> None:
        """Let ``advance`` only move the clock."""
        self._running = False

    def alive(self) -> bool:
        """Whether it was started."""
        return self._running

    def advance(self, seconds: float, after_each: Tick | None = None) -> int:
        """Let ``seconds`` pass: run every tick at its time, and after it ``after_each`` (the twin of threads being woken).

        Return how many ticks ran.
        """
        end = self._clock.now().mono + seconds
        ran = 0
        while True:
            self._tell_jump()
            name, due = self._next()
            if name is None or due > end or not self._running:
                break
            self._clock.advance(max(0.0, due - self._clock.now().mono))
            self._seen = self._clock.now()
            self._run(name)
            ran += 1
            if after_each is not None:
                after_each()
        self._clock.advance(max(0.0, end - self._clock.now().mono))
        self._seen = self._clock.now()
        return ran

    def _next(self) -> tuple[str | None, float]:
        now = self._clock.now()
        dues = [
            (entry.mono if entry.wall is None else now.mono + max(0.0, entry.wall - now.wall), entry.order, name)
            for name, entry in self._entries.items()
        ]
        due, _, name = min(dues, default=(0.0, 0, None))
        return name, due

    def _run(self, name: str) -> None:
        entry = self._entries[name]
        if entry.seconds is None:
            del self._entries[name]
        else:
            entry.mono = max(entry.mono + entry.seconds, self._clock.now().mono)
        entry.tick()

    def _tell_jump(self) -> None:
        now, seen = self._clock.now(), self._seen
        jump = (now.wall - seen.wall) - now.since(seen)
        self._seen = now
        if abs(jump) > JUMP_SECONDS:
            for listener in self._listeners:
                listener(jump)
