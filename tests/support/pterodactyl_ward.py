"""One Pterodactyl target over the fakes, whole: real files, real HTTP, the real evidence, the real verifier; only time is simulated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tests.support.hand import Counting
from tests.support.pterodactyl_guard import Notebook
from tests.support.pterodactyl_stage import Stage
from watchdog.collectors.archives.single import VerifyNow
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.errors import DeadlinePassed, Stopping
from watchdog.model.approvals import Holding
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity, Verification, WatchedDirectory
from watchdog.model.docker import Container, DockerFacts, EventStream, Gate
from watchdog.model.drifts import Drift, Judgement, ObjectKey, Proposal, Scalar
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.model.repairs import LedgerFacts, Outcome, PlannedRepair, Risk
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.pterodactyl import remedies, sends, stock
from watchdog.panels.pterodactyl.fake import ADMIN_KEY
from watchdog.panels.pterodactyl.linking import identity_at
from watchdog.panels.pterodactyl.remedies import REMEDIES
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.target import PterodactylTarget
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine

MIB = 1 << 20


class Died(BaseException):
    """The process of the watchdog is gone."""


@dataclass(kw_only=True)
class Hand(Counting):
    """An Act whose sleep lets the world's time pass. ``dies_at`` a step ends the process; ``at_step`` lets something happen there."""

    ward: Ward
    dies_at: str = ""
    stopping_at: str = ""
    at_step: Callable[[str], None] = lambda _: None
    at_sleep: Callable[[], None] = lambda: None

    def step(self, name: str) -> None:
        super().step(name)
        self.at_step(name)
        if name == self.dies_at:
            raise Died

    def sleep(self, seconds: float) -> None:
        if self.stopping_at and self.stopping_at in self.steps:
            raise Stopping("the program is ending")
        if self.left <= 0:
            raise DeadlinePassed("time is up")
        self.left -= seconds
        if seconds:
            self.ward.pass_time(seconds)
            self.at_sleep()

    def hold(
        self, what: str, acted_on: ObjectKey, undo: str, parameters: Mapping[str, Scalar], expires_at: float | None = None
    ) -> Holding:  # fmt: skip
        return self.ward.notebook.hold(what, acted_on, undo, parameters, expires_at)

    def release(self, holding_id: int) -> None:
        self.ward.notebook.release(holding_id)

    def actual(self) -> Actual:
        return self.ward.actual(verified=False)


@dataclass
class Seen:
    """What the verifier was told so far, by identity."""

    results: dict[Identity, Verification] = field(default_factory=dict)


