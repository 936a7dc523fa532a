"""A whole WGDashboard target over real processes, real WireGuard and real hooks; what the panel believes comes from any url.

How to use it::

    watch = Watch(settings, actual, Hooks(...))       # ``actual`` reads what is true now, through ``watch.clock``
    drift = watch.dead()                               # looks, a quarter of a minute apart that nobody waits for, until the verdict
    watch.repair(drift, Risk.SAFE)                     # -> "DONE the panel restarted ...", as the remedy itself ended

``Skipping`` is the real clock and what was skipped. A handshake grows older by it too, so a panel whose own times matter must be given it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.support.gunicorn_stand_in import THREADS
from tests.support.instruments import Noted
from tests.support.wireguard import poll
from watchdog.model.drifts import Drift
from watchdog.model.hooks import HookRunner
from watchdog.model.moments import Clock, Moment
from watchdog.model.panels import METRICS, Ports
from watchdog.model.repairs import LedgerFacts, PlannedRepair, Risk
from watchdog.model.snapshots import Actual
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.target import WgdashboardTarget
from watchdog.panels.wgdashboard.traces import Process
from watchdog.runtime.clock import SystemClock

STEP = 15.0
MOST_LOOKS = 12


class Skipping:
    """The real clock, and what was skipped: a panel's answers must stand still for so long that nobody wants to wait."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._skipped = 0.0

    def now(self) -> Moment:
        moment = self._clock.now()
        return Moment(moment.wall + self._skipped, moment.mono + self._skipped)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return self._clock.wait(event, seconds)

    def skip(self, seconds: float) -> None:
        self._skipped += seconds


@dataclass
class Hand:
    """An ``Act`` that has all the time it needs."""

    actual: Callable[[], Actual]
    fences: int = 0

    def fence(self) -> None:
        self.fences += 1

    def step(self, name: str) -> None:
        del name

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def remaining(self) -> float:
        return 300.0


class Watch:
    """One target, looked at as the reconciler does it."""

    def __init__(
        self, settings: WgdashboardSettings, actual: Callable[[], Actual], hooks: HookRunner, clock: Skipping | None = None
    ) -> None:
        self.clock = clock or Skipping()
        self.actual = actual
        self.facts = LedgerFacts()
        ours: Clock = self.clock
        self.target = WgdashboardTarget(settings, Ports(ours, Noted(METRICS), hooks))

    def process(self) -> Process:
        """Return the panel's processes as our evidence shows them."""
        evidence = self.target.evidence(self.actual())
        assert evidence.process is not None, evidence.blind
        return evidence.process

    def settled(self) -> Process:
        """Return them once the stand-in's tree stands: while it grows, its first process looks like a master, its master like a worker."""
        found: list[Process] = []

        def stands() -> bool:
            process = self.target.evidence(self.actual()).process
            found[:] = [process] if process is not None and len(process.tasks) == 1 + THREADS else []
            return bool(found)

        poll("the panel's processes stand", stands)
        return found[0]

    def look(self) -> tuple[Drift, ...]:
        """Look once; return the drifts."""
        view, actual = self.target.view(), self.actual()
        judgement = self.target.detect(actual, view, self.target.evidence(actual), self.facts, self.clock.now())
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement.drifts

    def dead(self) -> Drift:
        """Look until the thread's death is told."""
        for _ in range(MOST_LOOKS):
            found = [each for each in self.look() if each.kind == "thread_dead"]
            if found:
                return found[0]
            self.clock.skip(STEP)
        raise AssertionError("the thread's death was never told")

    def repair(self, drift: Drift, risk: Risk) -> str:
        """Carry the drift's proposal out as one that was planned at this risk; return how it ended, in one line."""
        assert drift.proposal is not None, drift
        outcome = self.target.repair(PlannedRepair(drift.proposal, risk, (drift.key,)), Hand(self.actual))
        return f"{outcome.end.upper()} {outcome.message} {outcome.sent}"
