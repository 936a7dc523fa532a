"""A whole MCSManager installation for the real program: the fake panel over a real or a fake engine, and the configuration that watches it.

Use::

    with RealEngine(survives=True) as engine, Installation(engine, count=3) as games:      # 3 instances, all running
        with games.program() as running:                                                    # the real program as a process
            games.wait_until_judged(running)
            games.engine_crashes()                                                          # SIGKILL, streams lost, started anew
            games.wait_until_mended(running, "ghost_running", "restart_daemon", 3)          # found, mended once, verified, quiet again

The lies are the fake daemon's own: it learns of Docker only by what its connections tell it. A second daemon with a world of its own (on
"another host") stands behind the same panel, unless told otherwise; nothing may ever be said of it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self

from tests.support.dockerd import Dockerd, poll
from tests.support.mcsmanager import uuid_of
from tests.support.program import Running, run_program
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.demo.bridge import EngineBridge
from watchdog.demo.engine_process import EngineProcess
from watchdog.model.moments import Clock
from watchdog.panels.mcsmanager.fake import ContainerWorld, EngineWorld, FakeDaemon, FakeInstance, FakePanel, MemoryWorld
from watchdog.panels.mcsmanager.fake.instances import RUNNING, Silence
from watchdog.panels.mcsmanager.fake.panel import KEY
from watchdog.panels.mcsmanager.view import LABEL
from watchdog.runtime import yaml

GAME = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done")
LOCAL, REMOTE = "a14aaa84e7794fc8a575773655a13fc5", "b25bbb95f8805ad9b686884766b24ad6"
READING = frozenset({
    "/api/auth/status", "/api/overview", "/api/overview/operation_logs", "/api/service/remote_services_list",
    "/api/service/remote_service_instances", "/api/instance", "/api/environment/containers", "/api/environment/image",
})  # fmt: skip
RECONCILER: Mapping[str, Any] = {
    "confirm": "2s", "settle": "1s", "cooldown": "3s", "backoff_first": "3s", "budget_per_hour": 60, "attempts": 20,
}  # fmt: skip
"""Shortened so that a second, wrong repair would come within the quiet time that every test waits after the first."""
QUIET_PASSES = 4
_numbers = itertools.count(1)
CONFIRM = 2.0


class EngineSide(Protocol):
    """One engine with its weather, and the fake daemon's world over it."""

    world: ContainerWorld
    image: str

    def settings(self) -> dict[str, Any]:
        """Return ``collectors.docker`` as far as it says where the engine is."""
        ...

    def crash(self) -> None: ...

    def start(self) -> None: ...

    def hang(self) -> None: ...

    def heal(self) -> None: ...

    def foreign(self, name: str) -> None:
        """Run a container that has nothing to do with MCSManager."""
        ...

    def close(self) -> None: ...


class RealEngine:
    """A private dockerd (see tests.support.dockerd), with the world of the fake daemon over its socket.

    With ``survives`` containers live on when dockerd is killed (``--live-restore``). They are made without AutoRemove then, for dockerd
    20.10 removes living AutoRemove containers when it comes back, live-restore or not (measured; without AutoRemove it keeps them).
    """

    image = "bb"

    def __init__(self, *, survives: bool = False) -> None:
        self.dockerd = Dockerd(*(["--live-restore"] if survives else []))
        host_config = {"NetworkMode": "none", "AutoRemove": not survives}
        self.world = EngineWorld(self.dockerd.socket, seconds=3.0, command=GAME, host_config=host_config)
        self.began = 0

    def __enter__(self) -> Self:
        self.dockerd.__enter__()
        self.dockerd.import_image("bb:latest")  # the only one that the fake daemon's list of images knows
        self.began = int(time.time())
        return self

    def __exit__(self, *_: object) -> None:
        self.dockerd.close()

    def settings(self) -> dict[str, Any]:
        return {"url": self.dockerd.url, "pid_file": str(self.dockerd.root / "docker.pid")}

    def crash(self) -> None:
        self.dockerd.kill()

    def start(self) -> None:
        self.dockerd.start()

    def hang(self) -> None:
        self.dockerd.freeze()

    def heal(self) -> None:
        self.dockerd.thaw()

    def foreign(self, name: str) -> None:
        self.dockerd.run(name, *GAME, restart="always")

    def close(self) -> None:
        """Remove all containers. After a crash dockerd 20.10 now and then holds one as being removed until it is started anew."""
        try:
            self.dockerd.reset()
        except AssertionError:
            self.dockerd.restart()
            self.dockerd.reset()

    def events(self) -> list[tuple[str, str, str]]:
        """Return (action, container id, signal) of all that dockerd remembers since it was last started."""
        raw = self.dockerd.call("GET", "/events", query={"since": self.began, "until": int(time.time()) + 1})
        lines = [raw] if isinstance(raw, dict) else [json.loads(line) for line in raw.splitlines()]
        found = [(line["Action"], line["Actor"]) for line in lines if line["Type"] == "container"]
        return [(action, its["ID"], its["Attributes"].get("signal", "")) for action, its in found]


