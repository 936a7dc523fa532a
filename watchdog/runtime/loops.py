"""One supervised loop: a daemon thread, a wake event, a generation whose late results are worth nothing. For ``runtime/supervision``."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock, Moment

Step = Callable[[], float | None]
HEARTBEAT = "watchdog_loop_heartbeat_timestamp_seconds"
BEAT_SECONDS = 5.0
FALLBACK = 1.5

HEARTBEAT_METRIC = Metric(
    HEARTBEAT, "gauge", "UNIX time at which the loop's own thread last proved to be alive, between its steps (supervisor).", ("loop",)
)


@dataclass(frozen=True, slots=True)
class LoopSpec:
    """One loop to be supervised.

    ``step()`` does one pass and returns the seconds until it wishes to run again at the latest (None = ``interval``). ``interval`` and
    ``first_delay`` are seconds. A step that runs longer than ``deadline`` seconds is abandoned: its thread is left behind and a new
    generation goes on (None = never: a stuck repair is not replaced). ``renew(generation)`` makes the step of generation 1 and later, so
    that nothing of an abandoned step is shared with its successor; without it ``step`` is called again.
    """

    name: str
    step: Step
    interval: float
    deadline: float | None = None
    first_delay: float = 0.0
    renew: Callable[[int], Step] | None = None


class Wakes:
    """When one loop is to run next: an event, and the earliest moment that anybody asked for. Shared by all its generations."""

    def __init__(self, first: float) -> None:
        self.event = threading.Event()
        self._lock = threading.Lock()
        self._next = first

    def now(self) -> None:
        """Wake as soon as possible."""
        with self._lock:
            self._next = float("-inf")
        self.event.set()

    def at(self, mono: float) -> None:
        """Wake at ``mono`` (seconds of the clock) at the latest."""
        with self._lock:
            self._next = min(self._next, mono)
        self.event.set()  # only to compute the wait anew

    def left(self, now: Moment) -> float:
        """Return the seconds until the next run, 0 or less = now."""
        with self._lock:
            return self._next - now.mono

    def begin(self, fallback: float) -> None:
        """Take all wishes as served; the next is ``fallback`` (mono) unless a new one comes, also one that comes during the step."""
        with self._lock:
            self._next = fallback
            self.event.clear()


class LoopThread(threading.Thread):
    """One generation of one loop. Ends by ``retire``, by being abandoned, or by the exception that escapes its step (``crash``).

    ``not_before`` (mono seconds) is the back-off before its first step; its ``renew`` is called at once.

    The exception is not caught here (the house has two broad wrappers, and this is neither): the thread dies, and the supervisor begins
    the next generation. ``supervised`` tells the hook for dying threads to leave the report to the supervisor.
    """

    supervised = True

    def __init__(
        self, spec: LoopSpec, generation: int, wakes: Wakes, clock: Clock, instruments: Instruments, not_before: float = 0.0
    ) -> None:
        super().__init__(name=f"{spec.name}-{generation}", daemon=True)
        self.generation = generation
        self.step_began: Moment | None = None
        self.steps = 0
        self.crash: BaseException | None = None
        self._spec = spec
        self._wakes = wakes
        self._clock = clock
        self._instruments = instruments
        self._not_before = not_before
        self._retired = False

    def retire(self) -> None:
        """Tell it to end after the step it is in; what that step returns does not count any more."""
        self._retired = True
        self._wakes.event.set()

    def run(self) -> None:
        """Wait, step, wait."""
        try:
            step = self._make()
            while not self._retired:
                now = self._clock.now()
                self._instruments.set(HEARTBEAT, self._spec.name, value=now.wall)
                left = max(self._wakes.left(now), self._not_before - now.mono)
                if left > 0:
                    self._clock.wait(self._wakes.event, min(left, BEAT_SECONDS))
                    self._wakes_seen()
                else:
                    self._one_step(step, now)
        finally:
            self.crash = sys.exc_info()[1]

    def _make(self) -> Step:
        if self.generation == 0 or self._spec.renew is None:
            return self._spec.step
        self.step_began = self._clock.now()  # making counts against the deadline, too
        step = self._spec.renew(self.generation)
        self.step_began = None
        return step

    def _wakes_seen(self) -> None:
        # the event only interrupts the wait; what is due is in the wishes
        if not self._retired:
            self._wakes.event.clear()

    def _one_step(self, step: Step, now: Moment) -> None:
        # the schedule's tick is what wakes us after `interval`; the longer wait is for a schedule that died
        self._wakes.begin(now.mono + FALLBACK * self._spec.interval)
        self.step_began = now
        wish = step()
        self.step_began = None
        if self._retired:
            return
        self.steps += 1
        if wish is not None:
            self._wakes.at(self._clock.now().mono + max(0.0, wish))
