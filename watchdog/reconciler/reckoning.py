"""When a pause is over, on a wall clock that may jump (issue: a date follows the wall clock, a length CLOCK_BOOTTIME)."""

from __future__ import annotations

import threading
from typing import Final

from watchdog.model.moments import Moment
from watchdog.model.pauses import Pause

JUMP: Final = 60.0
"""Seconds that the wall clock may run ahead of the other one between two looks before that counts as a jump."""
HELD: Final = 300.0
"""Seconds for which a jump forward must hold before it ends a pause: a clock that is set wrong is set right again soon."""


class Reckoning:
    """A wall clock that believes a jump forward only after it has held. From any thread."""

    def __init__(self) -> None:
        self._last: Moment | None = None
        self._jumps: list[tuple[float, float]] = []
        self._lock = threading.Lock()

    def wall(self, now: Moment) -> float:
        """Return UNIX seconds without the jumps that have not held yet."""
        with self._lock:
            if self._last is None or now.mono >= self._last.mono:
                if self._last is not None:
                    self._moved((now.wall - self._last.wall) - (now.mono - self._last.mono), now.mono)
                self._last = now
            self._jumps = [(size, since) for size, since in self._jumps if now.mono - since < HELD]
            return now.wall - sum(size for size, _ in self._jumps)

    def _moved(self, by: float, mono: float) -> None:
        """Note that the wall clock moved ``by`` seconds against the other one; a way back takes the newest jumps out first."""
        if by > JUMP:
            self._jumps.append((by, mono))
        while by < 0 and self._jumps:
            size, since = self._jumps.pop()
            if size + by > 0:
                self._jumps.append((size + by, since))
            by += size


def left(pause: Pause, boot: str, wall: float, now: Moment) -> float | None:
    """Return the seconds until ``pause`` is over (0 or less = it is), None = until further notice. ``wall`` is the trusted wall clock."""
    if pause.until is None:
        return None
    if pause.until_mono is not None and boot and pause.boot == boot:
        return pause.until_mono - now.mono
    return pause.until - wall