class SettableProcess(EngineProcess):
    """The traces of the engine on a host whose wall clock was set by ``by`` seconds: the kernel restates when it booted."""

    by = 0.0

    def set(self, by: float) -> None:
        self.by += by
        self._restate()

    def _begin(self) -> None:
        super()._begin()
        self._restate()

    def _restate(self) -> None:
        fresh = self.proc / "stat.new"
        fresh.write_text(f"cpu 0\nbtime {int(self._booted + self.by)}\n")
        fresh.replace(self.proc / "stat")


class FakeEngineSide:
    """The fake engine over a unix socket: for many containers, and for answers that a real dockerd does not give to order."""

    image = "bb"

    def __init__(self, clock: Clock | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pwf-"))
        self.engine = FakeEngineWorld(clock)
        self.server = FakeEngine(self.engine, self.folder / "docker.sock")
        self.process = SettableProcess(self.folder)
        self.world = EngineBridge(self.engine)

    def __enter__(self) -> Self:
        self.server.start()
        self.engine.listen(self.process.follow)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self) -> dict[str, Any]:
        return {"url": self.server.url, "pid_file": str(self.process.pid_file), "proc": str(self.process.proc)}

    def crash(self) -> None:
        self.engine.crash_engine()

    def start(self) -> None:
        self.engine.restart_engine()

    def hang(self) -> None:
        self.engine.hang()

    def heal(self) -> None:
        self.engine.heal()

    def foreign(self, name: str) -> None:
        self.engine.run(name, "nginx:stable", restart_policy="always")

    def close(self) -> None:
        self.engine.heal()