class Ward(Stage):
    """A ``Stage`` with a target on it. ``own`` are settings of the target; ``look`` is a pass, ``carry`` a repair."""

    def __init__(self, folder: Path, release: str = "1.11.8", *, own: Mapping[str, Any] | None = None, **stage: Any) -> None:
        super().__init__(folder / "node", release, **stage)
        self._own, self._home = dict(own or {}), folder
        self.engine_world = FakeEngineWorld()
        self.memory: Mapping[str, Scalar] = {}
        self.notebook = Notebook(self.clock)
        self.verify = VerifyNow(256 * MIB, SystemClock())
        self.hooks: Any = None
        self._seen = Seen()

    def __enter__(self) -> Self:
        super().__enter__()
        mounts = self.wings.proc / "self/mountinfo"
        if not mounts.exists():
            mounts.write_text(Path("/proc/self/mountinfo").read_text(encoding="utf-8"), encoding="utf-8")
        token = self._home / "token"
        token.write_text(ADMIN_KEY, encoding="ascii")
        node = {
            "config": str(self.wings.config), "backups": str(self.wings.backups), "log": str(self.wings.log_file),
            "states": str(self.wings.states), "volumes": str(self.wings.volumes),
        }  # fmt: skip
        self.settings = PterodactylSettings.model_validate(
            {"name": "games", "url": self.panel.url, "token_file": str(token), "node": node, "mode": "repair", **self._own}
        )
        self.engine = self._stack.enter_context(FakeEngine(self.engine_world, self._home / "d.sock"))
        engine = Engine(self.engine.url)
        ports = Ports(self.clock, Silent(), self.hooks, engine, engine, archives=self.verify, holdings=self.notebook)  # type: ignore[arg-type]
        self.ports = ports
        self.target = PterodactylTarget(self.settings, ports, self.wings.proc)
        self._stack.callback(self.target.close)
        self.hand = Hand(ward=self, left=12 * 3600.0)
        return self

    # -- passes

    def actual(self, *, verified: bool = True) -> Actual:
        """Return the truth of the shared collectors, read and verified this moment."""
        now = self.clock.now()
        directories, files = [], []
        for need in stock.directories(self.settings):
            directories.append(WatchedDirectory(need.name, need.path))
            for path in sorted(Path(need.path).glob(need.pattern)):
                identity = identity_at(path)
                if identity is not None:
                    found = self._verified(path, identity) if verified else Verification()
                    files.append(ArchiveFile(str(path), need.name, identity, 0o600, True, "gzip", found))
        archives = ArchiveFacts(tuple(directories), tuple(files))
        listed = tuple(Container(c.id, c.name, c.image, c.state, labels=dict(c.labels)) for c in self.engine_world.containers())
        docker = DockerFacts("FAKE", "20", listed, stream=EventStream(connected=True, connected_at=1.0), counted=True, events_since=1.0)
        return Actual(
            docker=Snapshot("docker", docker, now, now, 15.0), archives=Snapshot("archives", archives, now, now, 15.0), gate=Gate(open=True)
        )

    def _verified(self, path: Path, identity: Identity) -> Verification:
        if identity not in self._seen.results:
            self._seen.results[identity] = self.verify(str(path), level=2, alive=lambda: None)
        return replace(self._seen.results[identity], at=self.clock.now().wall)

    def look(self, seconds: float = 15.0) -> Judgement:
        """Let time pass, then look once as the reconciler does; return the judgement, and keep its memory."""
        self.pass_time(seconds)
        actual = self.actual()
        view, evidence = self.target.view(), self.target.evidence(actual)
        facts = LedgerFacts(self.memory, holdings=self.notebook.held())
        judgement = self.target.detect(actual, view, evidence, facts, self.clock.now())
        self.memory = judgement.memory
        return judgement

    def looks(self, *, passes: int = 4, seconds: float = 45.0) -> Judgement:
        """Look a few times; return the last judgement."""
        for _ in range(passes - 1):
            self.look(seconds)
        return self.look(seconds)

    def stuck(self, uuid: str, **looks: Any) -> Drift:
        """Look a few times; return the drift of a stuck backup."""
        found = [each for each in self.looks(**looks).drifts if each.kind == "backup_stuck" and each.subject.id == uuid]
        assert len(found) == 1, f"{len(found)} drifts of {uuid}"
        return found[0]

    # -- repairs

    def planned(self, proposal: Proposal, *, approved: bool = False) -> PlannedRepair:
        risk = next((each.risk for each in REMEDIES if each.name == proposal.remedy), lambda _: Risk.DESTRUCTIVE)(proposal.facts)
        return PlannedRepair(proposal, risk, ("pterodactyl/games/x",), approved, "a1" if approved else None)

    def carry(self, proposal: Proposal | None, *, hand: Hand | None = None, approved: bool = False) -> Outcome:
        """Carry out what a drift proposes, through the target."""
        assert proposal is not None
        return self.target.repair(self.planned(proposal, approved=approved), hand or Hand(ward=self, left=12 * 3600.0))

    def describe(self, proposal: Proposal) -> tuple[str, ...]:
        return sends.lines(self.settings, self.planned(proposal))

    # -- what became of it

    def posts(self, uuid: str) -> list[Mapping[str, Any]]:
        """Return the bodies of all completions of a backup that reached the panel, Wings' own included."""
        return [each.fields for each in self.panel.sent(f"/api/remote/backups/{uuid}", "POST")]

    def link(self, uuid: str) -> Path:
        assert self.settings.held_directory is not None
        return self.settings.held_directory / f"{uuid}.tar.gz"

    def kept(self) -> list[str]:
        """Return the backups that have a link of ours or a holding."""
        names = {each.object.id for each in self.notebook.held() if each.what == "archive_link"}
        folder = self.settings.held_directory
        if folder is not None and folder.exists():
            names |= {path.name.removesuffix(".tar.gz") for path in folder.iterdir()}
        return sorted(names)

    def in_order(self, uuid: str) -> None:
        """Assert what a completed backup must be: record, checksum, size and file agree, and nothing is held any more."""
        record, content = self.shown(uuid), self.path(uuid).read_bytes()
        assert record["is_successful"] is True and record["completed_at"] is not None
        assert record["checksum"] == f"sha1:{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"
        assert record["bytes"] == len(content)
        assert self.kept() == []


def completion(ward: Ward, uuid: str, *, held: bool = False, proof: str = "log", **facts: Any) -> Proposal:
    """Propose to complete a backup by what lies there now, as the rules would."""
    path = ward.path(uuid)
    identity = identity_at(ward.link(uuid) if held else path)
    assert identity is not None
    sha1 = "" if held else hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
    return remedies.complete_backup(
        "games", ward.server.uuid, uuid, str(path), identity, sha1,
        case="proven", proof=proof, untrusted=False, held=str(ward.link(uuid)) if held else "", **facts,
    )  # fmt: skip


def failure(ward: Ward, uuid: str, reason: str, *, quarantine: bool = False) -> Proposal:
    """Propose to fail a backup by what lies there now, as the rules would."""
    path = ward.path(uuid)
    return remedies.fail_backup(
        "games", ward.server.uuid, uuid, str(path), identity_at(path), reason=reason, case=reason, quarantine=quarantine
    )  # fmt: skip


def interrupted(ward: Ward, step: str = "created") -> str:
    """Begin a backup, end Wings at a step of it, and let the record become old enough; return its uuid (cases E and F)."""
    row, job = ward.begin()
    assert job.advance(step) == step
    ward.wings.restart()
    ward.pass_time(700.0)
    return row.uuid
