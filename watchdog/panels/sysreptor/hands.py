"""What a running remedy works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watchdog.model.docker import CgroupUse, Container, DockerFacts
from watchdog.model.panels import Ports
from watchdog.panels.sysreptor.client import SysreptorClient
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.view import SysreptorView
from watchdog.runtime import hands


@dataclass(slots=True)
class Hands(hands.Hands):
    """What every panel's remedies have, and what those of SysReptor need beside it. ``look`` reads the panel anew."""

    settings: SysreptorSettings
    client: SysreptorClient
    ports: Ports
    look: Callable[[], SysreptorView]

    @property
    def now(self) -> float:
        """Return UNIX seconds."""
        return self.ports.clock.now().wall

    @property
    def directory(self) -> Path:
        """Return where our backups go."""
        return Path(self.settings.run.directory or self.settings.backups.path)

    def fact(self, name: str) -> float:
        """Return a number that the proposal was made with; 0 = not known."""
        value = self.repair.proposal.facts.get(name)
        return float(value) if isinstance(value, int | float) else 0.0

    @property
    def expected_bytes(self) -> int:
        """Return the size to be expected of a backup."""
        return int(self.fact("expected_bytes")) or self.settings.run.expected_size

    @property
    def longest(self) -> float:
        """Return the seconds that a run may take at most."""
        timeouts = self.settings.run.timeouts
        return max(timeouts.first_total, timeouts.total_factor * self.fact("last_seconds"))

    def docker(self) -> DockerFacts | None:
        """Return what is known of Docker now (memory only)."""
        snapshot = self.act.actual().docker
        return snapshot.facts if snapshot is not None else None

    def container(self) -> Container | None:
        """Return the panel's container as it was last seen."""
        facts = self.docker()
        return facts.by_name(self.settings.run.container) if facts is not None else None

    def cgroup(self) -> CgroupUse | None:
        """Return what the panel's container uses, as it was last read."""
        facts, container = self.docker(), self.container()
        return facts.cgroups.get(container.id) if facts is not None and container is not None else None
