"""What a running remedy works with."""

from __future__ import annotations

from dataclasses import dataclass

from watchdog.model.engines import EngineAct, EngineRead
from watchdog.panels.mcsmanager.client import McsmanagerClient
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.runtime import hands


@dataclass(slots=True)
class Hands(hands.Hands):
    """What every panel's remedies have, and what those of MCSManager need beside it."""

    settings: McsmanagerSettings
    client: McsmanagerClient
    engine_read: EngineRead | None = None
    engine_act: EngineAct | None = None

    @property
    def daemon(self) -> str:
        """Return the daemon's uuid."""
        return self.parameter("daemon")

    @property
    def instance(self) -> str:
        """Return the instance's uuid."""
        return self.parameter("instance")
