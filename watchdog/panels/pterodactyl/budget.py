"""How many requests a sweep may still make: the panel counts them per user and minute, for each of its two APIs (contract section 1.1).

We take ``share`` of the limit at most, evenly over the minute, and nothing once others have begun to use up the rest of it. What must be
asked now (lists, a record before a repair) is never refused by our own share, only by the panel's own 429.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from watchdog.errors import Throttled
from watchdog.model.moments import Clock

WINDOW: Final = 60.0
"""Seconds over which the panel counts."""
NARROW: Final = 0.8
"""How much of the others' share must be left: what is less than this was used by them, and not by a burst of ours."""
UNSAID: Final = 60.0
"""How long the panel is left alone after a 429 that names no time."""
LONGEST: Final = 3600.0


class Budget:
    """The requests of one API of one panel. Safe to use from many threads.

    ``limit`` is what the panel allows in a minute until its answers say otherwise; ``burst`` seconds may be saved up, which is the time
    between two looks.
    """

    def __init__(self, name: str, limit: int, share: float, burst: float, clock: Clock) -> None:
        self.limit = limit
        self._name, self._share, self._burst, self._clock = name, share, burst, clock
        self._lock = threading.Lock()
        now = clock.now().mono
        self._left = self._most()
        self._counted_at = now
        self._remaining: int | None = None
        self._remaining_at = now
        self._until = now

    def spend(self, what: str) -> None:
        """Count one request that is about to be sent. Raises Throttled while the panel has asked us to wait."""
        with self._lock:
            now = self._clock.now().mono
            if now < self._until:
                raise Throttled(f"{what}: the panel's limit of {self._name} requests is used up", self._until - now)
            self._refill(now)
            self._left = max(self._left - 1.0, -self._most())

    def has_room(self) -> bool:
        """Whether a request that can wait may be sent now."""
        with self._lock:
            now = self._clock.now().mono
            self._refill(now)
            fresh = self._remaining is not None and now - self._remaining_at < WINDOW
            crowded = fresh and self._remaining is not None and self._remaining <= self.limit * (1 - self._share) * NARROW
            return now >= self._until and self._left >= 1.0 and not crowded

    def note(self, headers: Mapping[str, str]) -> None:
        """Given the headers of an answer (lower-case names), learn the limit and what is left of it."""
        limit, remaining = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
        with self._lock:
            if limit:
                self.limit = limit
            if remaining is not None:
                self._remaining, self._remaining_at = remaining, self._clock.now().mono

    def pause(self, seconds: float | None) -> None:
        """Leave the panel alone for so long: it answered 429 for the whole API."""
        with self._lock:
            self._until = self._clock.now().mono + min(UNSAID if seconds is None else seconds, LONGEST)

    @property
    def pace(self) -> float:
        """Return how many requests a second are ours."""
        return self.limit * self._share / WINDOW

    @property
    def remaining(self) -> int | None:
        """Return what the panel last said was left of the limit; None = it has not said it within the last minute."""
        return self._remaining if self._clock.now().mono - self._remaining_at < WINDOW else None

    def _most(self) -> float:
        return max(1.0, self.pace * self._burst)

    def _refill(self, now: float) -> None:
        self._left = min(self._most(), self._left + (now - self._counted_at) * self.pace)
        self._counted_at = now


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004  # no limit is longer
