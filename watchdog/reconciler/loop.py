"""The reconciler of one target: look, judge, record, confirm, plan, act, verify. Level-triggered: a pass re-reads everything (rule 4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from watchdog.errors import LedgerReadOnly, LedgerUnavailable, WatchdogError
from watchdog.model.drifts import Judgement
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock, Moment
from watchdog.model.needs import Needs
from watchdog.model.panels import Panel, Target, nobody
from watchdog.model.pauses import Pause, PauseFacts, PauseSays, StandingPause, pausable
from watchdog.model.places import Place
from watchdog.model.repairs import LedgerFacts, Plan, PlannedRepair, RepairState
from watchdog.model.snapshots import Actual
from watchdog.reconciler.acting import Desk, Starter
from watchdog.reconciler.alone import Alone
from watchdog.reconciler.conditions import conditions
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.due import Deadlines, next_look
from watchdog.reconciler.guard import Guard
from watchdog.reconciler.look import Look, Looker, sift
from watchdog.reconciler.metrics import born
from watchdog.reconciler.pause_check import said_of_pauses
from watchdog.reconciler.planner import Scene, candidates, plan
from watchdog.reconciler.policy import Policy
from watchdog.reconciler.ports import LedgerPort
from watchdog.reconciler.runner import RepairRunner, Spawn, daemon_thread
from watchdog.reconciler.standing import Books, Standing, remembered
from watchdog.reconciler.status import PassResult, SubjectState, TargetStatus, drift_states, subject_states
from watchdog.reconciler.steady import Steady
from watchdog.reconciler.verify import FreshLook, sources, truth_age
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LONGEST_REST = 86400.0
"""Seconds: no stamp in the ledger can make an object rest longer than this."""


class Reconciler:
    """One target's loop. ``step`` runs in the loop's own thread; ``status``, ``wake`` and ``sync`` are for anybody.

    ``waker`` is set by the composition root to what wakes the supervised loop. ``policy`` may be replaced while running. ``alone`` watches
    for a second installation.
    """

    def __init__(
        self,
        *,
        panel: Panel,
        target: Target,
        needs: Needs,
        policy: Policy,
        ledger: LedgerPort,
        runner: RepairRunner,
        counts: RepairCounts,
        clock: Clock,
        instruments: Instruments,
        actual: Callable[[], Actual],
        holder: str,
        spawn: Spawn = daemon_thread,
        paused: Callable[[], tuple[Pause, ...]] = tuple,
        pause_facts: Callable[[], PauseFacts] = PauseFacts,
    ) -> None:
        self.policy = policy
        self.target = target
        self.waker: Callable[[], None] = nobody
        self._panel = panel
        self._clock = clock
        self._instruments = instruments
        self._actual = actual
        self._ledger = ledger
        self._runner = runner
        self._kinds = {kind.name: kind for kind in panel.kinds}
        self._remedies = {remedy.name: remedy for remedy in panel.remedies}
        self._sources = sources(needs)
        self._steady = Steady(LONGEST_REST)
        self._looker = Looker(target, clock, policy.timing.look, spawn)
        self._books = Books(ledger, runner, counts, target.name, holder, self._kinds, self._remedies, self._steady)
        self._desk = Desk(ledger, target, self._steady)
        self.alone = Alone(ledger, panel.name, target)
        guard = Guard(ledger, target.name, holder)
        self._paused = paused
        self._pause_facts = pause_facts if pausable(target) else PauseFacts  # other panels' rules do not know of pauses
        self._starter = Starter(
            ledger, runner, guard, target, panel.name, self._remedies, instruments, actual,
            lambda record: (self.hurry if self._remedies[record.remedy].ordered else self.wake)(), paused,
        )  # fmt: skip
        self._status = TargetStatus(panel.name, target.name, panel.kinds, panel.remedies, policy.mode)
        self._facts = LedgerFacts()
        self._last_end: Moment | None = None
        self._due_at = float("inf")
        self._urgent = threading.Event()
        self._turn = threading.Condition()
        self._ended = 0
        self._busy = threading.Lock()
        self._wanted: tuple[PlannedRepair, ...] = ()
        born(instruments, panel.name, target.name, panel.remedies)

    @property
    def status(self) -> TargetStatus:
        """Return what the newest pass published: one reference, frozen."""
        return self._status

    def spec(self) -> LoopSpec:
        """Return this reconciler as a supervised loop; a step bounds its own reading, so its deadline is far behind that."""
        timing = self.policy.timing
        return LoopSpec(f"reconcile:{self.target.name}", self.step, timing.interval, deadline=2 * timing.look + 120.0)

    def wake(self) -> None:
        """Ask for a pass soon. Cheap: a thousand calls are one pass."""
        self.waker()

    def hurry(self) -> None:
        """Ask for a pass now, however lately the last one ended. For what is rare: a pause that changed, a panel that is back."""
        self._urgent.set()
        self.wake()

    def step(self) -> float:
        """Do one pass unless the last one has just ended; return the seconds until the next is due. For the supervised loop."""
        now = self._clock.now()
        if not self._urgent.is_set() and self._last_end is not None:
            # an event waits for the spacing; a deadline of our own does not
            rest = min(self.policy.timing.spacing - now.since(self._last_end), self._due_at - now.mono)
            if rest > 0:
                return rest
        if not self._busy.acquire(blocking=False):
            return self.policy.timing.interval  # an abandoned generation of this loop still hangs in a pass
        try:
            self._due_at = float("inf")
            due = self._counted_pass(now)
            self._due_at = self._clock.now().mono + due
        finally:
            self._last_end = self._clock.now()
            self._busy.release()
        return due

    def sync(self, seconds: float) -> TargetStatus:
        """Ask for a pass now, wait until one that began after this call has ended, at most ``seconds``; return the newest status."""
        with self._turn:
            wanted = self._status.passes + 1
            self.hurry()
            self._turn.wait_for(lambda: self._ended >= wanted, seconds)
        return self._status

    def candidate(self, drift_key: str) -> PlannedRepair | None:
        """Return the repair that the newest pass would choose against a drift if history and bounds had no say."""
        return next((repair for repair in self._wanted if drift_key in repair.drift_keys), None)

    def pause_says(self, standing: tuple[StandingPause, ...]) -> PauseSays:
        """Return what the newest look says of the pauses that stand; and the panel itself, if it is one that is held paused."""
        return said_of_pauses(self._status, self.target, self.policy.mode, standing)

    def _counted_pass(self, now: Moment) -> float:
        self._urgent.clear()
        with self._turn:
            self._publish(passes=self._status.passes + 1)
        result: PassResult = "crashed"
        try:
            result, due = self._pass(now)
        finally:
            if result == "crashed":
                self._publish(last_result="crashed", up=False, error="crashed", message="a pass failed unexpectedly; see the log")
            self._instruments.count("watchdog_reconcile_passes_total", self._panel.name, self.target.name, result)
            took = self._clock.now().since(now)
            self._instruments.observe("watchdog_reconcile_duration_seconds", self._panel.name, self.target.name, value=took)
            self._publish(conditions=conditions(self._status, self._status.conditions, now.wall))
            with self._turn:
                self._ended = self._status.passes
                self._turn.notify_all()
        return due

    def _pass(self, began: Moment) -> tuple[PassResult, float]:
        self._steady.turn()
        ledger_error = self._read_facts(began)
        try:
            look = self._looker.look(self._actual())
            now = self._clock.now()
            place = self.target.place(look.actual, look.view)
            judgement = self.target.detect(look.actual, look.view, look.evidence, self._facts, now)
        except WatchdogError as error:
            return self._blind(error, ledger_error)
        judgement = sift(judgement, look.actual, place, self._remedies, now)
        self._panel_answers(look, place, now)
        if ledger_error is None:
            try:
                return "judged", self._judged(look, judgement, now)
            except LedgerUnavailable as error:
                ledger_error = error
        return self._without_ledger(judgement, ledger_error, now)

    def _read_facts(self, now: Moment) -> LedgerUnavailable | None:
        try:
            pauses = self._pause_facts()
            facts = self._books.facts(now)
            self._facts = replace(facts, memory=self.alone.recall(facts.memory), pauses=pauses.standing, ended_pauses=pauses.ended)
        except LedgerUnavailable as error:
            self._say_ledger(error)
            return error
        self._say_ledger(None)
        return None

    def _judged(self, look: Look, judgement: Judgement, now: Moment) -> float:
        judgement = self.alone.look(look.actual, look.view, judgement, now)
        self._publish(**self.alone.said)
        fresh = FreshLook(judgement, now.since(look.began), truth_age(look.actual, self._sources, now))
        standing = self._books.judged(fresh, self.policy, now)
        scene, approvals = self._scene(standing, judgement, now)
        made = plan(scene)
        self._wanted = tuple(candidates(scene)[0])
        approvals = self._desk.ask(made, self._wanted, approvals, standing.episodes, now)
        begun = self._starter.start(made, self.policy, standing.raw, self._clock.now().since(look.began), now)
        unfinished = self._books.unfinished() if begun else standing.unfinished
        now = self._clock.now()
        episodes = drift_states(standing.episodes, self._kinds, unfinished, approvals, now)
        self._publish_judged(judgement, subject_states(judgement.fine, judgement.unknown, episodes), now)
        self._publish(
            last_result="judged",
            baseline=standing.baseline,
            episodes=episodes,
            plan=made,
            describes={str(each.proposal.object): self.target.describe(each) for each in made.repairs},
            in_flight=unfinished,
            approvals=approvals,
            pauses=scene.pauses,
        )
        deadlines = Deadlines(self.policy.timing, self._kinds, self._remedies, self._steady)
        return next_look(standing.episodes, unfinished, judgement.again, deadlines, now)

    def _scene(self, standing: Standing, judgement: Judgement, now: Moment) -> tuple[Scene, Any]:
        approvals = self._desk.approvals(now)
        subjects = {*judgement.fine, *(each.subject for each in judgement.unknown), *(drift.subject for drift in judgement.drifts)}
        objects = {drift.proposal.object for drift in judgement.drifts if drift.proposal is not None}
        busy = {each.object: "in_doubt" if each.state is RepairState.IN_DOUBT else "in_flight" for each in standing.unfinished}
        scene = Scene(
            target=self.target.name, episodes=standing.counted, kinds=self._kinds, remedies=self._remedies, policy=self.policy, now=now,
            histories=standing.facts.history, approvals=approvals, gate_open=self._actual().gate.open,
            objects=max(len(subjects), len(objects)), busy=busy, pauses=self._paused(),
            stranger=self.alone.message(), touched=self.alone.touched,
        )  # fmt: skip
        return scene, approvals

    def _blind(self, error: WatchdogError, ledger_error: LedgerUnavailable | None) -> tuple[PassResult, float]:
        now = self._clock.now()
        if self._status.up is not False:
            log.warning("a panel cannot be read", target=self.target.name, error=type(error).__name__, message=str(error))
        subjects: dict[Any, SubjectState] = dict.fromkeys(self._status.subjects, "unknown")
        episodes = tuple(episode for episode, _ in self._status.episodes)
        in_flight = self._status.in_flight
        if ledger_error is None:
            try:
                episodes, in_flight = self._books.blind(now)
            except LedgerUnavailable as lost:
                self._say_ledger(lost)
        self._publish(
            up=False, error=type(error).__name__, message=str(error), last_result="blind", last_pass_at=now.wall,
            subjects=subjects, unknown_since=self._unknown_since(subjects, now),
            episodes=drift_states(tuple(replace(e, blind_since=e.blind_since or now.wall) for e in episodes), self._kinds, (), (), now),
            plan=Plan(self.target.name), describes={}, in_flight=in_flight,
        )  # fmt: skip
        delay = getattr(error, "delay", None) or 0.0
        return "blind", max(self.policy.timing.interval, delay)

    def _without_ledger(self, judgement: Judgement, error: LedgerUnavailable, now: Moment) -> tuple[PassResult, float]:
        self._say_ledger(error)
        episodes = remembered(tuple(episode for episode, _ in self._status.episodes), judgement, now)
        shown = drift_states(episodes, self._kinds, self._status.in_flight, self._status.approvals, now)
        self._publish_judged(judgement, subject_states(judgement.fine, judgement.unknown, shown), now)
        self._publish(last_result="no_ledger", episodes=shown, plan=Plan(self.target.name), describes={})
        return "no_ledger", self.policy.timing.interval

    def _panel_answers(self, look: Look, place: Place, now: Moment) -> None:
        if self._status.up is False:
            log.info("a panel can be read again", target=self.target.name)
        self._publish(up=True, error=None, message=None, look=look, place=place, last_pass_at=now.wall)

    def _publish_judged(self, judgement: Judgement, subjects: dict[Any, SubjectState], now: Moment) -> None:
        self._publish(
            subjects=subjects, unknown=judgement.unknown, unknown_since=self._unknown_since(subjects, now), last_judged_at=now.wall
        )

    def _unknown_since(self, subjects: dict[Any, SubjectState], now: Moment) -> dict[Any, float]:
        return {subject: self._status.unknown_since.get(subject, now.wall) for subject, state in subjects.items() if state == "unknown"}

    def _say_ledger(self, error: LedgerUnavailable | None) -> None:
        before = self._status.ledger_error
        if error is not None and before is None:
            log.error("the ledger is not there: looking and exporting go on, repairs stop", target=self.target.name, error=str(error))
        elif error is None and before is not None:
            log.info("the ledger is there again", target=self.target.name)
        self._publish(ledger_error=None if error is None else str(error), read_only=isinstance(error, LedgerReadOnly))

    def _publish(self, **changes: Any) -> None:
        self._status = replace(self._status, mode=self.policy.mode, **changes)
