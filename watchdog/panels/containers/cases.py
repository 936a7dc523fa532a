"""What the rules are given: one look at all containers, and one of them with what is remembered. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.model.docker import Container
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.containers import remedies
from watchdog.panels.containers.checkups import Checkup, Evidence
from watchdog.panels.containers.memory import ContainerMemory
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.wards import Register, Ward


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules may know of one look; ``now`` is UNIX seconds."""

    settings: ContainersSettings
    register: Register
    evidence: Evidence
    facts: LedgerFacts
    now: float

    def last(self, remedy: str, name: str) -> float | None:
        """Return when we last set out to carry out a remedy on a container (UNIX seconds)."""
        return self.facts.last_remedy_at.get((remedy, remedies.container_object(self.settings.name, name)))

    def checkup(self, container: Container) -> Checkup:
        """Return what an inspect told of a container; nothing, when there was none."""
        return self.evidence.checkups.get(container.id, Checkup())


@dataclass(frozen=True, slots=True)
class Patient:
    """One container that is looked after, with what is remembered of it.

    ``loop`` says why starting it would only feed a loop, "" = it is in none.
    """

    ward: Ward
    memory: ContainerMemory
    loop: str = ""

    @property
    def container(self) -> Container:
        """Return the container."""
        return self.ward.container
