"""Every weather before the Docker socket: the collector, its gate, its event stream, and the healing of plain containers behind them.

The gate shuts and the last good facts stay; nothing is mended by them; one look after the end the facts are fresh.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.books import MemoryTallyBook
from tests.support.containers import settings as containers_settings
from tests.support.instruments import Noted
from tests.support.ledger import ledger_at
from tests.support.weather import Fault, Weather, every
from tests.support.weather_faults import FAULTS, HUGE
from tests.support.weather_sky import Sky, policy
from watchdog.collectors.docker.assembly import DockerRoom, build
from watchdog.collectors.docker.collector import METRICS as DOCKER_METRICS
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.docker.settings import DockerSettings
from watchdog.collectors.runner import FAILURES, METRICS, CollectorRunner
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.panels.containers import PANEL
from watchdog.panels.containers.fake import PlainHost
from watchdog.runtime.clock import SystemClock
from watchdog.snapshots import SnapshotStore

pytestmark = pytest.mark.timeout(600)
HEAL = {"panel-watchdog.heal": "true"}
LIMIT = 64 << 20
SLACK = 4 << 20
PLAIN = [fault for fault in FAULTS if not fault.tls]


@dataclass
class Life:
    """The room, its runner and the target of plain containers; a test says when each of them does its step."""

    world: FakeEngineWorld
    host: PlainHost
    weather: Weather
    room: DockerRoom
    store: SnapshotStore
    runner: Any
    sky: Sky
    noted: Noted

    def look(self) -> Any:
        """Collect, try the gate, and pass; return what is known of Docker now."""
        self.runner()
        self.room.gatekeeper.step()
        self.sky.reconciler.hurry()
        passes = self.sky.status.passes
        self.sky.reconciler.step()
        self.sky.runner.tend()
        assert self.sky.status.passes == passes + 1
        assert self.sky.status.last_result in {"judged", "blind"}, self.sky.status
        return self.store.actual.docker

    def until(self, holds: Any, what: str) -> None:
        end = time.monotonic() + 120
        while not holds(self.look()):
            assert time.monotonic() < end, f"{what}: {self.store.actual.docker} {self.store.actual.gate}"
            threading.Event().wait(0.05)

    def running(self, docker: Any) -> bool:
        found = docker.facts.by_name("web")
        return bool(docker.success) and self.store.actual.gate.open and found is not None and found.state == "running"

    def acted(self) -> list[str]:
        return [line for line in self.world.requests if not line.startswith("GET")]


@contextmanager
def life() -> Iterator[Life]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wew-")))
        world = FakeEngineWorld()
        engine = stack.enter_context(FakeEngine(world, folder / "real.sock"))
        weather = stack.enter_context(Weather(engine.url, unix=folder / "docker.sock"))
        clock, store, own = SystemClock(), SnapshotStore(), containers_settings()
        gate = {"start_delay": "0", "retry": "10ms", "successes": 1, "timeout": "2s"}
        told = DockerSettings.model_validate({"url": weather.url, "deadline": "6s", "gate": gate})
        noted = Noted((*METRICS, *DOCKER_METRICS))
        room = build(told, PANEL.needs(own).containers, MemoryTallyBook(), store, clock, noted, lambda: None)
        stack.callback(room.close)
        runner = CollectorRunner(room.spec, store, clock, noted)
        target = PANEL.connect(own, Ports(clock, Silent(), None, room.engine_read, room.engine_act))  # type: ignore[arg-type]
        stack.callback(target.close)
        ledger = ledger_at(folder / "ledger.sqlite3", clock)
        stack.callback(ledger.close)
        chosen = policy("container_exited", PANEL)
        sky = Sky(ledger, PANEL, target, clock, lambda: store.actual, PANEL.needs(own), chosen)
        yield Life(world, PlainHost(world), weather, room, store, runner.step(0), sky, noted)


def exited(docker: Any) -> bool:
    """Whether the death that nobody could see is seen."""
    found = docker.facts.by_name("web")
    return bool(docker.success) and found is not None and found.state == "exited"


def bear(one: Life, fault: Fault) -> None:
    one.until(one.running, f"before {fault.name}")
    listening = one.room.tail.keep_up
    unexpected = one.noted.values[FAILURES, "docker", "Unexpected"]
    one.weather.turns(fault, every)
    one.host.crash("web")
    docker = one.look()
    # an empty list is a true answer to what is listed, and none to a ping
    assert fault.name == "JSON: an empty list" or not docker.success, fault.name
    assert docker.success or docker.facts.by_name("web").state == "running", "the last good facts stay"
    one.until(lambda _: not one.store.actual.gate.open, f"the gate is shut by {fault.name}")
    assert one.noted.values[FAILURES, "docker", "Unexpected"] == unexpected, f"{fault.name}: {docker.message}"
    if fault is HUGE:
        assert one.weather.poured <= len(one.weather.hit) * (LIMIT + SLACK)
    one.weather.clears()
    listening()
    one.until(exited, f"after {fault.name}")
    one.world.start(one.world.get("web").id)


def test_the_engine_in_every_weather(capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    with life() as one:
        one.host.serve("web", labels=HEAL)
        for fault in PLAIN:
            began = time.monotonic()
            bear(one, fault)
            lines.append(f"  docker         {fault.name:<32} {time.monotonic() - began:5.1f} s")
        assert one.acted() == [], "nothing was mended by facts of which nobody knew whether they still hold"
    with capsys.disabled():
        print("\nweather before the engine's socket:", *lines, sep="\n")
