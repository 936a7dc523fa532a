"""MCSManager's rows of the crash table: the fake panel and the fake engine live in the parent, a life of the program in each child."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.crash import Rig, Row
from tests.support.mcsmanager import DAEMON, settings
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld, Refusal
from watchdog.model.docker import Container, DockerFacts, EventStream, Gate, Mount
from watchdog.model.hooks import ArgvHook
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.mcsmanager import PANEL
from watchdog.panels.mcsmanager.fake import FakeDaemon, FakeInstance, FakePanel, NameTaken, WorldContainer
from watchdog.panels.mcsmanager.fake.panel import KEY
from watchdog.panels.mcsmanager.fake.restart import main as post
from watchdog.panels.mcsmanager.view import LABEL
from watchdog.reconciler.policy import Policy
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine

SPEED = 40.0
UUID = "c0ffee" + "0" * 26
OPEN = "/api/protected_instance/open"
LINK = "/api/service/link_remote_service"
POLICY = Policy(
    mode=Mode.REPAIR, allow=frozenset({"restart_daemon", "stop_container_then_open", "remove_leftover"}), baseline="repair"
)  # fmt: skip


class Bridge:
    """A ContainerWorld over the fake engine's own world."""

    def __init__(self, engine: FakeEngineWorld) -> None:
        self.engine = engine

    def list(self) -> Sequence[WorldContainer]:
        with self.engine.changed:
            return tuple(
                WorldContainer(c.id, c.name, c.image, c.state, dict(c.labels), tuple((m.source, m.destination) for m in c.mounts))
                for c in self.engine._containers.values()
            )

    def run(self, name: str, image: str, labels: Mapping[str, str], mounts: Sequence[tuple[str, str]]) -> str:
        try:
            return self.engine.run(name, image, labels=dict(labels), mounts=tuple(Mount(*each) for each in mounts), auto_remove=True)
        except Refusal as refusal:
            raise NameTaken(str(refusal)) from None

    def stop(self, container: str, grace: float) -> None:
        self.engine.stop(container)

    def kill(self, container: str) -> None:
        self.engine.kill(container)

    def unpause(self, container: str) -> None:
        self.engine.unpause(container)


class ControlHook:
    """Runs any hook by the fake panel's control port."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, hook: ArgvHook, seconds: float) -> None:
        assert post(f"{self.url}/daemons/{DAEMON}/restart") == 0


def rig(directory: Path) -> Rig:
    """Build one life: the real client, the real engine room, the real remedies."""
    told = json.loads((directory / "told").read_text())
    own = settings(
        url=told["url"], api_key_file=told["key"], expect={UUID: "running"}, relink_after="30s", stop_grace="10s",
        daemons=[{"id": DAEMON, "place": "local"}], timeout=told.get("timeout", "15s"),
    )  # fmt: skip
    engine = Engine(f"unix://{told['socket']}")
    hooks: Any = ControlHook(told["control"])
    target = PANEL.connect(own, Ports(SystemClock(), Silent(), hooks, engine, engine))
    return Rig(PANEL, target, lambda now: _actual(engine, now), POLICY, PANEL.needs(own), SPEED)


def _actual(engine: Engine, now: Moment) -> Actual:
    listed: list[Any] = list(engine.list(10.0))
    found = tuple(
        Container(
            raw["Id"], raw["Names"][0].lstrip("/"), raw["Image"], raw["State"], labels=raw["Labels"] or {},
            mounts=tuple(Mount(each["Source"], each["Destination"]) for each in raw["Mounts"]),
        )
        for raw in listed
    )  # fmt: skip
    facts = DockerFacts("FAKE", "20", found, stream=EventStream(connected=True, connected_at=1.0))
    return Actual(docker=Snapshot("docker", facts, now, now, 15.0), gate=Gate(open=True))


class Outside:
    """What the parent keeps alive over all lives of one directory."""

    def __init__(self, directory: Path) -> None:
        self.world = FakeEngineWorld()
        self.engine = FakeEngine(self.world, directory / "docker.sock")
        self.daemon = FakeDaemon(Bridge(self.world), DAEMON, remarks="node", speed=SPEED)
        self.daemon.add(FakeInstance(UUID, "crash-one", cwd=f"/srv/{UUID}"))
        self.panel = FakePanel(self.daemon)
        self.item = self.daemon._instances[UUID]

    def container(self, **more: Any) -> str:
        make = self.world.add if more.pop("dead", False) else self.world.run
        return make(self.item.container_name, "bb", labels={LABEL: UUID}, mounts=(Mount(self.item.cwd, "/data"),), auto_remove=True, **more)

    def effects(self) -> list[str]:
        """Everything that was ever sent and changes something."""
        sent = [path for path in (OPEN, LINK) for _ in self.panel.sent(path)]
        acts = [line.split("?")[0] for line in self.world.requests if not line.startswith("GET")]
        acts = ["engine " + line.replace("/v1.41", "").split("/")[-1].split(" ")[0][:12] for line in acts]
        return [*sent, *acts, *["restart"] * self.daemon.restarts]


OUTSIDES: dict[Path, Outside] = {}


def _row(name: str, prepare: Callable[[Outside], None]) -> Row:
    @contextmanager
    def outside(directory: Path) -> Iterator[None]:
        key = directory / "key"
        key.write_text(KEY)
        made = OUTSIDES[directory] = Outside(directory)
        with made.engine:
            prepare(made)
            told = {"url": made.panel.url, "control": made.panel.control_url, "socket": str(directory / "docker.sock"), "key": str(key)}
            (directory / "told").write_text(json.dumps(told))
            try:
                yield
            finally:
                made.panel.close()

    def check(directory: Path) -> None:
        made, patience = OUTSIDES[directory], 1200
        while made.daemon.find(UUID).status != 3 and patience:
            threading.Event().wait(0.05)
            patience -= 1
        assert made.item.status == 3, made.item
        assert [item.state for item in made.daemon.world.list()] == ["running"]
        assert not made.panel.sent("/api/protected_instance/kill")

    return Row(name, "tests.panels.mcsmanager.crash_rows:rig", outside, lambda directory: OUTSIDES[directory].effects(), check)


def _ghost(outside: Outside) -> None:
    outside.item.status, outside.item.started, outside.item.container = 3, 1, "0" * 64


def _orphan(outside: Outside) -> None:
    outside.daemon.soft_shutdown = False  # a restart would kill it, so it is stopped gracefully
    outside.container()


def _offline(outside: Outside) -> None:
    outside.item.container = outside.container()
    outside.item.status, outside.item.started, outside.item.stream = 3, 1, True
    outside.daemon.available = False


ROWS = (
    _row("open_instance", lambda outside: None),
    _row("restart_daemon", _ghost),
    _row("stop_container_then_open", _orphan),
    _row("remove_leftover", lambda outside: outside.container(dead=True) and None),
    _row("relink_daemon", _offline),
)
