"""What a collector found, and the whole of what is known to be true."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from watchdog.model.archives import ArchiveFacts
from watchdog.model.docker import DockerFacts, Gate
from watchdog.model.host import HostFacts
from watchdog.model.logs import LogFacts
from watchdog.model.moments import Moment
from watchdog.model.wireguard import WireguardFacts

FactsT_co = TypeVar("FactsT_co", covariant=True)

STALE_AFTER_INTERVALS = 3


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[FactsT_co]):
    """One collector's result.

    A failed collection keeps the last good ``facts``: then ``taken`` is the failed attempt, ``good`` is when the facts were
    read, and ``error`` names the class of the failure. ``interval`` and ``duration`` are seconds.
    """

    collector: str
    facts: FactsT_co | None
    taken: Moment
    good: Moment | None
    interval: float
    duration: float = 0.0
    error: str | None = None
    message: str | None = None
    generation: int = 0

    @property
    def success(self) -> bool:
        """Whether the last attempt succeeded."""
        return self.error is None and self.facts is not None

    def fresh(self, now: Moment) -> bool:
        """Whether the facts are young enough to judge by: read within three intervals (rule 3 of the house)."""
        return self.good is not None and now.since(self.good) <= STALE_AFTER_INTERVALS * self.interval + self.duration


@dataclass(frozen=True, slots=True)
class Actual:
    """Everything known to be true at one moment. A pass takes one reference and never looks back at the store."""

    docker: Snapshot[DockerFacts] | None = None
    wireguard: Snapshot[WireguardFacts] | None = None
    archives: Snapshot[ArchiveFacts] | None = None
    logs: Snapshot[LogFacts] | None = None
    host: Snapshot[HostFacts] | None = None
    gate: Gate = field(default_factory=Gate)
