"""A fake SysReptor with its container in a fake engine, and a hand that carries out remedies against both."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.instruments import Noted
from tests.support.sysreptor_panel import AES_KEY
from watchdog.collectors.archives.single import VerifyNow
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.errors import DeadlinePassed, LeaseLost, Stopping
from watchdog.model.archives import ArchiveFacts, ArchiveFile
from watchdog.model.docker import CgroupUse, Container, ContainerEvent, DockerFacts, Gate
from watchdog.model.host import Filesystem, HostFacts
from watchdog.model.panels import REQUESTS, Ports
from watchdog.model.repairs import Outcome, PlannedRepair, Risk
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.sysreptor import naming, progress, remedies
from watchdog.panels.sysreptor.client import connect
from watchdog.panels.sysreptor.fake import ADMIN_TOKEN, BACKUP_KEY, FakePanel, ManagePy, SysreptorWorld
from watchdog.panels.sysreptor.hands import Hands
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine
from watchdog.runtime.hands import carry_out

APP = "sysreptor-app"
MIB = 1 << 20
ROOMY: dict[str, Any] = {"window": "always", "disk_factor": 1, "expected_size": "1MiB", "memory_least": "1MiB", "after_oom": "6h"}


@dataclass
class Hand:
    """An Act for tests: the truth comes from the fake engine's world; ``dies_at`` a step raises what would end the process."""

    world: FakeEngineWorld
    left: float = 3600.0
    steps: list[str] = field(default_factory=list)
    fences: int = 0
    lost: bool = False
    stopping: bool = False
    dies_at: str = ""
    at_step: Callable[[str], None] = lambda _: None
    gate: bool = True
    host: HostFacts | None = None
    files: tuple[ArchiveFile, ...] = ()
    use: CgroupUse | None = None

    def fence(self) -> None:
        self.fences += 1
        if self.lost:
            raise LeaseLost("somebody else has it")

    def step(self, name: str) -> None:
        self.steps.append(name)
        self.at_step(name)
        if name == self.dies_at:
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        if self.stopping:
            raise Stopping("the program is ending")
        if self.left <= 0:
            raise DeadlinePassed("time is up")
        if seconds:
            self.left -= seconds
            threading.Event().wait(0.02)

    def remaining(self) -> float:
        return self.left

    def actual(self) -> Actual:
        now = SystemClock().now()
        containers = tuple(Container(c.id, c.name, c.image, c.state) for c in self.world.containers())
        events = tuple(
            ContainerEvent(str(each["Action"]), str(each["id"]), str(each["Actor"]["Attributes"]["name"]), int(each["timeNano"]) / 1e9)
            for each in self.world.replay(0.0)[1]
        )
        uses = {each.id: self.use for each in containers if self.use is not None}
        facts = DockerFacts("FAKE", "20", containers, events, cgroups=uses)
        host = Snapshot("host", self.host, now, now, 15.0) if self.host else None
        archives = Snapshot("archives", ArchiveFacts(files=self.files), now, now, 15.0)
        return Actual(docker=Snapshot("docker", facts, now, now, 15.0), host=host, archives=archives, gate=Gate(open=self.gate))


class RunStage:
    """Everything of one target that makes backups. ``run`` are its settings of ``run:``, the rest those of the target."""

    def __init__(self, folder: Path, release: str = "2026.61", run: dict[str, Any] | None = None, **settings: Any) -> None:
        self.folder = folder
        self.backups = folder / "backups"
        self.backups.mkdir(exist_ok=True)
        self.engine_world = FakeEngineWorld()
        self.world = SysreptorWorld(release, now=time.time, killed=lambda: self.engine_world.oom(APP, child=True))
        self.panel = FakePanel(self.world)
        self.engine_world.run(APP, program=ManagePy(self.world))
        self._place = tempfile.TemporaryDirectory(prefix="wds-")  # a socket's path must be short
        self.engine = FakeEngine(self.engine_world, Path(self._place.name) / "d.sock")
        self.engine.start()
        self.clock = SystemClock()
        self.noted = Noted((REQUESTS, *progress.METRICS))
        for name, secret in (("token", ADMIN_TOKEN), ("key", BACKUP_KEY), ("aes", AES_KEY)):
            (folder / name).write_text(secret + "\n", encoding="ascii")
        given: dict[str, Any] = {
            "name": "reports", "url": self.panel.url, "token_file": str(folder / "token"), "backup_key_file": str(folder / "key"),
            "aes_key_file": str(folder / "aes"), "backups": {"path": str(self.backups)}, "timeout": "20s", "health_timeout": "20s",
            "run": ROOMY | {"method": "exec"} | (run or {}),
        }  # fmt: skip
        self.settings = SysreptorSettings.model_validate({k: v for k, v in (given | settings).items() if v is not None})
        self.client = connect(self.settings, self.clock, self.noted)
        engine = Engine(self.engine.url)
        self.ports = Ports(self.clock, self.noted, None, engine, engine, archives=VerifyNow(256 * MIB, self.clock))  # type: ignore[arg-type]
        self.hand = Hand(self.engine_world)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.panel.close()
        self.engine.close()
        self._place.cleanup()

    def planned(self, **facts: Any) -> PlannedRepair:
        given: dict[str, Any] = {
            "method": self.settings.run.method, "expected_bytes": 0, "peak_memory": None, "last_seconds": None, "last_good": "",
            "reason": "backup_too_old",
        }  # fmt: skip
        return self.repair(remedies.run_backup(self.settings, **(given | facts)))

    def repair(self, proposal: Any) -> PlannedRepair:
        return PlannedRepair(proposal, Risk.DISRUPTIVE, ("sysreptor/reports/x/panel/reports",))

    def hands(self, repair: PlannedRepair, hand: Hand | None = None) -> Hands:
        return Hands(None, hand or self.hand, repair, self.settings, self.client, self.ports, self.client.view)  # type: ignore[arg-type]

    def carry(self, remedy: Callable[[Hands], Outcome], repair: PlannedRepair, hand: Hand | None = None) -> Outcome:
        return carry_out(self.hands(repair, hand), remedy)

    def finals(self) -> list[Path]:
        return sorted(each for each in self.backups.glob("*.zip") if naming.ours(each.name))

    def parts(self) -> list[Path]:
        return sorted(self.backups.glob("*" + remedies.PART_SUFFIX))

    def set_aside(self) -> list[Path]:
        return sorted((self.backups / "quarantine").glob("*.quarantined"))

    def started(self) -> int:
        return sum(row.type == "backup_started" for row in self.world.rows)


def roomless(stage: RunStage, free: int) -> HostFacts:
    return HostFacts((Filesystem("reports:docker", "/var/lib/docker", 1 << 40, free),), 1 << 34, 1 << 33)
