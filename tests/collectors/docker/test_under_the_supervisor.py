"""The room as the program runs it: supervisor, collector runner, snapshot store and the real SQLite ledger, on the fake engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dockerd import poll
from tests.support.ledger import ledger_at
from watchdog.collectors.docker.assembly import build
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.docker.settings import DockerSettings
from watchdog.collectors.runner import run_collector
from watchdog.model.metrics import Silent
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.schedule import TickSchedule
from watchdog.runtime.supervision import Supervisor
from watchdog.snapshots import SnapshotStore


class Program:
    """What the composition root does with the room."""

    def __init__(self, url: str, ledger: Path) -> None:
        clock = SystemClock()
        gate = {"start_delay": "0", "retry": "100ms", "successes": 3, "timeout": "500ms"}
        settings = DockerSettings(url=url, interval="200ms", deadline="1s", gate=gate)
        self.store, self.ledger = SnapshotStore(), ledger_at(ledger, clock)
        self.schedule = TickSchedule(clock)
        self.supervisor = Supervisor(clock, self.schedule, Silent())
        wake = lambda: self.supervisor.wake("collector:docker")  # noqa: E731
        self.room = build(settings, (), self.ledger.tallies, self.store, clock, Silent(), wake)
        self.supervisor.add(run_collector(self.room.spec, self.store, clock, Silent()))
        for loop in self.room.loops:
            self.supervisor.add(loop)
        self.schedule.start()
        self.supervisor.start()

    @property
    def gate(self):
        return self.store.actual.gate

    @property
    def facts(self):
        return self.store.actual.docker and self.store.actual.docker.facts

    def close(self) -> None:
        assert self.supervisor.stop(10) == ()
        self.schedule.stop()
        self.room.close()
        self.ledger.close()


@pytest.fixture
def programs(fake: FakeEngine, tmp_path: Path) -> Iterator[list[Program]]:
    running: list[Program] = []
    yield running
    for program in running:
        program.close()


@pytest.mark.parametrize("trouble", ["hang", "answer_500", "crash_engine"])
def test_trouble_closes_the_gate_and_healing_opens_it(world: FakeEngineWorld, fake, programs, tmp_path, trouble: str):
    world.run("web")
    program = Program(fake.url, tmp_path / "ledger.db")
    programs.append(program)
    poll(lambda: program.gate.open and program.facts, 90, "the gate opens")
    getattr(world, trouble)()
    poll(lambda: not program.gate.open, 90, "the gate closes")
    attempts = program.gate.attempts
    poll(lambda: program.gate.attempts > attempts + 2, 90, "it goes on trying")
    assert not program.store.actual.docker.success
    assert program.facts.by_name("web")  # the last good facts stay
    world.restart_engine() if trouble == "crash_engine" else world.heal()
    poll(lambda: program.gate.open and program.store.actual.docker.success, 90, "all is well again")
    assert program.gate.opened_total >= 2


def test_counts_live_on_in_the_ledger(world: FakeEngineWorld, fake, programs, tmp_path):
    first = Program(fake.url, tmp_path / "ledger.db")
    programs.append(first)
    poll(lambda: first.facts and first.facts.stream.connected, 90, "events are heard")
    world.run("web")
    world.oom("web")
    poll(lambda: first.facts.tallies.get(("oom", "web")), 90, "the kill is counted")
    programs.remove(first)
    first.close()
    world.start("web")
    world.oom("web")
    second = Program(fake.url, tmp_path / "ledger.db")
    programs.append(second)
    poll(lambda: second.facts and second.facts.tallies.get(("oom", "web")) == 2, 90, "and the one while we were away")
    poll(lambda: second.facts.stream.connected, 90, "events are heard")
    taken = second.store.actual.docker.taken
    poll(lambda: second.store.actual.docker.taken.since(taken) > 1, 90, "some more looks")
    assert second.facts.tallies == {("start", "web"): 2.0, ("oom", "web"): 2.0, ("die", "web"): 2.0}


def test_an_event_brings_the_next_look_forward(world: FakeEngineWorld, fake, tmp_path):
    clock = SystemClock()
    store, ledger, schedule = SnapshotStore(), ledger_at(tmp_path / "ledger.db", clock), TickSchedule(clock)
    supervisor = Supervisor(clock, schedule, Silent())
    settings = DockerSettings(url=fake.url, interval="1h")
    room = build(settings, (), ledger.tallies, store, clock, Silent(), lambda: supervisor.wake("collector:docker"))
    supervisor.add(run_collector(room.spec, store, clock, Silent()))
    schedule.start()
    supervisor.start()
    try:
        poll(lambda: store.actual.docker and room.tail.stream.connected, 90, "the first look")
        world.run("web")
        poll(lambda: store.actual.docker.facts.by_name("web"), 90, "the second look, long before its hour")
    finally:
        supervisor.stop(10)
        schedule.stop()
        room.close()
        ledger.close()
