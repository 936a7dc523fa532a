"""The repair runner: carries out planned repairs, each in its own daemon thread, and writes how they ended.

One of the only two broad ``except`` of the house (the other is the collector runner). A repair that hangs past its deadline is left alone
and shown ``in_doubt``; its lease is kept as long as its thread lives, and it is never replaced (rule 6).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from watchdog.errors import LeaseLost, LedgerUnavailable, Permanent, Stopping, Temporary, Unknown
from watchdog.model.approvals import Lease
from watchdog.model.drifts import ObjectKey
from watchdog.model.moments import Clock
from watchdog.model.panels import Target
from watchdog.model.repairs import Outcome, PlannedRepair, RepairRecord, RepairState
from watchdog.model.snapshots import Actual
from watchdog.reconciler.act import OnStep, Run, no_step
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.ports import LedgerPort
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

Spawn = Callable[[str, Callable[[], None]], None]
Ended = Callable[[RepairRecord], None]

GRACE = 5.0
"""Seconds past its deadline that a thread is given to notice it by itself."""
TEND_EVERY = 1.0
ENDS = {"done": RepairState.SETTLING, "later": RepairState.LATER, "gave_up": RepairState.GAVE_UP}


def daemon_thread(name: str, work: Callable[[], None]) -> None:
    """Run ``work`` in a daemon thread of its own."""
    threading.Thread(target=work, name=name, daemon=True).start()


class RepairRunner:
    """All repairs of this process. ``tend`` is the step of its own supervised loop; everything else is called by the reconcilers' loops."""

    def __init__(
        self,
        ledger: LedgerPort,
        clock: Clock,
        counts: RepairCounts,
        actual: Callable[[], Actual],
        *,
        on_step: OnStep = no_step,
        spawn: Spawn = daemon_thread,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._counts = counts
        self._actual = actual
        self._spawn = spawn
        self._runs: dict[int, Run] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.on_step = on_step

    @property
    def stopping(self) -> bool:
        """Whether the program is ending."""
        return self._stop.is_set()

    def running(self, target: str | None = None) -> tuple[RepairRecord, ...]:
        """Return the rows of the repairs whose thread lives or whose end is not yet written, of one target or of all."""
        with self._lock:
            runs = tuple(self._runs.values())
        return tuple(run.record for run in runs if target is None or run.record.object.target == target)

    def acting_on(self, key: ObjectKey) -> bool:
        """Whether a thread of this process acts on the object."""
        return any(record.object == key for record in self.running())

    def start(
        self,
        repair: PlannedRepair,
        *,
        target: Target,
        deadline: float,
        lease: Lease,
        lease_seconds: float,
        requested_by: str,
        ended: Ended,
    ) -> RepairRecord:
        """Write the intent, then carry out ``repair`` in a thread within ``deadline`` seconds; ``ended`` is called when it is over.

        Raises LedgerUnavailable, LeaseLost or Refused when the intent cannot be written: then nothing is done.
        """
        record = self._ledger.intend(repair, lease, requested_by, self._clock.now().wall)
        self.on_step("intended")
        run = Run(
            record=record, repair=repair, lease=lease, lease_seconds=lease_seconds, target=target, deadline=deadline,
            book=self._ledger, clock=self._clock, actual=self._actual, on_step=self.on_step, stop=self._stop,
        )  # fmt: skip
        with self._lock:
            self._runs[record.id] = run
        self._spawn(f"repair-{record.id}", lambda: self._carry_out(run, ended))
        return record

    def spec(self) -> LoopSpec:
        """Return the tending as a supervised loop."""
        return LoopSpec("repairs", self.tend, TEND_EVERY, deadline=60.0)

    def tend(self) -> float:
        """Renew leases, mark hung repairs, write ends that could not be written; return the seconds to the next time."""
        with self._lock:
            runs = tuple(self._runs.values())
        for run in runs:
            try:
                self._tend(run)
            except LedgerUnavailable as error:
                log.warning("cannot tend a repair now", repair=run.record.id, error=str(error))
        return TEND_EVERY

    def stop(self, seconds: float) -> bool:
        """Let running repairs end or mark them ``in_doubt``, within ``seconds``; return whether all threads came back."""
        self._stop.set()
        with self._lock:
            runs = tuple(self._runs.values())
        until = self._clock.now().mono + seconds
        for run in runs:
            run.finished.wait(max(0.0, until - self._clock.now().mono))
        hung = [run for run in runs if not run.finished.is_set()]
        for run in hung:
            self._doubt_quietly(run, "the program ended while it was acting")
        return not hung

    def _tend(self, run: Run) -> None:
        now = self._clock.now()
        if run.finished.is_set():
            with run.lock:
                if run.ending is not None:
                    self._write_end(run)
            self._let_go(run)
            return
        if run.renewal_due(now) and not run.renew():
            log.warning("the lease of a running repair is lost", repair=run.record.id, object=str(run.record.object))
        if now.mono > run.ends_at + GRACE and not run.overdue:
            self._doubt(run, f"still running {now.mono - run.began.mono:.0f} s after its start; it is left alone and not replaced")

    def _carry_out(self, run: Run, ended: Ended) -> None:
        try:
            with run.lock:
                acting = self._ledger.move(run.record, RepairState.ACTING, self._clock.now().wall)
                if acting is None:
                    raise LeaseLost("somebody else moved this repair's row")  # noqa: TRY301  # one place turns errors into outcomes
                run.record = acting
            run.fence()
            outcome = run.target.repair(run.repair, run)
            self.on_step("acted")
        except Stopping as error:
            self._doubt_quietly(run, str(error))
            self._finish(run, ended)
            return
        except (Temporary, Unknown) as error:
            outcome = Outcome.later(getattr(error, "delay", None) or 0.0, f"{type(error).__name__}: {error}")
        except Permanent as error:
            outcome = Outcome.gave_up(f"{type(error).__name__}: {error}")
        except Exception as error:  # the repair runner: no repair can stop another
            log.exception("a remedy failed unexpectedly", repair=run.record.id, remedy=run.record.remedy)
            self._counts.crashed(run.record)
            outcome = Outcome.gave_up(f"unexpected {type(error).__name__}: {error}")
        with run.lock:
            run.ending = (ENDS[outcome.end], outcome)
            self._quietly(run, lambda: self._write_end(run))
        self._finish(run, ended)

    def _finish(self, run: Run, ended: Ended) -> None:
        if run.ending is None:
            self._quietly(run, lambda: self._let_go(run))
        run.finished.set()
        ended(run.record)

    def _write_end(self, run: Run) -> None:
        """Write the outcome by compare-and-set; when we lose, somebody else judged this row and that stands. Raises LedgerUnavailable."""
        if run.ending is None:
            return
        state, outcome = run.ending
        moved = self._ledger.move(run.record, state, self._clock.now().wall, outcome=outcome, message=outcome.message)
        run.ending = None
        if moved is None:
            log.warning("a repair's row was moved by somebody else", repair=run.record.id, lost=state.value)
            return
        run.record = moved
        self.on_step("outcome_written")
        self._counts.ended(moved)
        log.info("a repair ended", repair=moved.id, remedy=moved.remedy, object=str(moved.object), end=outcome.end, message=outcome.message)

    def _doubt(self, run: Run, message: str) -> None:
        with run.lock:
            if run.ending is not None or run.finished.is_set() or run.record.state is RepairState.IN_DOUBT:
                return
            moved = self._ledger.move(run.record, RepairState.IN_DOUBT, self._clock.now().wall, message=message)
            run.overdue = True
            if moved is not None:
                run.record = moved
                self._counts.ended(moved)
                log.error("a repair is in doubt", repair=moved.id, remedy=moved.remedy, object=str(moved.object), message=message)

    def _doubt_quietly(self, run: Run, message: str) -> None:
        self._quietly(run, lambda: self._doubt(run, message))

    def _let_go(self, run: Run) -> None:
        """Forget a run whose end is written, and give its lease back. Raises LedgerUnavailable; then it is tried again."""
        self._ledger.release(run.lease)
        with self._lock:
            self._runs.pop(run.record.id, None)

    def _quietly(self, run: Run, work: Callable[[], None]) -> None:
        try:
            work()
        except LedgerUnavailable as error:
            log.warning("the end of a repair cannot be written yet", repair=run.record.id, error=str(error))
