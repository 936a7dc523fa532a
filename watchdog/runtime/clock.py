"""The clock of the running program, and its simulated twin for tests."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from watchdog.model.moments import Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what names this boot of the host: stamps of CLOCK_BOOTTIME mean something within it only. "" = the kernel does not say."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class SystemClock:
    """The real clock: wall time and CLOCK_BOOTTIME (which also counts a suspended machine's sleep)."""

    def now(self) -> Moment:
        """Return this moment on both clocks."""
        return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until ``event`` is set or ``seconds`` have passed; return whether it is set."""
        return event.wait(max(0.0, seconds))


class SimulatedClock:
    """A clock that moves only when told; ``wait`` moves it at once. Shipped, for tests of ours and of panels to come."""

    def __init__(self, wall: float = 1_800_000_000.0, mono: float = 1_000.0) -> None:
        self._now = Moment(wall, mono)
        self._lock = threading.Lock()

    def now(self) -> Moment:
        """Return the simulated moment."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        with self._lock:
            self._now = Moment(self._now.wall + seconds, self._now.mono + seconds)

    def jump(self, seconds: float) -> None:
        """Move only the wall clock, as an administrator or NTP does."""
        with self._lock:
            self._now = Moment(self._now.wall + seconds, self._now.mono)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let ``seconds`` pass at once unless ``event`` is set already."""
        if not event.is_set():
            self.advance(max(0.0, seconds))
        return event.is_set()
