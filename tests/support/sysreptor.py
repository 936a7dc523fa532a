"""A SysReptor target as the pure rules see it: files, log, containers and disks that a test changes, and looks at them one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity, Verification, WatchedDirectory
from watchdog.model.docker import CgroupUse, Container, ContainerEvent, DockerFacts
from watchdog.model.drifts import Drift, Judgement, Scalar
from watchdog.model.host import Filesystem, HostFacts
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.sysreptor import drift, shelf
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.traces import Evidence
from watchdog.panels.sysreptor.view import Health, Licence, LogRow, LogType, Preflight, SysreptorView

START = 1_795_200_000.0
HOUR, DAY = 3600.0, 86_400.0
TARGET = "reptor"
FOLDER = "/srv/backups"
APP = "sysreptor-app"


def us(at: float) -> int:
    return round(at * 1_000_000)


def settings(**changes: Any) -> SysreptorSettings:
    whole: dict[str, Any] = {
        "name": TARGET,
        "backups": {"path": FOLDER},
        "url": "http://127.0.0.1:8000",
        "token_file": "/etc/t",
        "backup_key_file": "/etc/k",
        "run": {"method": "exec", "window": "always"},
    }
    return SysreptorSettings.model_validate(whole | changes)


def good(at: float, *, name: str = "", seconds: float = 60.0, size: int = 1 << 30, row: str = "", **facts: Scalar) -> ArchiveFile:
    """Return a verified backup of today's release that ended at ``at``; ``row`` is its own row's id."""
    told: dict[str, Scalar] = {
        "version": "2026.61", "started_us": us(at - seconds), "finished_us": us(at), "log_id": row or f"row-{at:.0f}",
        "log_us": us(at - seconds) // 1000 * 1000, "references": 5, "references_missing": 0, "files_empty": 0, "files": 100,
        "rows.pentests.pentestproject": 40, "rows.users.pentestuser": 3,
    }  # fmt: skip
    return file(at + 1.0, "good", name=name, size=size, facts=told | facts)


def file(
    at: float, verdict: str = "", *, name: str = "", reason: str = "", size: int = 1 << 30, facts: dict[str, Scalar] | None = None,
    directory: str = f"{TARGET}:backups", mode: int = 0o600, state: str = "result", kind: str = "zip", **more: Any,
) -> ArchiveFile:  # fmt: skip
    """Return a file that changed last at ``at``; ``verdict`` "" = not verified yet."""
    identity = Identity(1, round(at), size, round(at * 1e9))
    verification = Verification(state="queued")
    if verdict:
        told = tuple((facts or {}).items())
        verification = Verification(
            state, verdict, 3, reason or None, reason and f"it is {reason}", at + 5, identity, facts=told, **more  # type: ignore[arg-type]
        )  # fmt: skip
    name = name or f"sysreptor-full-backup-{at:.0f}.zip"
    return ArchiveFile(f"{FOLDER}/{name}", directory, identity, mode, stable=True, format=kind, verification=verification)


def part_of(name: str, at: float, **more: Any) -> ArchiveFile:
    """Return a part of a backup that changed last at ``at``."""
    return file(at, name=name, directory=f"{TARGET}:parts", **more)


def rows(at: float, *, seconds: float = 60.0, by: str = "", row: str = "", finished: bool = True) -> list[LogRow]:
    """Return the rows of one backup that ended at ``at``, newest first."""
    started = LogRow(row or f"row-{at:.0f}", LogType.STARTED, us(at - seconds), by)
    return [LogRow(f"end-{at:.0f}", LogType.FINISHED, us(at), by), started] if finished else [started]


def setup(at: float) -> LogRow:
    return LogRow("setup", LogType.SETUP, us(at))


def licence(version: str = "2026.61", **changes: Any) -> Licence:
    return replace(Licence(professional=True, users=5, active_users=3, version=version), **changes)


@dataclass
class Scene:
    """One target over time. Change its parts, then ``look``; what is remembered is carried from look to look."""

    settings: SysreptorSettings
    now: Moment
    files: list[ArchiveFile]
    log: list[LogRow] | None
    version: str = "2026.61"
    memory: dict[str, Scalar] = field(default_factory=dict)
    facts: LedgerFacts = field(default_factory=LedgerFacts)
    view: SysreptorView = field(default_factory=SysreptorView)
    evidence: Evidence = field(default_factory=lambda: Evidence(processes=()))
    errors: dict[str, str] = field(default_factory=dict)
    docker: DockerFacts | None = None
    host: HostFacts | None = None
    archives_age: float = 0.0
    docker_age: float = 0.0

    def seen(self) -> SysreptorView:
        whole = None if self.log is None else tuple(sorted(self.log, key=lambda row: -row.at_us))
        return replace(
            self.view, log=whole, log_error="" if self.log is not None else "Temporary",
            licence=self.view.licence if self.view.licence is None else replace(self.view.licence, version=self.version),
        )  # fmt: skip

    def actual(self) -> Actual:
        needs = shelf.directories(self.settings)
        watched = tuple(WatchedDirectory(each.name, each.path, error=self.errors.get(each.name)) for each in needs)
        facts = ArchiveFacts(watched, tuple(sorted(self.files, key=lambda each: each.path)))
        return Actual(
            archives=self._snapshot("archives", facts, self.archives_age),
            docker=None if self.docker is None else self._snapshot("docker", self.docker, self.docker_age),
            host=None if self.host is None else self._snapshot("host", self.host, 0.0),
        )

    def _snapshot(self, name: str, facts: Any, age: float) -> Snapshot[Any]:
        taken = Moment(self.now.wall - age, self.now.mono - age)
        return Snapshot(name, facts, taken, taken, interval=15.0)

    def look(self, seconds: float = 60.0) -> Judgement:
        self.now = Moment(self.now.wall + seconds, self.now.mono + seconds)
        facts = replace(self.facts, memory=dict(self.memory))
        judgement = drift.detect(self.settings, self.actual(), self.seen(), self.evidence, facts, self.now)
        self.memory = dict(judgement.memory)
        return judgement

    def kinds(self, seconds: float = 60.0) -> set[str]:
        return {each.kind for each in self.look(seconds).drifts}

    def only(self, kind: str, seconds: float = 60.0) -> Drift:
        drifts = self.look(seconds).drifts
        assert [each.kind for each in drifts] == [kind]
        return drifts[0]

    def the(self, kind: str, seconds: float = 60.0) -> Drift:
        found = [each for each in self.look(seconds).drifts if each.kind == kind]
        assert len(found) == 1, kind
        return found[0]

    def unknown(self, seconds: float = 60.0) -> dict[str, str]:
        return {str(each.subject): each.reason for each in self.look(seconds).unknown}


def app(**changes: Any) -> Container:
    return replace(Container("a" * 64, APP, "syslifters/sysreptor:2026.61", "running", image_id="sha256:1"), **changes)


def engine(containers: Iterable[Container] = (), kills: dict[str, int] | None = None, events: Iterable[ContainerEvent] = ()) -> DockerFacts:
    every = tuple(containers) or (app(),)
    tallies = {("oom", name): float(count) for name, count in (kills or {APP: 0}).items()}
    uses = {each.id: CgroupUse() for each in every}
    return DockerFacts("engine", "20.10.24", every, tuple(events), cgroups=uses, tallies=tallies, counted=True, events_since=START - DAY)


def host(free: int = 100 << 30, available: int = 8 << 30) -> HostFacts:
    disks = (Filesystem(f"{TARGET}:backups", FOLDER, total_bytes=200 << 30, free_bytes=free),)
    return HostFacts(disks, memory_total_bytes=16 << 30, memory_available_bytes=available)


def scene(version: str = "2026.61", **changes: Any) -> Scene:
    """Return a target in order: nightly backups, each with its rows, the newest some hours old."""
    nights = [START - 6 * HOUR - night * DAY for night in range(5)]
    files = [good(at) for at in nights]
    log = [setup(START - 90 * DAY), *(row for at in nights for row in rows(at))]
    view = SysreptorView(
        Health(database=True, migrations=True, cache=True), "", licence(version), "", True, (), True, "", Preflight.READY, START
    )
    built = Scene(settings(**changes), Moment(START, 1000.0), files, log, version, view=view)
    built.docker, built.host = engine(), host()
    return built
