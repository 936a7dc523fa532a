"""The pauses of the whole server that stand, and the leases in which the server is told of them. Pure, but for ``Posts``.

Contract section 4, rules 1 to 5. A pause is told to the server in leases of a few hours, so that no release cuts it short (24 hours) and
none outlives us by more than one. Left over time is counted on the monotonic clock from our own order, never by subtracting wall clocks,
where that can be. A remaining time of less than a second is never sent: zero and less mean "for ever" to the server.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from watchdog.model.moments import Moment
from watchdog.model.pauses import StandingPause
from watchdog.panels.duplicati.states import ServerState
from watchdog.panels.duplicati.witness import CLAMP

LEAST: Final = 1.0
"""Seconds: less than this is not a pause any more."""
FOREVER: Final = "forever"


@dataclass(frozen=True, slots=True)
class Orders:
    """The pauses of the whole server that stand, as one. ``names`` is each with its version; ``left`` in seconds, None = no end."""

    names: frozenset[str]
    left: float | None

    @property
    def ending(self) -> bool:
        """Whether it is as good as over."""
        return self.left is not None and self.left < LEAST


@dataclass(frozen=True, slots=True)
class Posted:
    """The newest pause that this process sent and saw take effect.

    ``life`` is how many restarts of the server had been seen before it was sent, ``at`` is right before that. ``seen`` is when a reading
    showed its effect: ``end`` is what the server announced (UNIX seconds of its own), ``active`` the task that ran, None = none did.
    """

    orders: frozenset[str]
    life: int
    at: Moment
    seen: Moment
    seconds: int
    end: float
    active: int | None = None

    def left(self, now: Moment) -> float:
        """Return the seconds until the server's own timer ends it."""
        return min(float(self.seconds), CLAMP) - now.since(self.at)


class Posts:
    """Where a repair leaves what it posted for the rules to know. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: Posted | None = None

    @property
    def newest(self) -> Posted | None:
        """Return the newest; None = this process has sent none."""
        with self._lock:
            return self._newest

    def note(self, posted: Posted) -> None:
        """Leave one."""
        with self._lock:
            if self._newest is None or posted.at.mono >= self._newest.at.mono:
                self._newest = posted


def orders_of(standing: Iterable[StandingPause], respected: frozenset[str] = frozenset()) -> Orders | None:
    """Return the pauses of the whole server as one, without those that a person ended if there are others; None when none stands."""
    every = [each for each in standing if not each.pause.task]
    whole = [each for each in every if name_of(each) not in respected] or every
    if not whole:
        return None
    ends = [each.left for each in whole]
    left = None if None in ends else max(end for end in ends if end is not None)
    return Orders(frozenset(name_of(each) for each in whole), left)


def name_of(standing: StandingPause) -> str:
    """Return what an order is called here: another version is another order."""
    return f"{standing.pause.id}.{standing.pause.version}"


def aged(standing: Iterable[StandingPause], seconds: float) -> tuple[StandingPause, ...]:
    """Return pauses as they stand ``seconds`` later."""
    later = (StandingPause(each.pause, None if each.left is None else each.left - seconds) for each in standing)
    return tuple(each for each in later if each.left is None or each.left > 0)


def named(state: ServerState) -> str:
    """Return what a pause that the server shows is called here; "" = it shows none."""
    if not state.paused:
        return ""
    return FOREVER if state.pause_end is None else f"{state.pause_end:.3f}"


def lease_of(left: float | None, longest: float) -> int | None:
    """Given the seconds left of a pause (None = no end), return the whole seconds to order now; None = none: it is over."""
    if left is not None and left < LEAST:
        return None
    return int(min(longest, longest if left is None else math.ceil(left)))
