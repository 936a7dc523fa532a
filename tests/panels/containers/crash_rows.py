"""The rows of the crash table: the fake engine lives in the parent, a life of the program in each child."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.containers import settings
from tests.support.crash import Rig, Row
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.docker.inspection import joined, parse_inspect
from watchdog.collectors.docker.listing import parse_container
from watchdog.model.docker import ContainerEvent, DockerFacts, EventStream, Gate
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.containers import PANEL
from watchdog.panels.containers.fake import PlainHost
from watchdog.panels.containers.view import LABELS
from watchdog.reconciler.policy import Policy
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine

SPEED = 40.0
HEAL = {"panel-watchdog.heal": "true"}
POLICY = Policy(mode=Mode.REPAIR, allow=frozenset({"restart_container"}), baseline="repair")
SOCKET = "docker.sock"


def rig(directory: Path) -> Rig:
    """Build one life: the real engine room, the real remedies."""
    engine = Engine(f"unix://{directory / SOCKET}")
    hooks: Any = None
    own = settings(healthy_wait="10s")
    target = PANEL.connect(own, Ports(SystemClock(), Silent(), hooks, engine, engine))
    return Rig(PANEL, target, lambda now: _actual(engine, now), POLICY, PANEL.needs(own), SPEED)


def _actual(engine: Engine, now: Moment) -> Actual:
    """Look as the collector does; of what ended by itself its death was heard, as by a life that began long before."""
    containers = tuple(
        joined(parse_container(row, LABELS), parse_inspect(engine.inspect(str(row["Id"]), 10.0))) for row in engine.list(10.0)
    )
    events = tuple(
        ContainerEvent("die", each.id, each.name, each.finished_at, each.exit_code)
        for each in containers
        if each.state == "exited" and each.finished_at is not None
    )
    facts = DockerFacts("FAKE", "20", containers, events, EventStream(connected=True, connected_at=1.0), events_since=1.0)
    return Actual(docker=Snapshot("docker", facts, now, now, 15.0), gate=Gate(open=True))


class Outside:
    """What the parent keeps alive over all lives of one directory."""

    def __init__(self, directory: Path) -> None:
        self.world = FakeEngineWorld()
        self.host = PlainHost(self.world)
        self.engine = FakeEngine(self.world, directory / SOCKET)
        self.names: dict[str, str] = {}

    def effects(self) -> list[str]:
        """Everything that was ever sent and changes something."""
        acts = [line.split("?")[0].split("/") for line in self.world.requests if not line.startswith("GET")]
        return [f"{act[-1]} {self.names[act[-2]]}" for act in acts]


OUTSIDES: dict[Path, Outside] = {}


def _row(name: str, prepare: Callable[[Outside], None]) -> Row:
    @contextmanager
    def outside(directory: Path) -> Iterator[None]:
        made = OUTSIDES[directory] = Outside(directory)
        with made.engine:
            prepare(made)
            made.names = {each.id: each.name for each in made.world.containers()}
            yield

    def check(directory: Path) -> None:
        world, patience = OUTSIDES[directory].world, 600
        while not _well(world) and patience:
            threading.Event().wait(0.05)
            patience -= 1
        assert _well(world), world.containers()

    return Row(name, "tests.panels.containers.crash_rows:rig", outside, lambda directory: OUTSIDES[directory].effects(), check)


def _well(world: FakeEngineWorld) -> bool:
    web, rest = world.get("web"), [each for each in world.containers() if each.name != "web"]
    joined_again = all((each.started_at or 0.0) > (web.started_at or 0.0) for each in rest)
    return web.state == "running" and web.health == "healthy" and joined_again


def _ill(outside: Outside) -> None:
    outside.host.serve("web", labels=HEAL)
    outside.host.hang("web")


def _provider(outside: Outside) -> None:
    outside.host.serve("web", labels=HEAL)
    outside.host.serve("guest", labels=HEAL, network_mode=f"container:{outside.world.get('web').id}")
    outside.host.hang("web")


def _ended(outside: Outside) -> None:
    outside.host.serve("web", labels=HEAL)
    outside.host.crash("web")


ROWS = (_row("restart_container", _ill), _row("restart_container with a dependent", _provider), _row("start_container", _ended))
