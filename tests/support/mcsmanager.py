"""Builders for MCSManager's tests: values for the pure rules, and a small stage with the fake panel for everything that sends."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tests.support.hand import Counting
from watchdog.errors import NotFound, Refused
from watchdog.model.docker import Container, ContainerEvent, DockerFacts, EventStream, Gate, Mount
from watchdog.model.drifts import Drift, Judgement
from watchdog.model.hooks import ArgvHook, Hook
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import LedgerFacts, PlannedRepair
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.mcsmanager import PANEL
from watchdog.panels.mcsmanager.drift import detect
from watchdog.panels.mcsmanager.fake import FakeDaemon, FakeInstance, FakePanel, MemoryWorld
from watchdog.panels.mcsmanager.fake.panel import KEY
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.target import McsmanagerTarget
from watchdog.panels.mcsmanager.view import LABEL, Daemon, Instance, McsmanagerView, Operation, SeenContainer, Status
from watchdog.runtime.clock import SystemClock

DAEMON = "a14aaa84e7794fc8a575773655a13fc5"
NOW = Moment(1_800_000_000.0, 50_000.0)
HOOK = ArgvHook(("restart-the-daemon",))


def uuid_of(number: int) -> str:
    """Return a uuid whose first six digits differ from all others'."""
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def settings(**changes: Any) -> McsmanagerSettings:
    """Return settings with a hook; ``changes`` lie over them."""
    plain: dict[str, Any] = {
        "name": "games", "url": "http://127.0.0.1:23333", "api_key_file": "/run/key",
        "hooks": {"restart_daemon": {"argv": list(HOOK.argv)}},
    }  # fmt: skip
    return McsmanagerSettings.model_validate(plain | changes)


def instance(number: int = 1, status: Status = Status.RUNNING, **changes: Any) -> Instance:
    """Return one instance of the daemon."""
    uuid = uuid_of(number)
    base = Instance(uuid, f"mc-{number}", status, started=1, auto_start=True, image="bb", stop_command="exit", cwd=f"/srv/{uuid}")
    return replace(base, **changes)


def container_of(item: Instance, state: str = "running", *, labelled: bool = True, **changes: Any) -> Container:
    """Return the container of an instance as our engine has it."""
    labels = {LABEL: item.uuid} if labelled else {}
    ident = hashlib.sha256(item.uuid.encode()).hexdigest()
    base = Container(ident, item.container_name, "bb", state, labels=labels, mounts=(Mount(item.cwd, "/data"),), started_at=NOW.wall - 5000)
    return replace(base, **changes)


def foreign(number: int = 1, **changes: Any) -> Container:
    """Return a container that has nothing to do with MCSManager; it is what proves the place."""
    return replace(Container(hashlib.sha256(f"foreign {number}".encode()).hexdigest(), f"db-{number}", "postgres", "running"), **changes)


def seen(item: Container) -> SeenContainer:
    """Return a container as the daemon's own Docker lists it."""
    sources = tuple(mount.source for mount in item.mounts)
    return SeenContainer(item.id, item.name, item.state, item.image, item.labels.get(LABEL, ""), sources)


@dataclass
class Scene:
    """One look at a panel with one daemon, in order unless told otherwise. ``look`` judges it, carrying the memory along."""

    instances: list[Instance] = field(default_factory=lambda: [instance()])
    containers: list[Container] = field(default_factory=list)
    theirs: list[Container] | None = None
    daemon: Daemon = field(default_factory=lambda: Daemon(
        DAEMON, "node", "localhost:24444", available=True, version="4.18.2", process_cpu=1_000_000, soft_shutdown=True,
        soft_shutdown_skips_docker=True,
    ))  # fmt: skip
    operations: tuple[Operation, ...] | None = ()
    operations_error: str = ""
    settings: McsmanagerSettings = field(default_factory=settings)
    events: tuple[ContainerEvent, ...] = ()
    stream: EventStream = field(default_factory=lambda: EventStream(connected=True, connected_at=NOW.wall - 100_000))
    engine_started_at: float | None = None
    events_window: float | None = 3600.0
    gate: Gate = field(default_factory=lambda: Gate(open=True))
    docker_error: str | None = None
    docker_age: float = 0.0
    no_docker: bool = False
    facts: LedgerFacts = field(default_factory=LedgerFacts)
    now: Moment = NOW
    containers_error: str = ""

    def actual(self) -> Actual:
        since = None if self.events_window is None else self.now.wall - self.events_window
        facts = DockerFacts(
            "ENGINE", "20.10.24", tuple(self.containers), self.events, self.stream, engine_started_at=self.engine_started_at,
            events_since=since,
        )  # fmt: skip
        good = Moment(self.now.wall - self.docker_age, self.now.mono - self.docker_age)
        snapshot = Snapshot("docker", facts, self.now, good, 15.0, error=self.docker_error)
        return Actual(docker=None if self.no_docker else snapshot, gate=self.gate)

    def view(self) -> McsmanagerView:
        listed = self.containers if self.theirs is None else self.theirs
        running = tuple(seen(item) for item in listed if item.state in ("running", "paused"))
        whole = replace(
            self.daemon,
            instances=tuple(self.instances) if self.daemon.available else None,
            containers=running if self.daemon.available and not self.containers_error else None,
            containers_error=self.containers_error,
        )
        return McsmanagerView("10.18.2", (whole,), self.operations, self.operations_error)

    def look(self, after: float = 0.0) -> Judgement:
        """Judge, ``after`` so many seconds, and remember."""
        self.now = Moment(self.now.wall + after, self.now.mono + after)
        judgement = detect(self.settings, self.actual(), self.view(), self.facts, self.now)
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement

    def settle(self) -> Judgement:
        """Look twice: the first look at an instance never judges."""
        self.look()
        return self.look(15.0)

    def only(self) -> Drift:
        """Look twice and return the one drift there must be."""
        judgement = self.settle()
        assert len(judgement.drifts) == 1, judgement
        return judgement.drifts[0]


