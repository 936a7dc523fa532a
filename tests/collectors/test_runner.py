"""The collector wrapper: whatever a collector does, its snapshot says so and the loop goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.instruments import Noted
from watchdog.collectors import runner
from watchdog.collectors.runner import CollectorRunner, CollectorSpec
from watchdog.errors import Blind, Unreachable
from watchdog.model.host import HostFacts
from watchdog.runtime.clock import SimulatedClock, SystemClock
from watchdog.runtime.schedule import TickSchedule
from watchdog.runtime.supervision import METRICS, Supervisor
from watchdog.snapshots import SnapshotStore


class Scripted:
    """A collector that plays a list: facts are returned, exceptions raised."""

    def __init__(self, script: Iterator[object]) -> None:
        self._script = script

    def collect(self) -> object:
        item = next(self._script)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        pass


class Bench:
    def __init__(self, *script: object, factory: Callable[[], Scripted] | None = None) -> None:
        self.clock = SimulatedClock()
        self.store = SnapshotStore()
        self.noted = Noted(runner.METRICS)
        items = iter(script)
        self.spec = CollectorSpec("host", factory or (lambda: Scripted(items)), 15.0, 10.0)
        self.runner = CollectorRunner(self.spec, self.store, self.clock, self.noted)

    @property
    def snapshot(self):
        return self.store.actual.host


FIRST, SECOND = HostFacts(), HostFacts()


def test_success_publishes_the_facts_and_their_time() -> None:
    bench = Bench(FIRST)
    assert bench.noted["watchdog_collector_success", "host"] == 0
    assert bench.noted["watchdog_collector_failures_total", "host", "Unreachable"] == 0
    assert not bench.runner.tried.is_set()
    began = bench.clock.now()
    assert bench.runner.step(0)() is None
    assert bench.snapshot.success
    assert bench.snapshot.facts is FIRST
    assert bench.snapshot.taken == bench.snapshot.good == began
    assert bench.noted["watchdog_collector_success", "host"] == 1
    assert bench.noted["watchdog_collector_last_success_timestamp_seconds", "host"] == began.wall
    assert bench.runner.tried.is_set()


def test_failure_keeps_the_last_good_facts_and_says_so() -> None:
    bench = Bench(FIRST, Unreachable("no answer token=abcdef"), SECOND)
    step = bench.runner.step(0)
    step()
    good = bench.clock.now()
    bench.clock.advance(15)
    step()
    failed = bench.snapshot
    assert (failed.success, failed.facts, failed.error, failed.message) == (False, FIRST, "Unreachable", "no answer token=***")
    assert (failed.taken, failed.good) == (bench.clock.now(), good)
    assert bench.noted["watchdog_collector_success", "host"] == 0
    assert bench.noted["watchdog_collector_last_success_timestamp_seconds", "host"] == good.wall
    assert bench.noted["watchdog_collector_failures_total", "host", "Unreachable"] == 1
    bench.clock.advance(15)
    step()
    assert bench.snapshot.facts is SECOND
    assert bench.snapshot.error is None


def test_a_first_failure_has_no_facts() -> None:
    bench = Bench(Blind("may not look"))
    bench.runner.step(0)()
    assert (bench.snapshot.facts, bench.snapshot.good, bench.snapshot.error) == (None, None, "Blind")
    assert not bench.snapshot.fresh(bench.clock.now())
    assert bench.runner.tried.is_set()


def test_a_bug_is_a_failed_collection_too(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(KeyError("bug"), FIRST)
    step = bench.runner.step(0)
    step()
    assert bench.snapshot.error == "Unexpected"
    assert "KeyError" in bench.snapshot.message
    assert bench.noted["watchdog_collector_failures_total", "host", "Unexpected"] == 1
    assert caplog.records[0].exc_info or "exc_info" in caplog.text
    step()
    assert bench.snapshot.success


def test_a_factory_that_fails_is_tried_again() -> None:
    tries: list[int] = []

    def factory() -> Scripted:
        tries.append(1)
        if len(tries) == 1:
            raise PermissionError("/run/x")
        return Scripted(iter([FIRST, SECOND]))

    bench = Bench(factory=factory)
    step = bench.runner.step(0)
    for _ in range(3):
        step()
    assert len(tries) == 2
    assert bench.snapshot.facts is SECOND


def test_it_is_told_once_when_it_breaks_and_once_when_it_recovers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bench = Bench(*[Unreachable("x")] * 5, FIRST, FIRST, *[Unreachable("x")] * 2, Blind("y"))
    step = bench.runner.step(0)
    for _ in range(10):
        step()
    assert caplog.text.count("a collector fails") == 3  # broken, broken again, broken otherwise
    assert caplog.text.count("well again") == 1


def test_what_a_replaced_generation_brings_is_dropped() -> None:
    bench = Bench(FIRST, SECOND, Unreachable("late"), Blind("now"))
    old = bench.runner.step(0)
    new = bench.runner.renew(1)
    assert bench.snapshot.error == "DeadlinePassed"
    new()
    assert bench.snapshot.facts is FIRST
    assert bench.snapshot.generation == 1
    for _ in range(2):  # late facts, then a late failure
        old()
        assert bench.snapshot.facts is FIRST
        assert bench.noted["watchdog_collector_success", "host"] == 1
    new()
    assert bench.snapshot.facts is FIRST  # what was late is not the last good
    assert bench.snapshot.error == "Blind"
    assert bench.noted["watchdog_collector_failures_total", "host", "Unreachable"] == 0
    assert bench.noted["watchdog_collector_replaced_total", "host"] == 1


def test_a_hung_collector_is_replaced_by_a_fresh_one_and_the_others_go_on() -> None:
    clock, store, release = SystemClock(), SnapshotStore(), threading.Event()
    noted = Noted((*runner.METRICS, *METRICS))
    schedule = TickSchedule(clock)
    supervisor = Supervisor(clock, schedule, noted)
    made: list[object] = []

    class Hangs:
        def collect(self) -> HostFacts:
            if len(made) == 1:
                release.wait(120)
                return FIRST
            return SECOND

        def close(self) -> None:
            pass

    def factory() -> Hangs:
        made.append(1)
        return Hangs()

    class Well:
        runs = 0

        def collect(self) -> None:
            Well.runs += 1

        def close(self) -> None:
            pass

    seen: list[str | None] = []
    store.listen(lambda name, actual: seen.append(actual.host.error) if name == "host" else None)
    for spec in (CollectorSpec("host", factory, 0.05, 2.0), CollectorSpec("logs", Well, 0.02, 10.0)):
        supervisor.add(runner.run_collector(spec, store, clock, noted))
    schedule.start()
    supervisor.start()
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not (store.actual.host and store.actual.host.success and Well.runs >= 10):
            time.sleep(0.01)
        assert seen[0] == "DeadlinePassed"
        assert store.actual.host.facts is SECOND
        assert store.actual.host.generation == 1
        assert len(made) == 2
        assert Well.runs >= 10
        release.set()
        time.sleep(0.2)
        assert store.actual.host.facts is SECOND
    finally:
        release.set()
        supervisor.stop(10)
        schedule.stop()