class Installation:
    """One panel with a daemon on the engine's host, ``count`` instances, and a second daemon far away with two.

    ``speed`` runs the fake daemon's own delays so many times faster. ``started`` False leaves all instances stopped, as configured and
    never started. More settings of the target come as ``changes``.
    """

    def __init__(
        self,
        engine: EngineSide,
        *,
        count: int = 1,
        version: str = "10.18.2",
        speed: float = 5.0,
        started: bool = True,
        remote_place: str = "remote",
        **changes: Any,
    ) -> None:
        self.engine = engine
        self.folder = Path(tempfile.mkdtemp(prefix="pwi-"))
        self.daemon = FakeDaemon(engine.world, LOCAL, version=version, remarks="node", speed=speed)
        number = next(_numbers)
        first = number * 10_000  # the engine remembers events of the installation before, so no uuid comes twice
        uuids = [uuid_of(first + n) for n in range(1, count + 1)]
        items = [FakeInstance(uuid, f"mc-{n}", image=engine.image, cwd=str(self.folder / uuid)) for n, uuid in enumerate(uuids, 1)]
        self.daemon.add(*items)
        self.far_world = MemoryWorld("far away")
        self.far = FakeDaemon(self.far_world, REMOTE, version=version, remarks="far away", speed=speed)
        self.far.add(*(FakeInstance(uuid_of(n), f"far-{n}") for n in (901, 902)))
        self.panel = FakePanel(self.daemon, self.far, version=version)
        self._changes = {"daemons": [{"id": REMOTE, "place": remote_place}], **changes}
        self._key = self.folder / "key"
        self._key.write_text(KEY)
        self._key.chmod(0o600)
        self._started = started
        self._neighbour = f"a-database-{number}"

    def __enter__(self) -> Self:
        self.engine.foreign(self._neighbour)
        if self._started:
            self.start_all(self.daemon)
        self.start_all(self.far)
        return self

    def __exit__(self, *_: object) -> None:
        self.panel.close()
        self.engine.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the installation's life ---

    @property
    def instances(self) -> list[FakeInstance]:
        return self.daemon.instances

    def start_all(self, daemon: FakeDaemon) -> None:
        """Let every instance run, as by its own past: no start takes time here."""
        for item in daemon.instances:
            labels = {LABEL: item.uuid} if daemon.release.takeover else {}
            item.container = daemon.world.run(item.container_name, item.image, labels, [(item.cwd, "/data")])
            item.status, item.started, item.stream = RUNNING, 1, True

    def containers(self) -> dict[str, str]:
        """Return the ids of the running containers of our instances, by instance uuid; matched by name, as a person would."""
        names = {item.container_name: item.uuid for item in self.daemon._instances.values()}
        return {names[c.name]: c.id for c in self.engine.world.list() if c.name in names and c.state == "running"}

    def engine_goes(self) -> None:
        """Kill the engine: the daemon loses its connections and no wait callback ever fires."""
        self.engine.crash()
        self.daemon.lose_streams()

    def autostart_fails(self) -> None:
        """Kill the daemon and the engine; the daemon starts anew, starts every instance once and none comes up. The engine stays away."""
        self.daemon.end(crash=True)
        self.engine_goes()
        self.daemon.boot()
        started = self.daemon._instances.values()
        until("the autostart failed", lambda: all(item.started == 1 and item.status == 0 for item in started))

    def engine_crashes(self) -> None:
        """Kill the engine and start it anew."""
        self.engine_goes()
        self.engine.start()

    def open_quietly(self, item: FakeInstance) -> None:
        """Ask the daemon itself to start an instance; a silent Docker keeps it waiting in Starting."""
        with contextlib.suppress(Silence):
            self.daemon.open(item.uuid)

    def all_well(self) -> bool:
        """Whether panel and engine agree that every instance runs."""
        running = self.containers()
        return all(item.status == RUNNING and item.stream and running.get(item.uuid) == item.container for item in self.instances)

    # --- what went out ---

    def sent(self) -> list[str]:
        """Return every request to the panel so far that could change something, as ``METHOD path``; without the hook's."""
        sent = [(seen.method, seen.path) for seen in list(self.panel.seen) if not seen.path.startswith("/daemons/")]
        return [f"{method} {path}" for method, path in sent if method != "GET" or path not in READING]

    def hooks_run(self) -> int:
        """Return how often the hook restarted the daemon."""
        return len(self.panel.sent(f"/daemons/{LOCAL}/restart"))

    # --- the program ---

    def settings(self, **sections: Any) -> dict[str, Any]:
        """Return a configuration of the real program; ``sections`` replace whole top-level sections."""
        restart = [sys.executable, "-m", "watchdog.panels.mcsmanager.fake.restart", f"{self.panel.control_url}/daemons/{LOCAL}/restart"]
        target = {
            "name": "games", "url": self.panel.url, "api_key_file": str(self._key), "mode": "repair",
            "allow": ["restart_daemon", "stop_container_then_open", "remove_leftover"],
            "hooks": {"restart_daemon": {"argv": restart}}, "interval": "1s", "timeout": "20s",
            "stuck_starting_after": "10s", "autostart_grace": "1s", "stop_grace": "20s",
            **self._changes,
        }  # fmt: skip
        return base_settings(self.folder, self.engine.settings()) | {"panels": {"mcsmanager": [target]}} | sections

    def write(self, settings: Mapping[str, Any], name: str = "config.yaml") -> Path:
        path = self.folder / name
        path.write_text(yaml.dump(dict(settings)))
        return path

    def hold_hook(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the configuration with a hook that waits for the files ``act`` and ``end`` in our folder (tests/support/held_hook.py)."""
        script = str(Path(__file__).with_name("held_hook.py"))
        argv = [sys.executable, script, str(self.folder), f"{self.panel.control_url}/daemons/{LOCAL}/restart"]
        for target in settings["panels"]["mcsmanager"]:
            if target["url"] == self.panel.url:
                target["hooks"] = {"restart_daemon": {"argv": argv}}
        return settings

    def let_hook(self, *steps: str) -> None:
        """Let the held hook go on past ``act`` or ``end``."""
        for step in steps:
            (self.folder / step).touch()

    @property
    def hooks_begun(self) -> int:
        """Return how often the held hook was started."""
        begun = self.folder / "begun"
        return len(begun.read_text().splitlines()) if begun.exists() else 0

    @contextmanager
    def program(self, settings: Mapping[str, Any] | None = None, log: str = "program.log") -> Iterator[Running]:
        """Run the real program on this installation."""
        with run_program(self.write(settings or self.settings()), self.folder / log) as running:
            yield running

    def wait_until_judged(self, running: Running, baseline: str = "taken", seconds: float = 120.0) -> None:
        """Wait until the first look is complete and nothing is unknown: only then a fault is a new one."""

        def judged() -> bool:
            target = running.target("games")
            subjects = target["subjects"]
            return target["baseline"] == baseline and not subjects.get("unknown") and subjects.get("ok", 0) >= len(self.instances) + 4

        running.wait_for("a complete first look", judged, seconds)

    def wait_until_mended(self, running: Running, kind: str, remedy: str, drifts: int, seconds: float = 150.0) -> list[dict[str, Any]]:
        """Wait for one verified repair after which all is well; wait on, and assert that there was this one and nothing else.

        No drift counted by its first look, and none of another kind ever counted, but for the plain word that a daemon's Docker is away.
        Returns the drifts that counted.
        """
        running.wait_for(f"a verified {remedy}", lambda: "verified" in {each["state"] for each in running.repairs()}, seconds)
        running.wait_for("peace", lambda: self.all_well() and not running.open_drifts(), seconds)
        running.wait_for_passes("games", QUIET_PASSES)
        assert self.all_well() and not running.open_drifts()
        repairs = running.repairs()
        assert [(each["remedy"], each["state"]) for each in repairs] == [(remedy, "verified")], repairs
        counted = [drift for drift in running.history() if drift["opened"] and drift["kind"] != "daemon_without_docker"]
        assert {drift["kind"] for drift in counted} == {kind}
        assert len({drift["key"] for drift in counted}) == len(counted) == drifts
        assert all(drift["closed"] for drift in counted)
        assert all(drift["opened"]["unix"] - drift["first_seen"]["unix"] >= CONFIRM for drift in counted), "it counts by a later look"
        assert set(repairs[0]["drift_keys"]) <= {drift["key"] for drift in counted}
        assert repairs[0]["verdict_at"]["unix"] >= repairs[0]["outcome_at"]["unix"] + 1.0, "the verdict is a later look's"
        return counted


def base_settings(folder: Path, docker: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the quick settings of everything but panels; without ``docker`` that collector is off, and so is WireGuard."""
    gate = {"start_delay": "200ms", "retry": "500ms", "successes": 2, "timeout": "2s"}
    # a look that a loaded machine stalls must not pass its deadline; a hung Docker is seen after a part of it
    on = {**(docker or {}), "interval": "2s", "deadline": "20s", "gate": gate}
    return {
        "host": "e2e",
        "server": {"listen": "127.0.0.1:0"},
        "ledger": {"url": f"sqlite:///{folder}/ledger.sqlite3", "ephemeral": True},
        "reconciler": dict(RECONCILER),
        "collectors": {"docker": on if docker else {"enabled": False}, "wireguard": {"enabled": False}, "archives": {"interval": "1s"}},
    }


class Sentinel:
    """Asks the program for its readiness and its drifts all the time, from a thread; ``check`` at the end."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._stop = threading.Event()
        self.answers: list[int] = []
        self.drifts: dict[str, str] = {}
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._watch, name="sentinel", daemon=True)

    def __enter__(self) -> Self:
        self._running.wait_for("readiness", lambda: self._running.get("/-/ready")[0] == 200)
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        self._thread.join(40.0)
        if kind is None:
            self.check()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            try:
                self.answers.append(self._running.get("/-/ready")[0])
                self.drifts.update({drift["key"]: drift["state"] for drift in self._running.drifts()})
            except OSError as error:
                self.failures.append(repr(error))

    def check(self) -> None:
        """Assert that it was ready all the time and that nothing was ever said of the remote daemon."""
        assert set(self.answers) == {200}, self.answers
        assert not self.failures, self.failures[:3]
        strangers = [key for key in self.drifts if REMOTE in key or any(uuid_of(n) in key for n in (901, 902))]
        assert not strangers, strangers


def until(what: str, done: Callable[[], object], seconds: float = 120.0) -> None:
    """Poll until ``done()``; Docker being away counts as not yet."""
    poll(lambda: _quietly(done), seconds, what)


def _quietly(done: Callable[[], object]) -> object:
    from watchdog.panels.mcsmanager.fake import WorldDown, WorldSilent  # noqa: PLC0415

    try:
        return done()
    except (WorldDown, WorldSilent):
        return False
