"""What a running remedy works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchdog.errors import Refused
from watchdog.model.engines import EngineAct
from watchdog.panels.containers.answers import Inspected
from watchdog.panels.containers.client import INSPECT_SECONDS, ContainersClient
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.runtime import hands

SAME: Final = 0.01
"""Seconds by which two readings of one stamp may differ (a float holds it to a microsecond)."""


@dataclass(slots=True)
class Hands(hands.Hands):
    """What every panel's remedies have, and what those of plain containers need beside it."""

    settings: ContainersSettings
    client: ContainersClient
    engine_act: EngineAct | None = None

    @property
    def engine(self) -> EngineAct:
        """Return the door for acting. Raises Refused when there is none."""
        if self.engine_act is None:
            raise Refused("no Docker engine may be acted on from here: configure collectors.docker")
        return self.engine_act

    def inspect(self, container: str) -> Inspected | None:
        """Return a container as it is now; None = it has gone."""
        return self.client.inspect(container, self.seconds(INSPECT_SECONDS))

    def stamp(self, name: str) -> float | None:
        """Return a time (UNIX seconds) that the proposal was bound to."""
        value = self.repair.proposal.parameters.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def same(one: float | None, other: float | None) -> bool:
    """Whether two stamps are one and the same."""
    return one == other if one is None or other is None else abs(one - other) <= SAME
