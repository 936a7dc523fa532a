"""The Docker gate opens after N successes in a row, closes at the first failed look, and waits without end."""

from __future__ import annotations

import pytest

from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.docker.gate import GateKeeper
from watchdog.collectors.docker.metrics import GATE_SPECS
from watchdog.collectors.docker.settings import GateSettings
from watchdog.errors import DeadlinePassed, MalformedAnswer, ServerFault, Unreachable
from watchdog.model.docker import DockerFacts
from watchdog.model.metrics import families
from watchdog.model.snapshots import Snapshot
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.engine import Engine
from watchdog.snapshots import SnapshotStore


class Scripted:
    """An engine whose next answers are scripted: None = well, else the error; by call."""

    def __init__(self) -> None:
        self.trouble: dict[str, Exception] = {}
        self.calls: list[str] = []

    def __getattr__(self, name: str):
        def call(seconds: float):
            self.calls.append(name)
            if name in self.trouble:
                raise self.trouble[name]
            return []

        return call


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def store() -> SnapshotStore:
    return SnapshotStore()


@pytest.fixture
def engine() -> Scripted:
    return Scripted()


@pytest.fixture
def keeper(engine: Scripted, store: SnapshotStore, clock: SimulatedClock) -> GateKeeper:
    return GateKeeper(engine, store, clock, GateSettings())


def steps(keeper: GateKeeper, clock: SimulatedClock, count: int) -> None:
    for _ in range(count):
        clock.advance(keeper.step())


def looked(store: SnapshotStore, clock: SimulatedClock, error: str | None) -> None:
    facts = DockerFacts("id", "20.10")
    store.publish(Snapshot("docker", facts, clock.now(), clock.now(), 15.0, error=error, message=error))


def test_nothing_is_asked_before_the_start_delay(keeper, engine, clock, store):
    assert keeper.step() == 10.0
    assert engine.calls == []
    clock.advance(9.0)
    assert keeper.step() == 1.0
    clock.advance(1.0)
    assert keeper.step() == 5.0
    assert engine.calls == ["ping", "version", "list"]
    assert store.actual.gate.successes == 1


def test_opens_after_three_successes_in_a_row(keeper, engine, clock, store):
    steps(keeper, clock, 3)
    assert not store.actual.gate.open
    engine.trouble["list"] = ServerFault("500")
    steps(keeper, clock, 1)
    assert (store.actual.gate.successes, store.actual.gate.error) == (0, "ServerFault")
    engine.trouble.clear()
    steps(keeper, clock, 2)
    assert not store.actual.gate.open
    steps(keeper, clock, 1)
    gate = store.actual.gate
    assert (gate.open, gate.opened_total, gate.attempts, gate.error, gate.waiting_since) == (True, 1, 6, None, None)


@pytest.mark.parametrize("call", ["ping", "version", "list"])
@pytest.mark.parametrize("error", [Unreachable("x"), DeadlinePassed("x"), ServerFault("x"), MalformedAnswer("x")])
def test_any_of_the_three_failing_keeps_it_closed_for_ever(keeper, engine, clock, store, call, error):
    engine.trouble[call] = error
    steps(keeper, clock, 200)
    gate = store.actual.gate
    assert (gate.open, gate.attempts, gate.error) == (False, 199, type(error).__name__)
    assert clock.now().since(gate.waiting_since) == pytest.approx(10 + 199 * 5)


def test_an_open_gate_asks_nothing_and_a_failed_look_closes_it(keeper, engine, clock, store):
    steps(keeper, clock, 4)
    engine.calls.clear()
    steps(keeper, clock, 10)
    assert engine.calls == []
    looked(store, clock, None)
    assert store.actual.gate.open
    looked(store, clock, "DeadlinePassed")
    gate = store.actual.gate
    assert (gate.open, gate.successes, gate.error, gate.waiting_since) == (False, 0, "DeadlinePassed", clock.now())
    steps(keeper, clock, 2)
    assert not store.actual.gate.open
    steps(keeper, clock, 1)
    assert (store.actual.gate.open, store.actual.gate.opened_total) == (True, 2)


def test_a_failure_of_our_own_says_nothing_about_docker(keeper, clock, store):
    steps(keeper, clock, 4)
    looked(store, clock, "KeyError")
    assert store.actual.gate.open


def test_successes_needed_and_delays_are_configurable(engine, store, clock):
    keeper = GateKeeper(engine, store, clock, GateSettings(start_delay="0", retry="1s", successes=1))
    assert keeper.step() == 1.0
    assert store.actual.gate.open


def test_changes_are_logged_once_and_waiting_once_a_minute(keeper, engine, clock, store, monkeypatch):
    lines: list[str] = []

    class Log:
        def info(self, event: str, **facts: object) -> None:
            lines.append(event)

        warning = info

    monkeypatch.setattr("watchdog.collectors.docker.gate.log", Log())
    engine.trouble["ping"] = Unreachable("x")
    steps(keeper, clock, 1 + 60)  # five minutes
    assert 5 <= len(lines) <= 7
    engine.trouble.clear()
    steps(keeper, clock, 3)
    assert lines[-1] == "Docker answers: the gate is open"
    count = len(lines)
    looked(store, clock, "Unreachable")
    looked(store, clock, "Unreachable")
    assert lines[count:] == ["the Docker gate closes"]


def test_metrics_of_the_gate(keeper, clock, store):
    rows = {f.metric.name.removeprefix("watchdog_docker_gate_"): dict(f.rows) for f in families(GATE_SPECS, store.actual.gate)}
    assert rows["open"] == {(): 0.0}
    assert rows["waiting_since_timestamp_seconds"] == {(): clock.now().wall}
    steps(keeper, clock, 4)
    rows = {f.metric.name.removeprefix("watchdog_docker_gate_"): dict(f.rows) for f in families(GATE_SPECS, store.actual.gate)}
    assert (rows["open"], rows["openings_total"], rows["attempts_total"], rows["successes"]) == ({(): 1.0}, {(): 1.0}, {(): 3.0}, {(): 3.0})
    assert rows["waiting_since_timestamp_seconds"] == {}


@pytest.mark.parametrize(("trouble", "error"), [("hang", "DeadlinePassed"), ("answer_500", "ServerFault"), ("crash_engine", "Unreachable")])
def test_over_real_http_each_trouble_keeps_it_closed_and_healing_opens_it(
    world: FakeEngineWorld, fake: FakeEngine, store, clock, trouble: str, error: str
):
    getattr(world, trouble)()
    keeper = GateKeeper(Engine(fake.url), store, clock, GateSettings(timeout="1s"))
    steps(keeper, clock, 3)
    assert (store.actual.gate.open, store.actual.gate.error) == (False, error)
    world.restart_engine()
    steps(keeper, clock, 3)
    assert store.actual.gate.open
