"""Builders for the tests of plain containers: values for the pure rules, and a stage with the fake engine for everything that sends."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tests.support.hand import Counting
from watchdog.collectors.docker.events import parse_event
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld, shapes
from watchdog.collectors.docker.inspection import joined, parse_inspect
from watchdog.collectors.docker.listing import parse_container
from watchdog.errors import WatchdogError
from watchdog.model.docker import Container, ContainerEvent, DockerFacts, EventStream, Gate
from watchdog.model.drifts import Drift, Judgement
from watchdog.model.metrics import Silent
from watchdog.model.moments import Clock, Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import LedgerFacts, PlannedRepair
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.containers import PANEL
from watchdog.panels.containers.checkups import Checkup, Evidence, Healer
from watchdog.panels.containers.drift import detect
from watchdog.panels.containers.fake import PlainHost
from watchdog.panels.containers.remedies import container_object, restart_risk, start_risk
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.view import DEPENDS_ON, HEAL, LABELS, PROJECT, SERVICE, ContainersView, Ourselves, Rule
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.engine import Engine

NOW = Moment(1_800_000_000.0, 50_000.0)
OPTED_IN = {HEAL: "true"}


def settings(**changes: Any) -> ContainersSettings:
    return ContainersSettings.model_validate({"name": "plain"} | changes)


def id_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def box(name: str = "web", **changes: Any) -> Container:
    """Return a container that has been running and healthy for an hour, opted in by label."""
    base = Container(
        id_of(name), name, "nginx:1", "running", health="healthy", restart_count=0, restart_policy="no", created_at=NOW.wall - 9000,
        started_at=NOW.wall - 3600, labels=OPTED_IN,
    )  # fmt: skip
    return replace(base, **changes)


def ended(name: str = "web", code: int = 1, ago: float = 300.0, **changes: Any) -> Container:
    """Return one that has ended so many seconds ago."""
    return box(name, **{"state": "exited", "health": None, "exit_code": code, "finished_at": NOW.wall - ago} | changes)


def service(name: str, needs: str = "", **more: str) -> dict[str, str]:
    """Return the labels of a Compose service of the project shop, opted in."""
    labels = {**OPTED_IN, PROJECT: "shop", SERVICE: name, **more}
    return labels | ({DEPENDS_ON: needs} if needs else {})


def told(action: str, container: Container | str = "web", ago: float = 300.0, code: int | None = None, **labels: str) -> ContainerEvent:
    name = container if isinstance(container, str) else container.name
    ident = id_of(name) if isinstance(container, str) else container.id
    return ContainerEvent(action, ident, name, NOW.wall - ago, code if action == "die" else None, labels)


def hand(name: str = "web", ago: float = 300.0) -> tuple[ContainerEvent, ...]:
    """Return what Docker tells of a ``docker stop``."""
    return (told("kill", name, ago + 0.3), told("die", name, ago, 0), told("stop", name, ago - 0.1))


@dataclass
class Scene:
    """One look at an engine, in order unless told otherwise. ``look`` judges it, carrying the memory along."""

    containers: list[Container] = field(default_factory=lambda: [box()])
    events: tuple[ContainerEvent, ...] = ()
    settings: ContainersSettings = field(default_factory=settings)
    view: ContainersView | None = None
    stream: EventStream = field(default_factory=lambda: EventStream(connected=True, connected_at=NOW.wall - 100_000))
    engine_started_at: float | None = NOW.wall - 200_000
    events_since: float | None = NOW.wall - 3600
    gate: Gate = field(default_factory=lambda: Gate(open=True))
    docker_error: str | None = None
    docker_age: float = 0.0
    evidence: Evidence = field(default_factory=Evidence)
    facts: LedgerFacts = field(default_factory=LedgerFacts)
    now: Moment = NOW

    def docker(self) -> DockerFacts:
        return DockerFacts(
            "ENGINE", "20.10.24", tuple(self.containers), tuple(sorted(self.events, key=lambda event: event.at)), self.stream,
            engine_started_at=self.engine_started_at, events_since=self.events_since,
        )  # fmt: skip

    def actual(self) -> Actual:
        good = Moment(self.now.wall - self.docker_age, self.now.mono - self.docker_age)
        return Actual(docker=Snapshot("docker", self.docker(), self.now, good, 15.0, error=self.docker_error), gate=self.gate)

    def wish(self) -> ContainersView:
        if self.view is not None:
            return self.view
        rules = tuple(
            Rule(each.name, each.image, tuple(each.labels.items()), each.heal, each.expect, each.stop_timeout)
            for each in self.settings.rules
        )
        return ContainersView(rules, self.settings.never, self.settings.compat_labels, self.settings.stop_timeout, Ourselves())

    def look(self, later: float = 0.0) -> Judgement:
        """Judge after so many seconds more, and remember."""
        self.now = Moment(self.now.wall + later, self.now.mono + later)
        judgement = detect(self.settings, self.actual(), self.wish(), self.evidence, self.facts, self.now)
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement

    def drift(self) -> Drift | None:
        """Return the one drift of this look, None = there is none."""
        drifts = self.look().drifts
        assert len(drifts) < 2, drifts
        return drifts[0] if drifts else None

    def ours(self, remedy: str, ago: float, name: str = "web") -> None:
        """Let us have set out on a remedy so many seconds ago."""
        key = (remedy, container_object("plain", name))
        self.facts = replace(self.facts, last_remedy_at={**self.facts.last_remedy_at, key: self.now.wall - ago})

    def says(self, output: str, name: str = "web", **more: Any) -> None:
        """Let its health check have said that."""
        self.evidence = replace(self.evidence, checkups={**self.evidence.checkups, id_of(name): Checkup(output, 1, **more)})

    def beside(self, name: str, label: str) -> None:
        self.evidence = replace(self.evidence, healers=(Healer(name, label),))


def facts_of(world: FakeEngineWorld, heard_since: float, engine_started_at: float | None = None, labels: Any = LABELS) -> DockerFacts:
    """Return what the collector would know of a fake world at this moment, by its own parsers."""
    with world.changed:
        now = world.clock.now().wall
        rows = [(shapes.row(each, now), shapes.inspect(each)) for each in world.containers()]
        events = [parse_event(event, labels) for event in world._events]
    containers = tuple(joined(parse_container(row, labels), parse_inspect(raw)) for row, raw in rows)
    return DockerFacts(
        world.engine_id, shapes.VERSION, containers, tuple(each.event for each in events if each), EventStream(True, heard_since),
        engine_started_at=engine_started_at, events_since=now - 3600.0,
    )  # fmt: skip


@dataclass
class Hand(Counting):
    """An Act whose sleeping lets the clock pass."""

    clock: Any = None
    stage: Any = None
    pass_by: Any = None

    def sleep(self, seconds: float) -> None:
        self.spend(seconds)
        if self.pass_by is not None:
            self.pass_by(seconds)
        self.clock.advance(seconds)

    def actual(self) -> Actual:
        return self.stage.actual()


class Stage:
    """A fake engine on a unix socket, a host that things befall, and a connected target; time is simulated."""

    def __init__(self, clock: Clock | None = None, **changes: Any) -> None:
        self.clock = clock or SimulatedClock()
        self.world = FakeEngineWorld(self.clock)
        self.host = PlainHost(self.world)
        self.began = self.clock.now().wall
        self.engine_started_at: float | None = self.began - 100_000
        self._folder = tempfile.TemporaryDirectory(prefix="wpc-")  # short: a unix socket's path has at most 107 bytes
        self.fake = FakeEngine(self.world, Path(self._folder.name) / "d.sock")
        self.engine = Engine(self.fake.url)
        self.settings = settings(**changes)
        self.target = PANEL.connect(self.settings, Ports(self.clock, Silent(), None, self.engine, self.engine))
        self.hand = Hand(clock=self.clock, stage=self, left=1500.0)
        self.facts = LedgerFacts()
        self.gate = True

    def __enter__(self) -> Self:
        self.fake.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.target.close()
        self.engine.close()
        self.fake.close()
        self._folder.cleanup()

    def actual(self) -> Actual:
        now = self.clock.now()
        labels = {key for need in PANEL.needs(self.settings).containers for key in need.labels}
        facts = facts_of(self.world, self.began - 1.0, self.engine_started_at, labels)
        return Actual(docker=Snapshot("docker", facts, now, now, 15.0), gate=Gate(open=self.gate))

    def pass_by(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def look(self, later: float = 0.0) -> Judgement:
        """Read and judge after so many seconds more, and remember."""
        self.pass_by(later)
        actual = self.actual()
        view = self.target.view()
        judgement = self.target.detect(actual, view, self.target.evidence(actual), self.facts, self.clock.now())
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement

    def drift(self, kind: str) -> Drift:
        found = [each for each in self.look().drifts if each.kind == kind]
        assert len(found) == 1, self.look()
        return found[0]

    def plan(self, drift: Drift) -> PlannedRepair:
        assert drift.proposal is not None, drift
        risk = {"restart_container": restart_risk, "start_container": start_risk}[drift.proposal.remedy](drift.proposal.facts)
        return PlannedRepair(drift.proposal, risk, (drift.key,))

    def repair(self, planned: PlannedRepair) -> Any:
        return self.target.repair(planned, self.hand)

    def repair_raises(self, planned: PlannedRepair) -> str:
        """Return the class of the error that a repair raises."""
        try:
            return str(self.repair(planned))
        except WatchdogError as error:
            return type(error).__name__

    def sent(self) -> list[str]:
        """Return what was sent that changes anything, as VERB NAME, in order."""
        found = []
        for line in self.world.requests:
            method, _, path = line.partition(" ")
            if method in ("POST", "DELETE"):
                _, _, ident, *verb = path.split("/")
                found.append(f"{verb[0] if verb else 'remove'} {self.names().get(ident, ident[:12])}")
        return found

    def names(self) -> Mapping[str, str]:
        return {each.id: each.name for each in self.world.containers()}
