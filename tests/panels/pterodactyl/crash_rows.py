"""Pterodactyl's rows of the crash table: panel, node and engine live in the parent, a life of the program in each child.

All share one quick clock. What a row is about happened half an hour before it began.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.crash import Rig, Row, clock_of
from watchdog.collectors.archives.single import VerifyNow
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Verification, WatchedDirectory
from watchdog.model.docker import Container, DockerFacts, EventStream, Gate
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode, RepairState
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.pterodactyl import PANEL, remedies, stock
from watchdog.panels.pterodactyl.fake import ADMIN_KEY, EngineContainers, FakePanel, FakeWings, PanelWorld, Task
from watchdog.panels.pterodactyl.linking import identity_at
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.reconciler.policy import Policy
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine

SPEED = 40.0
AGO = 1800.0
MIB = 1 << 20
POLICY = Policy(mode=Mode.REPAIR, allow=frozenset(remedy.name for remedy in remedies.REMEDIES), baseline="repair")
OURS = frozenset({
    "backup_stuck", "server_ghost", "server_unseen", "server_suspended_running", "backups_at_risk", "queue_dead", "cron_dead",
})  # fmt: skip
HOOKED = "hooked"
HOOK = {"argv": ["restart-it"]}


class FileHook:
    """Runs any hook by a line in a file, which the parent's world reads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(self, hook: Any, seconds: float) -> None:
        with self._path.open("a") as file:
            file.write("ran\n")


