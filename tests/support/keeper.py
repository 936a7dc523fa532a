"""One program over many small worlds: the real reconciler, ledger and rules of the real panels, on a clock that moves only when told.

A ``House`` is one target with its world; its ``target`` is the panel's own class, of which only the wire is replaced: the view and the
evidence are values made from the world, and a remedy changes the world instead of sending. ``Keeper`` lets them live: it goes from one due
time to the next, as the supervised loops do, and skips no pass that they would make.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.bench import Recorder, inline
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode, Outcome
from watchdog.model.snapshots import Actual
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.policy import Policy
from watchdog.reconciler.runner import RepairRunner
from watchdog.runtime.clock import SimulatedClock


class House:
    """One target and its world. A subclass says what is true, what the panel believes, and what a remedy does to the world."""

    panel: Any

    def __init__(self, clock: SimulatedClock, settings: Any) -> None:
        self.clock = clock
        self.settings = settings
        self.name = settings.name
        self.mended: list[tuple[float, str, str]] = []
        self.remedy_works: Callable[[str], bool] = lambda _object: True
        self.target = self._connected()
        self.reconciler: Any = None
        self.due_at = 0.0

    def actual(self) -> Actual:
        """Return the truth at this moment."""
        raise NotImplementedError

    def view(self) -> Any:
        """Return what the panel believes, or raise what its client raises."""
        raise NotImplementedError

    def evidence(self, _actual: Actual) -> Any:
        """Return what only this panel has."""
        return None

    def mend(self, repair: Any) -> None:
        """Change the world as the remedy would."""
        raise NotImplementedError

    def _repair(self, repair: Any, act: Any) -> Outcome:
        act.step("looked")
        act.fence()
        proposal = repair.proposal
        self.mended.append((self.clock.now().wall, proposal.remedy, str(proposal.object.id)))
        if self.remedy_works(proposal.object.id):
            self.mend(repair)
        act.step("sent")
        return Outcome.done(sent=(f"{proposal.remedy} {proposal.object.id}",))

    def _connected(self) -> Any:
        target = self.panel.connect(self.settings, Ports(self.clock, Silent(), None))
        # the wire is the world: everything else is the panel's own
        target.view, target.evidence, target.repair = self.view, self.evidence, self._repair
        return target


class Keeper:
    """The program's loops over all houses. ``each_pass`` is told of every pass, after it."""

    def __init__(self, ledger: Any, clock: SimulatedClock) -> None:
        self.ledger, self.clock = ledger, clock
        self.houses: list[House] = []
        self.instruments = Recorder()
        self.counts = RepairCounts(self.instruments)
        self.holder = holder_name()
        self.runner = RepairRunner(ledger, clock, self.counts, Actual, spawn=inline)
        self.each_pass: Callable[[House], None] = lambda _house: None
        self.passes = 0
        self._due: list[tuple[float, int, House]] = []
        self._number = itertools.count()

    def add(self, house: House, **policy: Any) -> House:
        """Watch one more target from now on, in mode repair unless told otherwise; nothing of it was there before us."""
        remedies = frozenset(each.name for each in house.panel.remedies)
        given = replace(Policy(mode=Mode.REPAIR, allow=remedies, baseline="repair"), **policy)
        self._watch(house, given)
        self.houses.append(house)
        self._plan(house, 0.0)
        return house

    def _watch(self, house: House, policy: Policy) -> None:
        house.reconciler = Reconciler(
            panel=house.panel, target=house.target, needs=house.panel.needs(house.settings), policy=policy, ledger=self.ledger,
            runner=self.runner, counts=self.counts, clock=self.clock, instruments=self.instruments, actual=house.actual,
            holder=self.holder, spawn=inline,
        )  # fmt: skip

    def live(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let so many seconds pass, or as many as it takes; return whether ``until`` held."""
        end = self.clock.now().mono + seconds
        while not until():
            if self._due[0][0] > end:
                self.clock.advance(max(0.0, end - self.clock.now().mono))
                return until()
            at, _, house = heapq.heappop(self._due)
            self.clock.advance(max(0.0, at - self.clock.now().mono))
            rest = house.reconciler.step()
            self.runner.tend()
            self.passes += 1
            self.each_pass(house)
            self._plan(house, max(rest, 1e-3))
        return True

    def play(self, house: House, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let so many seconds pass for one house alone, or as many as it takes; return whether ``until`` held.

        For lives in which nothing is the matter elsewhere: the passes of the other houses are left out.
        """
        end = self.clock.now().mono + seconds
        while not until() and house.due_at <= end:
            self.clock.advance(max(0.0, house.due_at - self.clock.now().mono))
            house.due_at = self.clock.now().mono + max(house.reconciler.step(), 1e-3)
            self.runner.tend()
            self.passes += 1
            self.each_pass(house)
        if not until():
            self.clock.advance(max(0.0, end - self.clock.now().mono))
        return until()

    def reborn(self, house: House) -> None:
        """Let our own process begin anew for this house: what is not in the ledger is forgotten."""
        house.target = house._connected()
        self._watch(house, house.reconciler.policy)

    def repairs(self) -> list[Any]:
        """Return all repairs of the ledger, oldest first."""
        return list(reversed(self.ledger.repairs(limit=1_000_000)))

    def held(self, house: House) -> dict[str, str]:
        """Why each drift of a house is held, by the subject's id."""
        return {each.drift_key.rsplit("/", 1)[1]: each.reason for each in house.reconciler.status.plan.held}

    def _plan(self, house: House, rest: float) -> None:
        self._due = [each for each in self._due if each[2] is not house]
        heapq.heapify(self._due)
        heapq.heappush(self._due, (self.clock.now().mono + rest, next(self._number), house))
