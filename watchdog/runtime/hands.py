"""What a running remedy of any panel works with, and how it ends: done, later or given up, with the record of what it sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from watchdog.errors import Permanent, Stopping, WatchdogError
from watchdog.model.hooks import HookRunner
from watchdog.model.repairs import Act, Outcome, PlannedRepair

POLL: Final = 1.0
"""Seconds between two looks while a remedy waits."""


@dataclass(slots=True)
class Hands:
    """The part that all panels share; each adds its settings, its client and what else it needs. ``sent`` is what went out, in order."""

    hooks: HookRunner
    act: Act
    repair: PlannedRepair
    sent: list[str] = field(default_factory=list, init=False)

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


HandsT = TypeVar("HandsT", bound=Hands)


def carry_out(hands: HandsT, remedy: Callable[[HandsT], Outcome]) -> Outcome:
    """Run ``remedy``; an error after something was sent becomes an outcome, for what went out must stand in the record.

    Raises Stopping, and any other error of the house that came before anything was sent.
    """
    try:
        return remedy(hands)
    except Stopping:
        raise
    except WatchdogError as error:
        if not hands.sent:
            raise
        return hands.broken_off(error)