class Shifted:
    """The row's clock, some seconds behind."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.behind = 0.0

    def now(self) -> Moment:
        now = self._clock.now()
        return Moment(now.wall - self.behind, now.mono - self.behind)

    def wait(self, event: Any, seconds: float) -> bool:
        return bool(self._clock.wait(event, seconds))


def rig(directory: Path) -> Rig:
    """Build one life: the real client, evidence, verifier and remedies."""
    told = json.loads((directory / "told").read_text())
    own = PterodactylSettings.model_validate(told["settings"])
    clock, engine, verify = clock_of(directory, SPEED), Engine(f"unix://{told['socket']}"), VerifyNow(256 * MIB, SystemClock())
    hooks: Any = FileHook(directory / HOOKED)
    target = PANEL.connect(own, Ports(clock, Silent(), hooks, engine, engine, archives=verify))
    seen: dict[Any, Verification] = {}

    def actual(now: Moment) -> Actual:
        directories, files = [], []
        for need in stock.directories(own):
            directories.append(WatchedDirectory(need.name, need.path))
            for path in sorted(Path(need.path).glob(need.pattern)):
                identity = identity_at(path)
                if identity is None:
                    continue
                if identity not in seen:
                    seen[identity] = verify(str(path), level=2, alive=lambda: None)
                found = replace(seen[identity], at=now.wall)
                files.append(ArchiveFile(str(path), need.name, identity, 0o600, True, "gzip", found))
        listed: list[Any] = list(engine.list(10.0))
        containers = tuple(
            Container(raw["Id"], raw["Names"][0].lstrip("/"), raw["Image"], raw["State"], labels=raw["Labels"]) for raw in listed
        )
        docker = DockerFacts("FAKE", "20", containers, stream=EventStream(connected=True, connected_at=1.0), counted=True, events_since=1.0)
        return Actual(
            docker=Snapshot("docker", docker, now, now, 15.0),
            archives=Snapshot("archives", ArchiveFacts(tuple(directories), tuple(files)), now, now, 15.0), gate=Gate(open=True),
        )  # fmt: skip

    watched = dict.fromkeys(told["watched"], Mode.OBSERVE)

    def rests(status: Any) -> bool:
        """Judged, nothing unfinished, nothing planned, and none of what the rows are about is open."""
        unfinished = [record for record in status.in_flight if record.state is not RepairState.VERIFIED]
        left = [episode for episode, _ in status.episodes if episode.drift.kind in OURS - watched.keys()]
        # some drifts count only when they have stood for a minute
        return (
            status.passes >= told["passes"] and status.last_result == "judged" and not unfinished and not status.plan.repairs and not left
        )

    return Rig(PANEL, target, actual, replace(POLICY, kinds=watched), PANEL.needs(own), SPEED, rests, approves=True)


class Outside:
    """What the parent keeps alive over all lives of one directory."""

    def __init__(self, directory: Path, stack: ExitStack, *, beside: bool = False) -> None:
        self.directory = directory
        self.clock = Shifted(clock_of(directory, SPEED))
        self.clock.behind = AGO
        self.engine_world = FakeEngineWorld()
        stack.enter_context(FakeEngine(self.engine_world, directory / "docker.sock"))
        self.world = PanelWorld(self.clock)
        node = self.world.add_node()
        self.server = self.world.add_server("Paper")
        self.beside = self.world.add_server("Beside") if beside else None
        self.panel = stack.enter_context(FakePanel(self.world))
        containers = EngineContainers(self.engine_world)
        made = FakeWings(directory / "node", self.panel, node, self.clock, containers=containers, speed=1000.0, live=True)
        self.wings = stack.enter_context(made)
        self.wings.manual = True
        (self.wings.proc / "self").mkdir(exist_ok=True)
        mounts = self.wings.proc / "self/mountinfo"
        mounts.write_text(Path("/proc/self/mountinfo").read_text(encoding="utf-8"), encoding="utf-8")
        self.uuid = ""
        self._tick, self.world.tick = self.world.tick, self._cured  # type: ignore[method-assign]

    def _cured(self) -> None:
        if (self.directory / HOOKED).exists():
            self.world.switches.cron_dead = self.world.switches.queue_dead = False
        self._tick()

    def tell(self, passes: int, watched: Sequence[str], own: Mapping[str, Any]) -> None:
        (self.directory / "token").write_text(ADMIN_KEY)
        node = {
            "config": str(self.wings.config), "backups": str(self.wings.backups), "log": str(self.wings.log_file),
            "states": str(self.wings.states), "volumes": str(self.wings.volumes), "proc": str(self.wings.proc),
        }  # fmt: skip
        told = {
            "name": "games", "url": self.panel.url, "token_file": str(self.directory / "token"), "node": node, "disk": "wings",
            "expect": {self.server.uuid: "running"}, "timeout": "60s", "wings_timeout": "30s",
            "place": "local", "hooks": {"restart_queue": HOOK, "restart_cron": HOOK},
            "thresholds": {"queue": "60s"},
        }  # fmt: skip
        more = {"passes": passes, "watched": watched, "socket": str(self.directory / "docker.sock")}
        (self.directory / "told").write_text(json.dumps({"settings": told | own, **more}))

    def interrupted(self, step: str) -> None:
        row, job = self.world.add_backup(self.server), None
        self.uuid = row.uuid
        job = self.wings.begin_backup(self.server.uuid, row.uuid)
        assert job.advance(step) == step
        self.clock.behind -= 300.0
        self.wings.restart()

    def deleted(self) -> None:
        self.interrupted("created")
        self.wings.path_of(self.server.uuid, self.uuid).unlink()
        # another one is in order, so the directory is mounted
        row = self.world.add_backup(self.server)
        self.wings.begin_backup(self.server.uuid, row.uuid).advance()

    def ghost(self) -> None:
        """Let the server's container end without Wings' notice: its stream is lost. (A container shows whose engine it is.)"""
        environment = self.wings.servers[self.server.uuid]
        environment.power("start")
        environment.lose_stream()
        self.engine_world.kill(self.server.uuid)

    def adopted(self, state: str) -> None:
        """Let Wings lose sight of a server whose container runs."""
        environment = self.wings.servers[self.server.uuid]
        environment.power("start")
        environment.lose_stream()
        environment.state = state

    def gone(self) -> None:
        """Let its container be removed without Wings' notice; that of another server shows whose engine it is."""
        assert self.beside is not None
        self.wings.servers[self.beside.uuid].power("start")
        self.ghost()
        self.engine_world.remove(self.server.uuid)

    def suspended(self) -> None:
        """Let Wings have it suspended though the panel has not, as after a restore."""
        environment = self.wings.servers[self.server.uuid]
        environment.power("start")
        environment.suspended = True

    def pushed(self) -> None:
        """Let a record that hangs take the last slot beside a good one."""
        row = self.world.add_backup(self.server)
        self.wings.begin_backup(self.server.uuid, row.uuid).advance()
        self.interrupted("begun")
        self.uuid, self.server.backup_limit = "", 2
        self.world.add_schedule(self.server)

    def late(self, *, queue: bool) -> None:
        """Let a schedule wait for a worker, or for cron."""
        self.world.switches.cron_dead = self.world.switches.queue_dead = True
        # what waits for a worker has its next run set already; else it would be overdue as well until cron comes by
        due = self.world.now() + (86400 if queue else -3600)
        self.world.add_schedule(self.server, [Task(1, action="command", queued=queue)], processing=queue, next_run_at=due)

    def posts(self) -> list[str]:
        """Return the reports of ours that had an effect, what was sent of power, locks and syncs, and how often the hook ran."""
        notes = [each.event for each in self.world.rows.activity]
        backup = [event for event in notes if event in {"server:backup.complete", "server:backup.fail"}]
        sent = [(each.method, each.path.rpartition("/")[2]) for each in self.panel.seen]
        asked = [word for method, word in sent if method == "POST" and word in {"power", "lock"}]
        synced = ["sync" for method, path in self.wings.seen if method == "POST" and path.endswith("/sync")]
        hook = self.directory / HOOKED
        return [*sorted(backup), *asked, *synced, *(hook.read_text().split() if hook.exists() else ())]

    def check(self) -> None:
        if not self.uuid:
            return
        record = self.world.backup(self.uuid)
        path = self.wings.path_of(self.server.uuid, self.uuid)
        assert record is not None and record.completed_at is not None
        if record.successful:
            content = path.read_bytes()
            assert (record.checksum, record.bytes) == (f"sha1:{hashlib.sha1(content, usedforsecurity=False).hexdigest()}", len(content))
        held = self.wings.backups / ".watchdog-held" / path.name
        assert not held.exists() or held.samefile(path), "whatever a dead life left is a second name of what is there"


