"""What the rules are given: one daemon with all that may be known of it, and one instance of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.model.docker import ContainerEvent
from watchdog.model.hooks import Hook
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.mcsmanager.memory import DaemonMemory, InstanceMemory
from watchdog.panels.mcsmanager.settings import DaemonSettings, McsmanagerSettings
from watchdog.panels.mcsmanager.sides import Truth
from watchdog.panels.mcsmanager.sight import Sight
from watchdog.panels.mcsmanager.view import Daemon, Instance, McsmanagerView


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules may know of one daemon; ``now`` is UNIX seconds."""

    settings: McsmanagerSettings
    view: McsmanagerView
    daemon: Daemon
    entry: DaemonSettings | None
    sight: Sight
    memory: DaemonMemory
    facts: LedgerFacts
    now: float

    @property
    def ours(self) -> bool:
        """Whether this agent may mend what is behind this daemon (house rule 12)."""
        return self.sight.place == "local" or self.settings.owner

    @property
    def hook(self) -> Hook | None:
        """Return the hook that restarts this daemon, None = none is configured."""
        own = self.entry.restart_daemon if self.entry else None
        return own or (self.settings.hooks.restart_daemon if self.sight.place == "local" else None)


@dataclass(frozen=True, slots=True)
class Patient:
    """One instance with what is true of it, what is remembered, and what was heard of its containers, oldest first."""

    instance: Instance
    truth: Truth
    memory: InstanceMemory
    events: tuple[ContainerEvent, ...] = ()
