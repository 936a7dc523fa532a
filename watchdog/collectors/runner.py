"""The collector wrapper: what makes any collector safe to run for ever. One of the two places with a broad except.

It times each collection and publishes a Snapshot: on success the new facts, on failure the last good facts with the class of the failure.
It logs once when a collector breaks and once when it recovers. Its loop's deadline belongs to the supervisor: a collector that hangs is
left behind with its thread, a new generation gets a fresh collector from the factory, and what the old one still brings is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from watchdog.errors import DeadlinePassed, WatchdogError
from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock, Moment
from watchdog.model.snapshots import Snapshot
from watchdog.runtime.log import get_logger, redact
from watchdog.runtime.loops import LoopSpec, Step
from watchdog.snapshots import SnapshotStore

log = get_logger(__name__)

SUCCESS = "watchdog_collector_success"
DURATION = "watchdog_collector_duration_seconds"
LAST_SUCCESS = "watchdog_collector_last_success_timestamp_seconds"
FAILURES = "watchdog_collector_failures_total"
REPLACED = "watchdog_collector_replaced_total"
_ERRORS = (
    "Blind", "DeadlinePassed", "Forbidden", "LedgerUnavailable", "MalformedAnswer", "NotFound", "Refused", "ServerFault", "Unreachable",
    "Unexpected",
)  # fmt: skip
METRICS: tuple[Metric, ...] = (
    Metric(SUCCESS, "gauge", "Whether the last collection succeeded: 1 or 0 (collector runner).", ("collector",)),
    Metric(DURATION, "gauge", "Seconds that the last collection took (collector runner).", ("collector",)),
    Metric(LAST_SUCCESS, "gauge", "UNIX time of the last collection that succeeded, 0 = none yet (collector runner).", ("collector",)),
    Metric(FAILURES, "counter", "Collections that failed, by class of the error (collector runner).", ("collector", "error")),
    Metric(REPLACED, "counter", "Collectors replaced by a fresh one after a hang (collector runner).", ("collector",)),
)

FactsT_co = TypeVar("FactsT_co", covariant=True)


class Collector(Protocol[FactsT_co]):
    """Reads one kind of truth."""

    def collect(self) -> FactsT_co:
        """Look once and return frozen facts. Raises the house's errors."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class CollectorSpec:
    """One collector to be run: ``name`` is its field in ``Actual``; ``interval`` and ``deadline`` are seconds."""

    name: str
    factory: Callable[[], Collector[object]]
    interval: float
    deadline: float
    first_delay: float = 0.0


def run_collector(spec: CollectorSpec, store: SnapshotStore, clock: Clock, instruments: Instruments) -> LoopSpec:
    """Return the loop that runs one collector for ever, for the supervisor."""
    return CollectorRunner(spec, store, clock, instruments).loop


class CollectorRunner:
    """Runs one collector for ever, over all its generations; ``loop`` is what the supervisor is given."""

    def __init__(self, spec: CollectorSpec, store: SnapshotStore, clock: Clock, instruments: Instruments, *, goes_on: bool = False) -> None:
        """Given what to run; ``goes_on``: a collector of this name ran until now (reload), and what it showed last stands for a moment."""
        self._spec = spec
        self._store = store
        self._clock = clock
        self._instruments = instruments
        self._lock = threading.Lock()
        self._generation = 0
        self._broken: str | None = None
        self._good: tuple[object, Moment] | None = None
        self.tried = threading.Event()
        for error in _ERRORS:
            instruments.count(FAILURES, spec.name, error, by=0.0)
        instruments.count(REPLACED, spec.name, by=0.0)
        if not goes_on:
            instruments.set(SUCCESS, spec.name, value=0.0)
            instruments.set(LAST_SUCCESS, spec.name, value=0.0)

    @property
    def loop(self) -> LoopSpec:
        """Return the loop of this collector."""
        spec = self._spec
        return LoopSpec(f"collector:{spec.name}", self.step(0), spec.interval, spec.deadline, spec.first_delay, self.renew)

    def renew(self, generation: int) -> Step:
        """Return the step of a later generation; the ones before are late from now on, and their last collection has failed."""
        with self._lock:
            self._generation = max(self._generation, generation)
        self._instruments.count(REPLACED, self._spec.name)
        hung = DeadlinePassed(f"the collection did not end within {self._spec.deadline:g} s; its thread is left behind")
        self._failed(generation, self._clock.now(), hung)
        return self.step(generation)

    def step(self, generation: int) -> Step:
        """Return a step with a collector of its own, made at its first run: a factory that hangs or fails is a failed collection."""
        held: list[Collector[object]] = []

        def collect_once() -> None:
            began = self._clock.now()
            try:
                if not held:
                    held.append(self._spec.factory())
                facts = held[0].collect()
            except Exception as error:  # noqa: BLE001  # the wrapper: whatever a collector does, the loop goes on
                self._failed(generation, began, error)
            else:
                self._succeeded(generation, began, facts)

        return collect_once

    def _succeeded(self, generation: int, began: Moment, facts: object) -> None:
        now = self._clock.now()
        with self._lock:
            if generation != self._generation:
                return
            self._good = (facts, began)
            was, self._broken = self._broken, None
            self._publish(generation, began, now, None, None)
        if was is not None:
            log.info("a collector is well again", collector=self._spec.name, was=was)

    def _failed(self, generation: int, began: Moment, error: Exception) -> None:
        now = self._clock.now()
        ours = isinstance(error, WatchdogError)
        word = type(error).__name__ if ours else "Unexpected"
        message = redact(str(error)) if ours else f"{type(error).__name__}: {redact(str(error))}"
        with self._lock:
            if generation != self._generation:
                return
            new, self._broken = self._broken != word, word
            self._publish(generation, began, now, word, message)
        self._instruments.count(FAILURES, self._spec.name, word)
        if new:
            log.warning("a collector fails", collector=self._spec.name, error=word, message=message, exc_info=None if ours else error)

    def _publish(self, generation: int, began: Moment, now: Moment, error: str | None, message: str | None) -> None:
        """Publish under the lock, so that a late generation can never come after its successor."""
        facts, good = self._good or (None, None)
        spec, took = self._spec, now.since(began)
        self._store.publish(Snapshot(spec.name, facts, began, good, spec.interval, took, error, message, generation))
        self._instruments.set(SUCCESS, spec.name, value=float(error is None))
        self._instruments.set(DURATION, spec.name, value=took)
        if error is None:
            self._instruments.set(LAST_SUCCESS, spec.name, value=began.wall)
        self.tried.set()
