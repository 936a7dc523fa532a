"""What the operator allows, as frozen values: modes, permissions and bounds of one target. Built from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from watchdog.model.repairs import Mode

SPACING = 5.0
"""Seconds: a pass is a dozen requests to a panel, so events do not bring the next one nearer than this."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long an object rests after an attempt that did not mend it: ``first`` seconds, then times ``factor``, never above ``cap``."""

    first: float = 30.0
    factor: float = 2.0
    cap: float = 3600.0

    def delay(self, attempts: int) -> float:
        """Given the attempts since the object was last in order, return the rest after the newest one in seconds; 0 when there was none."""
        if attempts <= 0:
            return 0.0
        rest = self.first
        for _ in range(attempts - 1):
            if rest >= self.cap or self.factor <= 1.0:
                break
            rest *= self.factor
        return min(rest, self.cap)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits per acted-on object and per pass (rule 5).

    ``attempts`` since the object was last in order, then only a person starts another; ``budget_per_hour`` runs on one object;
    ``breaker`` unverified repairs in a row open the breaker; a pass that would act on ``max(many_floor, many_share of all)`` distinct
    objects by itself acts on none; ``parallel`` repairs of one target run at once (hung ones do not count); after somebody else
    acted on an object it rests ``after_person`` seconds.
    """

    attempts: int = 5
    budget_per_hour: int = 6
    breaker: int = 3
    many_floor: int = 5
    many_share: float = 0.3
    parallel: int = 3
    after_person: float = 300.0
    backoff: Backoff = Backoff()

    def many(self, objects: int) -> int:
        """Given how many objects a target has, return how many in one pass are too many."""
        return max(self.many_floor, ceil(self.many_share * objects))


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one target's loop.

    ``interval`` between passes without events; ``spacing`` is the least before a pass that only events ask for; ``look`` bounds one
    reading of view and evidence; ``lease_margin`` is how much longer a lease is than its remedy's deadline,
    or than 20 minutes for one of hours, which renews it.
    """

    interval: float = 15.0
    spacing: float = SPACING
    look: float = 60.0
    lease_margin: float = 15.0


@dataclass(frozen=True, slots=True)
class Policy:
    """All that the operator decided about one target.

    ``kinds`` overrides ``mode`` per drift kind; ``allow`` names the disruptive remedies that mode ``repair`` may run by itself.
    ``baseline`` says what becomes of what was there before us: ``ask`` (leave it until a person decides) or ``repair``.
    """

    mode: Mode = Mode.APPROVE
    kinds: Mapping[str, Mode] = field(default_factory=dict)
    allow: frozenset[str] = frozenset()
    baseline: Literal["ask", "repair"] = "ask"
    bounds: Bounds = Bounds()
    timing: Timing = Timing()

    def mode_of(self, kind: str) -> Mode:
        """Return the mode of one drift kind."""
        return self.kinds.get(kind, self.mode)