OUTSIDES: dict[Path, Outside] = {}


def _row(
    name: str, prepare: Callable[[Outside], None], telling: str = "", *, passes: int = 14, watched: Sequence[str] = (),
    beside: bool = False, well: Callable[[Outside], bool] = lambda _: True, **own: Any,
) -> Row:  # fmt: skip
    @contextmanager
    def outside(directory: Path) -> Iterator[None]:
        with ExitStack() as stack:
            made = OUTSIDES[directory] = Outside(directory, stack, beside=beside)
            prepare(made)
            made.clock.behind = 0.0
            made.tell(passes, watched, own)
            yield

    def check(directory: Path) -> None:
        made = OUTSIDES[directory]
        made.check()
        assert well(made), made.posts()

    return Row(
        name, "tests.panels.pterodactyl.crash_rows:rig", outside, lambda directory: OUTSIDES[directory].posts(), check, telling=telling
    )  # fmt: skip


def _both(state: str, container: str) -> Callable[[Outside], bool]:
    """Return whether Wings and Docker agree so."""
    return lambda made: (made.wings.servers[made.server.uuid].state, made.wings.containers.state(made.server.uuid)) == (state, container)


STOPPED = {"expect": {"Paper": "stopped"}}
ROWS = (
    _row("complete_backup", lambda made: made.interrupted("created"), "before posted"),
    _row("fail_backup corrupt", lambda made: made.interrupted("begun"), "before posted"),
    _row("fail_backup absent", lambda made: made.deleted(), "before posted"),
    _row("lock_backup", lambda made: made.pushed(), watched=["backup_stuck"]),
    _row("power_restart", lambda made: made.ghost(), well=_both("running", "running")),
    _row("power_start", lambda made: made.adopted("offline"), well=_both("running", "running")),
    _row("power_stop", lambda made: made.gone(), well=_both("offline", "missing"), beside=True, **STOPPED),
    _row("power_kill", lambda made: made.ghost(), well=_both("offline", "exited"), **STOPPED),
    _row("sync_server", lambda made: made.suspended(), well=lambda made: not made.wings.servers[made.server.uuid].suspended),
    _row("restart_queue", lambda made: made.late(queue=True), passes=60),
    _row("restart_cron", lambda made: made.late(queue=False)),
)
