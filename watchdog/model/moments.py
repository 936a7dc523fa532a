"""Points in time, and the clock every room is given instead of ``time``."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """One point in time on both clocks.

    ``wall`` is UNIX seconds and may jump; ``mono`` is CLOCK_BOOTTIME seconds, never jumps, and means nothing after a reboot.
    """

    wall: float
    mono: float

    def since(self, earlier: Moment) -> float:
        """Return the seconds that really passed since ``earlier`` (of the same boot)."""
        return self.mono - earlier.mono


class Clock(Protocol):
    """Where time comes from; tests give a simulated one."""

    def now(self) -> Moment:
        """Return this moment on both clocks."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until ``event`` is set or ``seconds`` have passed; return whether it is set."""
        ...
