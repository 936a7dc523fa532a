"""One repair being carried out: the hand that a remedy is given, with its fence, its steps, its deadline and its interruptible sleep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from watchdog.errors import DeadlinePassed, LeaseLost, Stopping
from watchdog.model.approvals import Holding, Lease
from watchdog.model.drifts import ObjectKey, Scalar
from watchdog.model.moments import Clock, Moment
from watchdog.model.panels import Target
from watchdog.model.repairs import Outcome, PlannedRepair, RepairRecord, RepairState
from watchdog.model.snapshots import Actual
from watchdog.reconciler.holding import TargetHoldings
from watchdog.reconciler.ports import RepairBook

OnStep = Callable[[str], None]

REQUEST_MARGIN = 2.0
"""Seconds by which a request must end before the lease does (rule 5)."""


def no_step(_name: str) -> None:
    """Do nothing at a step boundary; the crash harness puts its knife here."""


class Run:
    """The life of one repair in this process; satisfies ``model.repairs.Act``.

    ``record`` is the newest row known; ``lock`` guards it: the acting thread and the tender both move it.
    ``finished`` is set when the thread has come back, ``overdue`` when its time was up before. ``ending`` is an end not yet written.
    """

    def __init__(
        self,
        *,
        record: RepairRecord,
        repair: PlannedRepair,
        lease: Lease,
        lease_seconds: float,
        target: Target,
        deadline: float,
        book: RepairBook,
        clock: Clock,
        actual: Callable[[], Actual],
        on_step: OnStep = no_step,
        stop: threading.Event,
    ) -> None:
        self.record = record
        self.repair = repair
        self.lease = lease
        self.lease_seconds = lease_seconds
        self.target = target
        self.began: Moment = clock.now()
        self.ends_at = self.began.mono + deadline
        self.lock = threading.RLock()
        self.finished = threading.Event()
        self.overdue = False
        self.ending: tuple[RepairState, Outcome] | None = None
        self._lease_until = self.began.mono + lease_seconds
        self._book = book
        self._holdings = TargetHoldings(book, target.name, clock)
        self._clock = clock
        self._actual = actual
        self._on_step = on_step
        self._stop = stop

    def fence(self) -> None:
        """Prove that we still own the object, by the database's clock. Raises Stopping, DeadlinePassed, LeaseLost or LedgerUnavailable."""
        self._alive()
        if self._book.remaining(self.lease) <= 0:
            raise LeaseLost(f"the lease of {self.lease.object} (number {self.lease.number}) is not ours any more")

    def step(self, name: str) -> None:
        """Record a step boundary, then tell the listener. Raises LedgerUnavailable: without a record nothing more is sent."""
        self._on_step(f"before {name}")
        self._book.note_step(self.record, name, self._clock.now().wall)
        self._on_step(name)

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``. Raises Stopping when the program ends and DeadlinePassed when the repair's time is up first."""
        self._alive()
        self._clock.wait(self._stop, min(seconds, max(0.0, self.ends_at - self._clock.now().mono)))
        self._alive()

    def remaining(self) -> float:
        """Return the seconds left for one request: until the deadline, and always shorter than the remaining lease."""
        now = self._clock.now().mono
        return max(0.0, min(self.ends_at - now, self._lease_until - REQUEST_MARGIN - now))

    def actual(self) -> Actual:
        """Return the newest truth."""
        return self._actual()

    def hold(self, what: str, acted_on: ObjectKey, undo: str, parameters: Mapping[str, Scalar], expires_at: float | None = None) -> Holding:
        """Record a change that will outlive us. Raises LedgerUnavailable, Stopping or DeadlinePassed: then it must not be made."""
        self._alive()
        return self._holdings.hold(what, acted_on, undo, parameters, expires_at)

    def release(self, holding_id: int) -> None:
        """Mark a holding undone. Raises LedgerUnavailable: then it stays in the record, and undoing it again must do no harm."""
        self._holdings.release(holding_id)

    def renew(self) -> bool:
        """Extend the lease; False = it is lost. Raises LedgerUnavailable."""
        # the new end is counted from before the call: what the database grants can only be later
        before = self._clock.now().mono
        if not self._book.renew(self.lease, self.lease_seconds):
            return False
        self._lease_until = before + self.lease_seconds
        return True

    def renewal_due(self, now: Moment) -> bool:
        """Whether a third of the lease is used up."""
        return self._lease_until - now.mono < self.lease_seconds * 2 / 3

    def _alive(self) -> None:
        if self._stop.is_set():
            raise Stopping("the program is ending")
        if self._clock.now().mono >= self.ends_at:
            raise DeadlinePassed("the repair's own time is up")
