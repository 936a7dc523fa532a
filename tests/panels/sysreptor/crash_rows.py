"""SysReptor's rows of the crash table: fake panel and fake engine live in the parent, a life of the program in each child."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.support.crash import Rig, Row
from tests.support.sysreptor_panel import AES_KEY
from tests.support.sysreptor_runs import APP, MIB, ROOMY
from watchdog.collectors.archives.single import VerifyNow
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Verification, WatchedDirectory
from watchdog.model.docker import Container, DockerFacts, EventStream, Gate
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.sysreptor import PANEL, naming
from watchdog.panels.sysreptor.fake import ADMIN_TOKEN, BACKUP_KEY, FakePanel, ManagePy, SysreptorWorld
from watchdog.panels.sysreptor.remedies import PART_SUFFIX
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.view import PeriodicTask
from watchdog.reconciler.policy import Policy
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine
from watchdog.runtime.quarantine import identity_of

SPEED = 40.0
TASKS = "tasks"
DAY = 86_400.0
POLICY = Policy(mode=Mode.REPAIR, allow=frozenset({"run_backup", "quarantine", "remove_part"}), baseline="repair")


def settings(directory: Path) -> SysreptorSettings:
    told = json.loads((directory / "told").read_text())
    return SysreptorSettings.model_validate({
        "name": "reports", "url": told["url"], "token_file": str(directory / "token"), "backup_key_file": str(directory / "key"),
        "aes_key_file": str(directory / "aes"), "backups": {"path": str(directory / "backups"), "stable_after": "1s"},
        "timeout": told.get("timeout", "30s"), "health_timeout": "30s", "healthcheck": told["healthcheck"],
        "run": ROOMY | {"method": told["method"]},
    })  # fmt: skip


class ToldTasks:
    """The panel's database, as far as its periodic tasks go: the parent writes when they began."""

    configured = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[PeriodicTask, ...]:
        return (PeriodicTask("x", "success", float(self._path.read_text())),)


def rig(directory: Path) -> Rig:
    """Build one life: the real client, the real engine room, the real verifier, the real remedies."""
    own = settings(directory)
    clock = SystemClock()
    engine = Engine(f"unix://{json.loads((directory / 'told').read_text())['socket']}")
    verify = VerifyNow(256 * MIB, clock)
    hooks: Any = None
    target = PANEL.connect(own, Ports(clock, Silent(), hooks, engine, engine, archives=verify))
    if (directory / TASKS).exists():
        target._client._tasks = ToldTasks(directory / TASKS)  # type: ignore[attr-defined]
    needs = PANEL.needs(own)
    seen: dict[Any, Verification] = {}

    def actual(now: Moment) -> Actual:
        return _actual(engine, needs, verify, seen, now)

    return Rig(PANEL, target, actual, POLICY, needs, SPEED)


def _actual(engine: Engine, needs: Any, verify: VerifyNow, seen: dict[Any, Verification], now: Moment) -> Actual:
    listed: list[Any] = list(engine.list(30.0))
    found = tuple(Container(raw["Id"], raw["Names"][0].lstrip("/"), raw["Image"], raw["State"], labels={}) for raw in listed)
    docker = DockerFacts("FAKE", "20", found, stream=EventStream(connected=True, connected_at=1.0), counted=True, events_since=1.0)
    files: list[ArchiveFile] = []
    directories: list[WatchedDirectory] = []
    for need in needs.directories:
        here = [path for path in sorted(Path(need.path).iterdir()) if path.is_file() and fnmatchcase(path.name, need.pattern)]
        directories.append(WatchedDirectory(need.name, need.path, len(here)))
        for path in here:
            identity = identity_of(path)
            if identity not in seen and need.level:
                seen[identity] = verify(str(path), level=need.level, meaning=need.meaning, key_file=need.key_file, alive=lambda: None)
            told = seen.get(identity, Verification("result", "good", 0, identity=identity))
            files.append(ArchiveFile(str(path), need.name, identity, 0o600, True, "zip", replace(told, at=now.wall)))
    archives = ArchiveFacts(tuple(directories), tuple(sorted(files, key=lambda file: file.path)))
    return Actual(
        docker=Snapshot("docker", docker, now, now, 15.0), archives=Snapshot("archives", archives, now, now, 15.0), gate=Gate(open=True)
    )


