"""Real containers on a real dockerd, the panel's lies from the fake: each state found, mended by its one remedy, and gone."""

import contextlib
import time

import pytest

from tests.support.dockerd import IMAGE
from tests.support.mcsmanager import DAEMON, Hooks, Stage
from watchdog.model.docker import Container, DockerFacts, EventStream, Gate, Mount
from watchdog.model.panels import Ports
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.mcsmanager import PANEL
from watchdog.panels.mcsmanager.fake import EngineWorld, FakeDaemon, FakeInstance
from watchdog.panels.mcsmanager.fake.instances import Silence
from watchdog.panels.mcsmanager.fake.panel import FakePanel
from watchdog.panels.mcsmanager.fake.world import WorldDown
from watchdog.panels.mcsmanager.view import LABEL
from watchdog.runtime.engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd"), pytest.mark.timeout(240)]
GAME = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")


class RealStage(Stage):
    """A stage whose world is the private dockerd; truth is read by our own engine room."""

    def __init__(self, folder, engine, version="10.18.2"):
        super().__init__(folder, version, stop_grace="15s", autostart_grace="1s")
        self.panel.close()
        self.socket = engine.url.removeprefix("unix://")
        self.world = EngineWorld(self.socket, seconds=3.0, command=GAME)
        self.daemon = FakeDaemon(self.world, DAEMON, version=version, remarks="node", speed=5.0)
        self.daemon.add(FakeInstance("c0ffee" + "0" * 26, "real-one", image=IMAGE, cwd=str(folder / ("c0ffee" + "0" * 26))))
        self.panel = FakePanel(self.daemon, version=version)
        self.hooks = Hooks(self.daemon)
        self.engine = Engine(engine.url)
        self.settings = self.settings.model_copy(update={"url": self.panel.url})
        self.ports = Ports(self.ports.clock, self.ports.instruments, self.hooks, self.engine, self.engine)
        self.target = PANEL.connect(self.settings, self.ports)
        self.hand.nap, self.hand.left = 0.2, 900.0

    def actual(self, now):
        listed = [
            Container(
                raw["Id"], raw["Names"][0].lstrip("/"), raw["Image"], raw["State"], labels=raw["Labels"],
                mounts=tuple(Mount(mount["Source"], mount["Destination"]) for mount in raw["Mounts"]),
            )
            for raw in self.engine.list(10.0)
        ]  # fmt: skip
        stream = EventStream(connected=True, connected_at=now.wall - 100_000)
        return Actual(
            docker=Snapshot("docker", DockerFacts("REAL", "20", tuple(listed), stream=stream), now, now, 15.0), gate=Gate(open=True)
        )  # fmt: skip

    def play(self):
        """Let the instance run; its start may take longer than the panel's patience."""
        with contextlib.suppress(Silence):
            self.daemon.open(self.one().uuid)
        until(lambda: self.one().status == 3 and self.ours())

    def one(self):
        return self.daemon.instances[0]

    def ours(self):
        return [item for item in self.world.list() if item.name == self.one().container_name]

    def drift(self):
        self.look()
        drifts = self.look(60).drifts
        assert len(drifts) == 1, drifts
        return drifts[0]

    def mend(self, kind, remedy):
        """Find the one drift, run its remedy, and see it gone; again is nothing to do."""
        drift = self.drift()
        assert (drift.kind, drift.proposal.remedy) == (kind, remedy)
        outcome = self.target.repair(self.plan(drift), self.hand)
        assert outcome.end == "done", outcome
        until(lambda: self.one().status == 3 and self.ours())
        self.look()
        assert not self.look().drifts
        assert self.ours()[0].state == "running"


def until(done, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if done():
                return
        except WorldDown:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not come")


@pytest.fixture
def stage(tmp_path, engine):
    engine.run("a-database", "sleep", "1000")
    with RealStage(tmp_path, engine) as made:
        made.play()
        made.look()
        assert not made.look().drifts
        yield made


def test_b_a_failed_autostart_is_opened(stage, engine):
    stage.daemon.end(crash=True)
    engine.kill()
    stage.daemon.boot()
    until(lambda: stage.daemon._instances[stage.one().uuid].started == 1)
    until(lambda: stage.daemon._instances[stage.one().uuid].status == 0)
    engine.start()
    until(lambda: not stage.ours())
    engine.run("another-database", "sleep", "1000")
    stage.look()
    stage.mend("failed_autostart", "open_instance")
    assert not stage.hooks.ran


def test_c_a_ghost_after_a_crash_of_dockerd_takes_one_daemon_restart(stage, engine):
    engine.kill()
    stage.daemon.lose_streams()
    engine.start()
    until(lambda: not stage.ours())
    stage.mend("ghost_running", "restart_daemon")
    assert len(stage.hooks.ran) == 1
    assert not stage.panel.sent("/api/protected_instance/kill") and not stage.panel.sent("/api/protected_instance/stop")


def test_d_an_orphan_is_taken_over_alive(stage):
    before = stage.ours()[0].id
    one = stage.one()
    one.status, one.container, one.stream = 0, "", False
    stage.mend("orphan", "restart_daemon")
    assert stage.ours()[0].id == before, "the game server was not touched"


def test_d_on_an_old_release_an_orphan_is_stopped_gracefully_and_opened(tmp_path, engine):
    engine.run("a-database", "sleep", "1000")
    with RealStage(tmp_path, engine, "10.6.1") as stage:
        stage.play()
        before = stage.ours()[0].id
        one = stage.one()
        one.status, one.container, one.stream = 0, "", False
        stage.mend("orphan", "stop_container_then_open")
        assert stage.ours()[0].id != before and not stage.hooks.ran


def test_a_leftover_is_removed_and_the_instance_opened(stage, engine):
    one = stage.one()
    stage.world.kill(one.container)
    until(lambda: stage.one().status == 0 and not stage.ours())
    engine.create(one.container_name, "sleep", "1", labels={LABEL: one.uuid})
    stage.settings = stage.settings.model_copy(update={"expect": {"real-one": "running"}})
    stage.target = PANEL.connect(stage.settings, stage.ports)
    stage.mend("leftover", "remove_leftover")


def test_a_frozen_dockerd_is_unknown_and_nothing_is_sent(stage, engine):
    engine.freeze()
    try:
        view = stage.target.view()
    finally:
        engine.thaw()
    assert view.daemons[0].containers is None and view.daemons[0].instances is not None
    assert not stage.panel.sent("/api/protected_instance/open") and not stage.hooks.ran
    until(stage.ours)
    stage.look()
    assert not stage.look().drifts
