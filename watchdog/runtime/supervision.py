"""The supervisor: every loop has its own thread, and no loop can stop another.

A step past its deadline: its thread is abandoned and a new generation goes on. A step that raises: its thread dies and a new generation
goes on. Both with a growing back-off, counted, and logged once until the loop is well again. A blocked thread cannot be killed, only left
behind; too many of them set ``fatal``, and the program ends with an exit code that makes systemd or Docker start it anew.

What systemd and /-/healthy hear depends on this thread and the schedule only, never on a target (rule 15 of the house).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock, Moment
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import HEARTBEAT, HEARTBEAT_METRIC, LoopSpec, LoopThread, Wakes
from watchdog.runtime.schedule import Schedule
from watchdog.runtime.systemd import sd_notify, watchdog_seconds

__all__ = ["METRICS", "LoopSpec", "Supervisor", "sd_notify"]

log = get_logger(__name__)

CRASHES = "watchdog_loop_crashes_total"
ABANDONED = "watchdog_loop_abandoned_total"
LEFT_BEHIND = "watchdog_loop_abandoned_threads"
JUMPS = "watchdog_clock_jumps_total"
METRICS: tuple[Metric, ...] = (
    HEARTBEAT_METRIC,
    Metric(CRASHES, "counter", "Steps of a loop that died of an exception; the loop went on in a new generation (supervisor).", ("loop",)),
    Metric(
        ABANDONED, "counter", "Steps of a loop that passed their deadline and were left behind in their thread (supervisor).", ("loop",)
    ),
    Metric(LEFT_BEHIND, "gauge", "Threads left behind that still hang; too many of them end the program (supervisor).", (), seed=((),)),
    Metric(JUMPS, "counter", "Jumps of the wall clock against the monotonic clock by more than 5 s (schedule).", (), seed=((),)),
)

_LOOK_SECONDS = 1.0
_HEALTHY_SECONDS = 15.0
_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 600.0


@dataclass(slots=True)
class _Loop:
    """What the supervisor knows of one loop; ``failures`` counts generations lost in a row."""

    spec: LoopSpec
    wakes: Wakes
    thread: LoopThread
    failures: int = 0


class Supervisor:
    """Runs loops until ``stop``. ``fatal`` is set, with ``fatal_reason``, when the process cannot be saved from within."""

    def __init__(self, clock: Clock, schedule: Schedule, instruments: Instruments, *, most_left_behind: int = 16) -> None:
        self.fatal = threading.Event()
        self.fatal_reason = ""
        self._clock = clock
        self._schedule = schedule
        self._instruments = instruments
        self._most = most_left_behind
        self._loops: dict[str, _Loop] = {}
        self._left_behind: list[LoopThread] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._running = False
        self._beat = clock.now()
        self._pinged: Moment | None = None
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        schedule.on_jump(self.jumped)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all loops."""
        return tuple(self._loops)

    def add(self, spec: LoopSpec) -> None:
        """Supervise one more loop; it runs from ``start`` on, or now. Raises ValueError for a name that is taken."""
        now = self._clock.now()
        with self._lock:
            if spec.name in self._loops:
                raise ValueError(f"there is a loop called {spec.name!r} already")
            wakes = Wakes(now.mono + spec.first_delay)
            loop = _Loop(spec, wakes, LoopThread(spec, 0, wakes, self._clock, self._instruments))
            self._loops[spec.name] = loop
            for counter in (CRASHES, ABANDONED):
                self._instruments.count(counter, spec.name, by=0.0)
            self._schedule.every(f"loop:{spec.name}", spec.interval, wakes.now)
            if self._running:
                loop.thread.start()

    def remove(self, name: str, seconds: float = 0.0) -> bool:
        """End one loop, waiting ``seconds`` for its step; return whether it has ended. Unknown names are fine."""
        with self._lock:
            loop = self._loops.pop(name, None)
        if loop is None:
            return True
        self._schedule.cancel(f"loop:{name}")
        loop.thread.retire()
        self._instruments.drop(HEARTBEAT, name)
        return self._join(loop, self._clock.now().mono + seconds)

    def wake(self, name: str) -> None:
        """Let the loop run as soon as possible. Unknown names are fine: an event may outlive what it is about."""
        loop = self._loops.get(name)
        if loop is not None:
            loop.wakes.now()

    def wake_at(self, name: str, moment: Moment) -> None:
        """Let the loop run at ``moment`` (its monotonic side) at the latest."""
        loop = self._loops.get(name)
        if loop is not None:
            loop.wakes.at(moment.mono)

    def jumped(self, seconds: float) -> None:
        """Hear that the wall clock jumped: every loop looks again."""
        log.warning("all loops look again after a jump of the wall clock", seconds=round(seconds, 3))
        self._instruments.count(JUMPS)
        for loop in list(self._loops.values()):
            loop.wakes.now()

    def start(self) -> None:
        """Start all loops and the supervising thread."""
        with self._lock:
            self._running = True
            self._beat = self._clock.now()
            for loop in self._loops.values():
                loop.thread.start()
        self._thread.start()

    def stop(self, seconds: float) -> tuple[str, ...]:
        """End all loops, all together within ``seconds``; return the names of those that did not end (their threads are daemons)."""
        self._stopping.set()
        with self._lock:
            self._running = False
            loops = list(self._loops.values())
        for loop in loops:
            loop.thread.retire()
        deadline = self._clock.now().mono + seconds
        return tuple(loop.spec.name for loop in loops if not self._join(loop, deadline))

    def healthy(self) -> bool:
        """Whether supervisor and schedule are alive. Nothing outside this process can make it False."""
        return not self.fatal.is_set() and self._clock.now().since(self._beat) < _HEALTHY_SECONDS and self._schedule.alive()

    def generation(self, name: str) -> int:
        """Return the present generation of a loop. Raises KeyError."""
        return self._loops[name].thread.generation

    def _join(self, loop: _Loop, deadline: float) -> bool:
        if loop.thread.ident is not None:
            loop.thread.join(max(0.0, deadline - self._clock.now().mono))
        return not loop.thread.is_alive()

    # ---- the supervising thread ----------------------------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._clock.wait(self._stopping, self._until_next_look()):
            self.look()

    def _until_next_look(self) -> float:
        now = self._clock.now()
        with self._lock:
            waits = [wait for loop in self._loops.values() if (wait := _seconds_left(loop, now)) is not None]
        return min([_LOOK_SECONDS, *(max(0.01, wait) for wait in waits)])

    def look(self) -> None:
        """Look once after all loops: abandon, replace, count, and tell systemd that we live."""
        now = self._clock.now()
        with self._lock:
            for loop in self._loops.values():
                self._look_after(loop, now)
            hanging = self._count_left_behind()
        if hanging > self._most and not self.fatal.is_set():
            self.fatal_reason = f"{hanging} threads hang and cannot be ended"
            log.error("too many threads hang; the program ends so that it can be started anew", threads=hanging)
            self.fatal.set()
        self._beat = now
        self._tell_systemd(now)

    def _look_after(self, loop: _Loop, now: Moment) -> None:
        if not self._running:
            return
        thread = loop.thread
        if not thread.is_alive():
            self._instruments.count(CRASHES, loop.spec.name)
            self._report(loop, "a loop died of an exception; it goes on in a new generation", error=thread.crash)
            self._renew(loop, now)
        elif _overdue(loop, now):
            thread.retire()
            self._left_behind.append(thread)
            self._instruments.count(ABANDONED, loop.spec.name)
            self._report(loop, "a loop's step passed its deadline; its thread is left behind", deadline=loop.spec.deadline)
            self._renew(loop, now)
        elif loop.failures and thread.steps > 0:
            log.info("a loop is well again", loop=loop.spec.name, failures=loop.failures, generation=thread.generation)
            loop.failures = 0

    def _report(self, loop: _Loop, sentence: str, error: BaseException | None = None, **facts: object) -> None:
        if loop.failures == 0:
            traceback = (type(error), error, error.__traceback__) if error is not None else None
            log.error(sentence, loop=loop.spec.name, generation=loop.thread.generation, exc_info=traceback, **facts)
        loop.failures += 1

    def _renew(self, loop: _Loop, now: Moment) -> None:
        """Begin the next generation at once; only its first step waits for the back-off."""
        delay = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(loop.failures - 1, 20))
        generation = loop.thread.generation + 1
        loop.wakes.now()
        loop.thread = LoopThread(loop.spec, generation, loop.wakes, self._clock, self._instruments, now.mono + delay)
        loop.thread.start()

    def _count_left_behind(self) -> int:
        self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
        hanging = len(self._left_behind)
        self._instruments.set(LEFT_BEHIND, value=hanging)
        return hanging

    def _tell_systemd(self, now: Moment) -> None:
        every = watchdog_seconds()
        if every is not None and self.healthy() and (self._pinged is None or now.since(self._pinged) >= min(every, 10.0)):
            self._pinged = now
            sd_notify("WATCHDOG=1")


def _overdue(loop: _Loop, now: Moment) -> bool:
    left = _seconds_left(loop, now)
    return left is not None and left <= 0


def _seconds_left(loop: _Loop, now: Moment) -> float | None:
    """Return the seconds until this loop needs the supervisor: its step's deadline; None = it does not."""
    began, deadline = loop.thread.step_began, loop.spec.deadline
    if began is None or deadline is None:
        return None
    return deadline - now.since(began)
