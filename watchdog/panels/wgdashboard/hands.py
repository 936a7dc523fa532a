"""What a running remedy works with, and how it ends: done, later or given up, with the record of what it sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from watchdog.errors import Permanent, WatchdogError
from watchdog.model.hooks import HookRunner
from watchdog.model.repairs import Act, Outcome, PlannedRepair
from watchdog.panels.wgdashboard.client import WgdashboardClient
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import Evidence

POLL: Final = 1.0
"""Seconds between two looks while a remedy waits."""


@dataclass(slots=True)
class Hands:
    """What a running remedy works with. ``evidence`` reads it anew; ``sent`` is what went out, in order, for the record."""

    settings: WgdashboardSettings
    client: WgdashboardClient
    hooks: HookRunner
    act: Act
    repair: PlannedRepair
    evidence: Callable[[], Evidence]
    sent: list[str] = field(default_factory=list)

    def parameter(self, name: str) -> str:
        """Return a text parameter of the proposal."""
        return str(self.repair.proposal.parameters.get(name, ""))

    def done(self, message: str) -> Outcome:
        """End well."""
        return Outcome.done(message, tuple(self.sent))

    def later(self, delay: float, message: str) -> Outcome:
        """End for now."""
        return Outcome.later(delay, message, tuple(self.sent))

    def gave_up(self, message: str) -> Outcome:
        """End for good."""
        return Outcome.gave_up(message, tuple(self.sent))

    def broken_off(self, error: WatchdogError) -> Outcome:
        """End by an error that came after something was sent."""
        message = f"{type(error).__name__}: {error}"
        return self.gave_up(message) if isinstance(error, Permanent) else self.later(getattr(error, "delay", None) or 0.0, message)

    def seconds(self, most: float) -> float:
        """Return a deadline for one request: shorter than the repair's own."""
        return max(1.0, min(most, self.act.remaining() - 1.0))

    def wait_for(self, done: Callable[[], bool], most: float) -> bool:
        """Look every second until ``done``, for at most so many seconds and never into the repair's last ones."""
        waited = 0.0
        while not done():
            if waited >= most or self.act.remaining() < 5 * POLL:
                return False
            self.act.sleep(POLL)
            waited += POLL
        return True
