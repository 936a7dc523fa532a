"""When a target must be looked at again: at the next known deadline (rule 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from watchdog.model.drifts import DriftKind, Episode
from watchdog.model.moments import Moment
from watchdog.model.repairs import Remedy, RepairRecord
from watchdog.reconciler.confirm import missing_looks, missing_seconds
from watchdog.reconciler.policy import Timing
from watchdog.reconciler.steady import Steady
from watchdog.reconciler.verify import wait_for

SETTLING_LOOK: Final = 5.0
"""Seconds between looks while a repair settles."""
SOONEST: Final = 1.0
"""Seconds: the least to a deadline of our own."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What the deadlines of one target are told by."""

    timing: Timing
    kinds: Mapping[str, DriftKind]
    remedies: Mapping[str, Remedy]
    steady: Steady


def next_look(episodes: Iterable[Episode], unfinished: Iterable[RepairRecord], again: float | None, known: Deadlines, now: Moment) -> float:
    """Return the seconds to the next pass: a confirmation or a verdict that falls due, what the rules asked for, else the interval.

    ``again`` is the wish of the target's own rules in seconds, None = none.
    """
    timing = known.timing
    deadlines = [timing.interval if again is None else again, timing.interval]
    for episode in episodes:
        missing = missing_seconds(episode, known.kinds, now)
        if episode.blind_since is None and (missing or missing_looks(episode, known.kinds)):
            deadlines.append(missing)
    for record in unfinished:
        rest = wait_for(record, known.steady.repair_age(record, now), known.remedies)
        deadlines.append(min(rest, SETTLING_LOOK) if rest > 0 else SETTLING_LOOK)
    return max(min(SOONEST, timing.spacing), min(deadlines))
