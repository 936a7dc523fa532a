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
from watchdog.reconciler.policy import Policy
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine
from watchdog.runtime.quarantine import identity_of

SPEED = 40.0
POLICY = Policy(mode=Mode.REPAIR, allow=frozenset({"run_backup", "quarantine", "remove_part"}), baseline="repair")


def settings(directory: Path) -> SysreptorSettings:
    told = json.loads((directory / "told").read_text())
    return SysreptorSettings.model_validate({
        "name": "reports", "url": told["url"], "token_file": str(directory / "token"), "backup_key_file": str(directory / "key"),
        "aes_key_file": str(directory / "aes"), "backups": {"path": str(directory / "backups"), "stable_after": "1s"},
        "timeout": "30s", "health_timeout": "30s", "run": ROOMY | {"method": told["method"]},
    })  # fmt: skip


def rig(directory: Path) -> Rig:
    """Build one life: the real client, the real engine room, the real verifier, the real remedies."""
    own = settings(directory)
    clock = SystemClock()
    engine = Engine(f"unix://{json.loads((directory / 'told').read_text())['socket']}")
    verify = VerifyNow(256 * MIB, clock)
    hooks: Any = None
    target = PANEL.connect(own, Ports(clock, Silent(), hooks, engine, engine, archives=verify))
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
        told = {"url": self.panel.url, "socket": str(directory / "docker.sock"), "method": method}
        (directory / "told").write_text(json.dumps(told))

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


def _bad_file(made: Outside) -> None:
    content = b"".join(made.world.backup())
    for name, body in (("a-good", content), ("b-cut", content[:-500])):
        path = made.backups / f"sysreptor-full-backup-{name}.zip"
        path.touch(0o600)
        path.write_bytes(body)
        at = time.time() - 60
        os.utime(path, (at, at))


def _aside(made: Outside) -> list[str]:
    return sorted(path.name for path in (made.backups / "quarantine").glob("*.quarantined"))


ROWS = (
    _row("run_backup by exec", "exec", lambda _: None, _finals),
    _row("run_backup by api", "api", lambda _: None, _finals),
    _row("quarantine", "exec", _bad_file, _aside),
)
