"""Reports on their way from the web to the targets: found by secret, kept in a bounded queue, received in one thread of their own."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from watchdog.errors import WatchdogError
from watchdog.model.inbound import Inbound, Received, inbound_of
from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock
from watchdog.model.panels import Target
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LOOP: Final = "inbound"
MOST: Final = 256
"""Reports that wait at most."""
MOST_BYTES: Final = 16 << 20
"""Bytes of them at most; a single report may have more."""
LOOK_EVERY: Final = 30.0
RECEIVING_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 2.0
RESULTS: Final = ("received", "failed", "full", "refused")
METRICS: tuple[Metric, ...] = (
    Metric(
        "watchdog_inbound_reports_total",
        "counter",
        "Reports with a right secret, by how they ended: received, failed (not understood, or our fault), full (no room: answered 503), "
        "refused (too large, of a wrong type, or cut off by their sender). Born at 0 for each target that opens a door.",
        ("panel", "target", "result"),
    ),
)


@dataclass(frozen=True, slots=True)
class Door:
    """One target's door. Satisfies the web's ``Inlet``."""

    panel: str
    target: str
    inbound: Inbound

    @property
    def limit(self) -> int:
        """Bytes that a report may have."""
        return self.inbound.limit


class Inlets:
    """The doors of one world, and the reports that came through them. Satisfies the web's ``Inlets``.

    ``find``, ``offer``, ``hand_over`` and ``turn_away`` are called in the server's loop: memory only. ``waker`` is set by the composition
    root to what wakes the loop.
    """

    def __init__(self, doors: Iterable[Door], clock: Clock, instruments: Instruments) -> None:
        self._doors = tuple(doors)
        self._clock = clock
        self._instruments = instruments
        self._queue: deque[tuple[Door, Received]] = deque()
        self._lock = threading.Lock()
        self._taken = 0
        self._bytes = 0
        self.waker: Callable[[], None] = _nobody
        for door in self._doors:
            for result in RESULTS:
                self._count(door, result, by=0.0)

    def spec(self) -> LoopSpec:
        """Return the receiving as a supervised loop."""
        return LoopSpec(LOOP, self.step, LOOK_EVERY, RECEIVING_SECONDS)

    def known(self, panel: str, name: str) -> bool:
        """Whether any target opens this door."""
        return any((door.panel, door.inbound.name) == (panel, name) for door in self._doors)

    def find(self, panel: str, name: str, secret: str) -> Door | None:
        """Return the door that ``secret`` opens. Every hash is compared, whole, so the time taken tells nothing."""
        given = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for door in self._doors:
            for known in door.inbound.secret_sha256:
                same = hmac.compare_digest(given, known.lower())
                if same and (door.panel, door.inbound.name) == (panel, name):
                    found = door
        return found

    def offer(self, door: Door, size: int) -> bool:
        """Keep room for a report of ``size`` bytes; False when there is none. Room that was given must be used by ``hand_over``."""
        with self._lock:
            if self._taken >= MOST or (self._taken and self._bytes + size > MOST_BYTES):
                full = True
            else:
                full = False
                self._taken += 1
                self._bytes += size
        if full:
            self._count(door, "full")
        return not full

    def hand_over(self, door: Door, content_type: str, body: bytes) -> None:
        """Queue the report for which room was kept; its sender has been answered."""
        with self._lock:
            self._queue.append((door, Received(content_type, body, self._clock.now().wall)))
        self.waker()

    def turn_away(self, door: Door) -> None:
        """Count a report that was refused before it could be queued."""
        self._count(door, "refused")

    def step(self) -> None:
        """Receive all that waits. For the supervised loop."""
        while self._receive_one():
            continue

    def drain(self, late: Collection[str] = ()) -> None:
        """Receive what waits when the loop has ended, for a bounded time: its senders were told that it is taken.

        ``late`` are loops that have not ended.
        """
        if LOOP in late:
            return
        began = self._clock.now()
        while self._clock.now().since(began) < DRAIN_SECONDS and self._receive_one():
            continue
        if self._queue:
            log.warning("reports are lost at the end of the program", reports=len(self._queue))

    def _receive_one(self) -> bool:
        with self._lock:
            if not self._queue:
                return False
            door, received = self._queue.popleft()
        result = "failed"
        try:
            door.inbound.receive(received)
            result = "received"
        except WatchdogError as error:
            log.warning("a report is not understood", target=door.target, door=door.inbound.name, size=len(received.body), error=str(error))
        finally:  # another exception ends this thread, is reported by the supervisor, and costs this report alone
            with self._lock:
                self._taken -= 1
                self._bytes -= len(received.body)
            self._count(door, result)
        return True

    def _count(self, door: Door, result: str, by: float = 1.0) -> None:
        self._instruments.count(METRICS[0].name, door.panel, door.target, result, by=by)


def doors_of(targets: Iterable[tuple[str, Target]]) -> tuple[Door, ...]:
    """Given (panel, connected target) of all targets, return the doors that they open."""
    return tuple(Door(panel, target.name, each) for panel, target in targets for each in inbound_of(target))


def _nobody() -> None:
    """Wake nobody: the loop is not supervised."""
