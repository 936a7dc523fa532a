"""The watch over one long transfer: layered deadlines and the caller's ``alive``, kept by a thread of its own that can cut the line.

A time-out per read would also count the time our own disk takes; here the clock runs only while we wait for the other side.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from watchdog.errors import DeadlinePassed, WatchdogError
from watchdog.model.transfers import Alive, Patience

BEAT = 0.5
"""Seconds between two looks at the clock and at ``alive``."""


class Vigil:
    """Use as a context manager around the transfer; ``waiting`` before each read and ``got`` after it.

    ``cut`` shuts the connection so that a blocked read ends; then ``check`` raises why. ``what`` names the transfer in error texts.
    """

    def __init__(self, what: str, patience: Patience, alive: Alive, cut: Callable[[], None], beat: float = BEAT) -> None:
        self._what, self._patience, self._alive, self._cut, self._beat = what, patience, alive, cut, beat
        self._began = self._window_at = time.monotonic()
        self._waiting_since: float | None = self._began
        self._window = 0
        self._ended = threading.Event()
        self._error: WatchdogError | None = None
        self._thread = threading.Thread(target=self._watch, name="vigil", daemon=True)
        self.received = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def waiting(self) -> None:
        """Note that we wait for the other side from now on. Raises like ``check``."""
        self.check()
        self._waiting_since = time.monotonic()

    def got(self, size: int) -> None:
        """Note that ``size`` bytes of content came and that we are busy with them now."""
        self._waiting_since = None
        self.received += size
        self._window += size

    def check(self) -> None:
        """Raise what ended the transfer, if anything has: DeadlinePassed naming the layer, or what ``alive`` raised."""
        if self._error is not None:
            raise self._error

    def _watch(self) -> None:
        while not self._ended.wait(self._beat):
            try:
                self._alive()
                self._judge(time.monotonic())
            except WatchdogError as error:
                self._error = error
                break
        if not self._ended.is_set():
            self._cut()

    def _judge(self, now: float) -> None:
        limits = self._patience
        if now - self._began > limits.total:
            raise DeadlinePassed(f"{self._what}: not finished within {limits.total:g} s")
        since = self._waiting_since
        if since is None:
            self._window_at += self._beat  # our own time is not theirs
            return
        if self.received == 0 and now - since > limits.first:
            raise DeadlinePassed(f"{self._what}: no first byte within {limits.first:g} s")
        if self.received and now - since > limits.between:
            raise DeadlinePassed(f"{self._what}: {self.received} bytes, then none for {limits.between:g} s")
        if self._window >= limits.least:
            self._window, self._window_at = 0, now
        elif self.received and now - self._window_at > limits.stall:
            raise DeadlinePassed(f"{self._what}: fewer than {limits.least} bytes within {limits.stall:g} s")
