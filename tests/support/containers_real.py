"""Plain containers on the private dockerd: truth read by our own Docker room, acts carried out by our own engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tests.support.books import MemoryTallyBook
from tests.support.containers import Hand, settings
from tests.support.dockerd import Dockerd, poll
from watchdog.collectors.docker.assembly import build
from watchdog.collectors.docker.settings import DockerSettings
from watchdog.model.docker import DockerFacts, Gate
from watchdog.model.drifts import Drift, Judgement
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import LedgerFacts, PlannedRepair, Risk
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.containers import PANEL
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.view import ContainersView
from watchdog.runtime.clock import SystemClock
from watchdog.snapshots import SnapshotStore

LATER = 20.0
"""Seconds by which a look is judged late, so that the quiet after what a test did is over (``quiet`` is 10 s here)."""


class RealHand(Hand):
    """Sleeps for real, in short naps."""

    def sleep(self, seconds: float) -> None:
        self.spend(seconds)
        poll(_once(), 5.0, "a nap")


def _once() -> Callable[[], bool]:
    looks = iter((False, False, True))
    return lambda: next(looks, True)


class RealStage:
    """A Docker room around a real engine, and a connected target."""

    def __init__(self, dockerd: Dockerd, **changes: Any) -> None:
        self.dockerd, self.clock = dockerd, SystemClock()
        self.settings: ContainersSettings = settings(**{"quiet": "10s", "healthy_wait": "30s"} | changes)
        docker = DockerSettings(url=dockerd.url, pid_file=Path(dockerd.root) / "docker.pid")
        needs = PANEL.needs(self.settings).containers
        self.room = build(docker, needs, MemoryTallyBook(), SnapshotStore(), self.clock, Silent(), lambda: None)
        self.collector: Any = self.room.spec.factory()
        self.target: Any = PANEL.connect(self.settings, Ports(self.clock, Silent(), None, self.room.engine_read, self.room.engine_act))  # type: ignore[arg-type]  # no hook is ever run
        self.hand = RealHand(clock=self.clock, stage=self, left=1500.0)
        self.facts = LedgerFacts()

    def __enter__(self) -> Self:
        self.collector.collect()
        self.hear()
        return self

    def __exit__(self, *_: object) -> None:
        self.target.close()
        self.room.close()

    def hear(self) -> None:
        """Wait until events are heard."""
        poll(lambda: self.room.tail.stream.connected, 90, "events are heard")

    def docker(self) -> DockerFacts:
        return self.collector.collect()

    def judge(self, facts: DockerFacts, later: float = LATER) -> Judgement:
        at = self.clock.now()
        now = Moment(at.wall + later, at.mono + later)
        actual = Actual(docker=Snapshot("docker", facts, now, now, 15.0), gate=Gate(open=True))
        view: ContainersView = self.target.view()
        judgement: Judgement = self.target.detect(actual, view, self.target.evidence(actual), self.facts, now)
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement

    def look(self, later: float = LATER) -> Judgement:
        return self.judge(self.docker(), later)

    def actual(self) -> Actual:
        now = self.clock.now()
        return Actual(docker=Snapshot("docker", self.docker(), now, now, 15.0), gate=Gate(open=True))

    def find(self, kind: str, name: str) -> Drift:
        """Look until the drift is there; return it."""

        def found() -> Drift | None:
            return next((each for each in self.look().drifts if each.kind == kind and each.subject.id == name), None)

        drift: Drift = poll(found, 90, f"{kind} of {name}")
        return drift

    def until_fine(self, *names: str) -> Judgement:
        """Look until all of them are in order."""
        found: list[Judgement] = []

        def fine() -> bool:
            found.append(self.look())
            return {subject.id for subject in found[-1].fine} >= set(names)

        poll(fine, 90, f"{names} in order")
        return found[-1]

    def remember(self, drift: Drift) -> None:
        """Let the ledger know that we set out on this drift's remedy now."""
        assert drift.proposal is not None
        key = (drift.proposal.remedy, drift.proposal.object)
        self.facts = replace(self.facts, last_remedy_at={**self.facts.last_remedy_at, key: self.clock.now().wall})

    def repair(self, drift: Drift) -> Any:
        assert drift.proposal is not None, drift
        return self.target.repair(PlannedRepair(drift.proposal, Risk.SAFE, (drift.key,)), self.hand)