@dataclass
class Hand(Counting):
    """An Act for tests that sleeps in real but short time."""

    truth: Actual = field(default_factory=lambda: Actual(gate=Gate(open=True)))
    nap: float = 0.02
    naps: int = 0

    def sleep(self, seconds: float) -> None:
        self.spend(seconds)
        self.naps += 1
        # whoever has waited for long waits for a thread of the fake's that a busy host lets wait, too
        threading.Event().wait(self.nap if self.naps < 50 else 5 * self.nap)

    def actual(self) -> Actual:
        return self.truth


class Hooks:
    """Runs a hook by calling the fake daemon; counts."""

    def __init__(self, *daemons: FakeDaemon) -> None:
        self.daemons = daemons
        self.ran: list[Hook] = []
        self.does_nothing = False

    def run(self, hook: Hook, seconds: float) -> None:
        self.ran.append(hook)
        if not self.does_nothing:
            for daemon in self.daemons:
                daemon.restart()


class WorldEngine:
    """EngineRead and EngineAct over a MemoryWorld, as far as remedies need them; notes what was done."""

    def __init__(self, world: MemoryWorld) -> None:
        self.world = world
        self.done: list[tuple[str, str]] = []

    def inspect(self, container: str, seconds: float) -> Mapping[str, object]:
        for item in self.world.list():
            if item.id == container:
                return {
                    "Id": item.id, "Name": f"/{item.name}", "State": {"Status": item.state},
                    "Config": {"Image": item.image, "Labels": dict(item.labels)},
                    "Mounts": [{"Source": source} for source, _ in item.mounts],
                }  # fmt: skip
        raise NotFound("no such container")

    def stop(self, container: str, grace: float, seconds: float) -> None:
        self.done.append(("stop", container))
        self.world.stop(container, grace)

    def remove(self, container: str, seconds: float) -> None:
        if any(item.id == container and item.state in ("running", "paused") for item in self.world.list()):
            raise Refused("it runs")
        self.done.append(("remove", container))
        self.world.kill(container)


class Stage:
    """A fake panel with one daemon and a connected target, for everything that goes over HTTP."""

    def __init__(self, folder: Path, version: str = "10.18.2", count: int = 1, speed: float = 50.0, **changes: Any) -> None:
        key = folder / "key"
        key.write_text(KEY)
        self.world = MemoryWorld()
        self.daemon = FakeDaemon(self.world, DAEMON, version=version, remarks="node", speed=speed)
        self.daemon.add(*(FakeInstance(uuid_of(number), f"mc-{number}") for number in range(1, count + 1)))
        self.panel = FakePanel(self.daemon, version=version)
        self.hooks = Hooks(self.daemon)
        self.engine = WorldEngine(self.world)
        self.settings = settings(**{"url": self.panel.url, "api_key_file": str(key)} | changes)
        engine: Any = self.engine
        ports = Ports(SystemClock(), Silent(), self.hooks, engine, engine)
        target = PANEL.connect(self.settings, ports)
        assert isinstance(target, McsmanagerTarget)
        self.ports = ports
        self.target = target
        self.hand = Hand()
        self.facts = LedgerFacts()
        self.shift = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.target.close()
        self.panel.close()

    def instance(self, number: int = 1) -> FakeInstance:
        return self.daemon.find(uuid_of(number))

    def start_all(self) -> None:
        """Let every instance run, the quick way: no start takes time here."""
        for item in self.daemon.instances:
            labels = {LABEL: item.uuid} if self.daemon.release.takeover else {}
            ident = self.world.put(item.container_name, item.image, labels, [(item.cwd, "/data")])
            item.status, item.started, item.container, item.stream = 3, 1, ident, True

    def actual(self, now: Moment) -> Actual:
        """Return what our engine shows: the same world."""
        listed: Sequence[Container] = [
            Container(
                c.id, c.name, c.image, c.state, labels=c.labels, mounts=tuple(Mount(*mount) for mount in c.mounts), started_at=c.created
            )
            for c in self.world.list()
        ]
        stream = EventStream(connected=True, connected_at=now.wall - 100_000)
        facts = DockerFacts("ENGINE", "20.10.24", tuple(listed), stream=stream, events_since=now.wall - 3600.0)
        return Actual(docker=Snapshot("docker", facts, now, now, 15.0), gate=Gate(open=True))

    def look(self, after: float = 15.0) -> Judgement:
        """Read the panel over HTTP and judge, as if ``after`` seconds had passed."""
        self.shift += after
        moment = self.ports.clock.now()
        now = Moment(moment.wall + self.shift, moment.mono + self.shift)
        judgement = self.target.detect(self.actual(now), self.target.view(), None, self.facts, now)
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement

    def plan(self, drift: Drift, *others: Drift) -> PlannedRepair:
        """Return the planned repair of a drift's proposal."""
        assert drift.proposal is not None, drift
        remedy = next(item for item in PANEL.remedies if item.name == drift.proposal.remedy)
        keys = tuple(sorted(each.key for each in (drift, *others)))
        return PlannedRepair(drift.proposal, remedy.risk(drift.proposal.facts), keys)