class Outside:
    """What the parent keeps alive over all lives of one directory."""

    def __init__(self, directory: Path, method: str) -> None:
        self.directory = directory
        self.backups = directory / "backups"
        self.backups.mkdir()
        self.engine_world = FakeEngineWorld()
        self.engine = FakeEngine(self.engine_world, directory / "docker.sock")
        self.world = SysreptorWorld("2026.61", now=time.time)
        self.panel = FakePanel(self.world)
        self.engine_world.run(APP, program=ManagePy(self.world))
        for name, secret in (("token", ADMIN_TOKEN), ("key", BACKUP_KEY), ("aes", AES_KEY)):
            (directory / name).write_text(secret)
        self.tell(method)

    def tell(self, method: str, *, healthcheck: bool = True) -> None:
        told = {"url": self.panel.url, "socket": str(self.directory / "docker.sock"), "method": method, "healthcheck": healthcheck}
        (self.directory / "told").write_text(json.dumps(told))

    def finals(self) -> list[Path]:
        return sorted(path for path in self.backups.glob("*.zip") if naming.ours(path.name))

    def parts(self) -> list[Path]:
        return sorted(self.backups.glob("*" + PART_SUFFIX))


OUTSIDES: dict[Path, Outside] = {}


@contextmanager
def outside(directory: Path, method: str, prepare: Callable[[Outside], None] = lambda _: None) -> Iterator[Outside]:
    made = OUTSIDES[directory] = Outside(directory, method)
    with made.engine:
        prepare(made)
        try:
            yield made
        finally:
            made.panel.close()


def _row(name: str, method: str, prepare: Callable[[Outside], None], effects: Callable[[Outside], list[str]]) -> Row:
    @contextmanager
    def opened(directory: Path) -> Iterator[None]:
        with outside(directory, method, prepare):
            yield

    def check(directory: Path) -> None:
        made = OUTSIDES[directory]
        for final in made.finals():
            assert zipfile.ZipFile(final).testzip() is None, "whatever bears a final name is whole"

    return Row(
        name, "tests.panels.sysreptor.crash_rows:rig", opened, lambda directory: effects(OUTSIDES[directory]), check,
        tolerated=frozenset({"started"}),
    )  # fmt: skip


def _finals(made: Outside) -> list[str]:
    """One proven backup is the effect; a run that died before its end had to begin anew, which only the panel's log shows."""
    return ["final"] * len(made.finals()) + ["started"] * sum(row.type == "backup_started" for row in made.world.rows)


def _good_file(made: Outside) -> bytes:
    content = b"".join(made.world.backup())
    _lay(made, "a-good.zip", content)
    return content


def _bad_file(made: Outside) -> None:
    _lay(made, "b-cut.zip", _good_file(made)[:-500])


def _old_part(made: Outside) -> None:
    _good_file(made)
    _lay(made, f"20200101T000000Z-watchdog.zip{PART_SUFFIX}", b"PK\3\4", DAY + 3600)


def _asleep(made: Outside) -> None:
    """Let the panel's tasks stand still until somebody asks for its health; looks do not."""
    _good_file(made)
    run, began = made.world.run_tasks, made.directory / TASKS

    def note() -> None:
        run()
        began.write_text(str(time.time()))

    began.write_text(str(time.time() - 3 * DAY))
    made.world.run_tasks = note  # type: ignore[method-assign]
    made.tell("exec", healthcheck=False)


def _lay(made: Outside, name: str, body: bytes, age: float = 60.0) -> None:
    path = made.backups / f"sysreptor-full-backup-{name}"
    path.touch(0o600)
    path.write_bytes(body)
    os.utime(path, (time.time() - age,) * 2)


def _aside(made: Outside) -> list[str]:
    return sorted(path.name for path in (made.backups / "quarantine").glob("*.quarantined"))


ROWS = (
    _row("run_backup by exec", "exec", lambda _: None, _finals),
    _row("run_backup by api", "api", lambda _: None, _finals),
    _row("quarantine", "exec", _bad_file, _aside),
    _row("poke_healthcheck", "exec", _asleep, lambda made: ["poked"] * made.world.health_calls),
    _row("remove_part", "exec", _old_part, lambda made: [] if made.parts() else ["removed"]),
)
