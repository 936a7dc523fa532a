"""The ledger's side of one pass: record what was seen, adopt what died, give verdicts, confirm. Ends in a ``Standing`` to plan from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from watchdog.model.approvals import BaselineState
from watchdog.model.drifts import DriftKind, Episode, Judgement
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts, Remedy, RepairRecord, RepairState
from watchdog.reconciler.adopt import adopt, owned_elsewhere, release_dead
from watchdog.reconciler.confirm import confirmed
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.guard import UNFINISHED
from watchdog.reconciler.policy import Policy
from watchdog.reconciler.ports import LedgerPort
from watchdog.reconciler.runner import RepairRunner
from watchdog.reconciler.status import ignored
from watchdog.reconciler.steady import Steady
from watchdog.reconciler.verify import Finding, FreshLook, findings
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

MANY = 1_000_000
BASELINE_PASSES = 5
"""Judged passes after which the first look counts as complete although some subject is still unknown."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stands after one look. Episodes and ``facts`` are restated (see ``steady``), ``raw`` is as the ledger has it."""

    episodes: tuple[Episode, ...]
    counted: tuple[Episode, ...]
    unfinished: tuple[RepairRecord, ...]
    facts: LedgerFacts
    raw: LedgerFacts
    baseline: BaselineState


class Books:
    """Keeps the books of one target. Every method may raise LedgerUnavailable. Belongs to one loop."""

    def __init__(
        self,
        ledger: LedgerPort,
        runner: RepairRunner,
        counts: RepairCounts,
        target: str,
        holder: str,
        kinds: Mapping[str, DriftKind],
        remedies: Mapping[str, Remedy],
        steady: Steady,
    ) -> None:
        self._ledger = ledger
        self._runner = runner
        self._counts = counts
        self._target = target
        self._holder = holder
        self._kinds = kinds
        self._remedies = remedies
        self._steady = steady
        self._started = False
        self._first_looks = 0
        self._raw = LedgerFacts()

    def facts(self, now: Moment) -> LedgerFacts:
        """Return what the rules may know of the past, restated. Raises LedgerReadOnly where nothing could be written down afterwards."""
        self._ledger.check()
        self._raw = self._ledger.facts(self._target, now.wall)
        return self._steady.facts(self._raw, now)

    def blind(self, now: Moment) -> tuple[tuple[Episode, ...], tuple[RepairRecord, ...]]:
        """Record that nothing could be judged; return the open episodes and the unfinished repairs."""
        return self._ledger.blind(self._target, now.wall), self._unfinished(now)

    def judged(self, look: FreshLook, policy: Policy, now: Moment) -> Standing:
        """Record one judged look and everything that follows from it."""
        state = self._ledger.baseline(self._target)
        first = state == "none"
        seen = self._ledger.observe(self._target, look.judgement, now.wall, baseline=first and policy.baseline != "repair")
        before, state = state, self._baseline(state, look, policy, now)
        if state != before:
            seen = self._ledger.episodes(self._target, limit=MANY)
        episodes = self._restated(seen, now)
        look = replace(look, ignored=frozenset(each.drift.key for each in episodes if ignored(each, now.wall)))
        unfinished = self._verdicts(self._unfinished(now), look, now)
        counted = self._confirm(episodes, now)
        known = {episode.id: episode for episode in counted}
        # histories matter to a plan only, and without a confirmed drift there is none: what was read before the look does
        raw = self._ledger.facts(self._target, now.wall) if counted else self._raw
        shown = tuple(known.get(each.id, each) for each in episodes)
        return Standing(shown, counted, unfinished, self._steady.facts(raw, now), raw, state)

    def unfinished(self) -> tuple[RepairRecord, ...]:
        """Return the target's repairs that have no end yet."""
        return self._ledger.repairs(self._target, UNFINISHED)

    def _restated(self, episodes: tuple[Episode, ...], now: Moment) -> tuple[Episode, ...]:
        return tuple(self._steady.episode(episode, now) for episode in episodes)

    def _confirm(self, episodes: tuple[Episode, ...], now: Moment) -> tuple[Episode, ...]:
        counted = confirmed(episodes, self._kinds, now)
        fresh = tuple(episode for episode in counted if episode.opened_at is None)
        if not fresh:
            return counted
        opened = {each.id: each for each in self._restated(self._ledger.confirm(fresh, now.wall), now)}
        return tuple(opened.get(each.id, each) for each in counted)

    def _baseline(self, state: BaselineState, look: FreshLook, policy: Policy, now: Moment) -> BaselineState:
        """Close the first look when it was complete: all that it found is what was there before us (rule 11)."""
        if state == "taken" and policy.baseline == "repair":
            self._ledger.set_baseline(self._target, "repair", now.wall)
            return "repair"
        if state != "none":
            return state
        self._first_looks += 1
        complete = look.truth_age != float("inf") and not look.judgement.unknown
        if not complete and self._first_looks < BASELINE_PASSES:
            return state
        state = "repair" if policy.baseline == "repair" else "taken"
        self._ledger.set_baseline(self._target, state, now.wall)
        _digest(self._target, look.judgement, state)
        return state

    def _unfinished(self, now: Moment) -> tuple[RepairRecord, ...]:
        if not self._started:
            if released := release_dead(self._ledger, self._holder.rsplit("/", 2)[0]):
                log.info("took back the leases of a former life", leases=released)
            self._started = True
        records = self.unfinished()
        adopted = {each.id: each for each in adopt(self._ledger, records, self._holder, self._ours(), now.wall)}
        for record in adopted.values():
            self._counts.ended(record)
            log.warning("a repair's process died; looking again", repair=record.id, remedy=record.remedy, object=str(record.object))
        return tuple(adopted.get(record.id, record) for record in records)

    def _ours(self) -> frozenset[int]:
        return frozenset(record.id for record in self._runner.running(self._target))

    def _verdicts(self, records: tuple[RepairRecord, ...], look: FreshLook, now: Moment) -> tuple[RepairRecord, ...]:
        ours = self._ours()
        running = ours | owned_elsewhere(self._ledger, records, self._holder, ours)
        aged = [(record, self._steady.repair_age(record, now)) for record in records]
        given = {each.record.id for each in findings(aged, look, self._remedies, running) if self._write(each, now)}
        return tuple(record for record in records if record.id not in given)

    def _write(self, finding: Finding, now: Moment) -> bool:
        self._runner.on_step("verdict_due")
        moved = self._ledger.move(finding.record, finding.state, now.wall, message=finding.message)
        if moved is None:
            return False  # another process gave the verdict; the next pass reads it
        self._runner.on_step("verdict_written")
        self._counts.ended(moved)
        say = log.info if finding.state is RepairState.VERIFIED else log.warning
        say("a repair has its verdict", repair=moved.id, remedy=moved.remedy, object=str(moved.object), verdict=finding.state.value)
        return True


def remembered(episodes: tuple[Episode, ...], judgement: Judgement, now: Moment) -> tuple[Episode, ...]:
    """Given the episodes of an earlier pass and what is seen now, return episodes to show while there is no ledger to keep them.

    One whose subject cannot be judged stays, blind.
    """
    known = {episode.drift.key: episode for episode in episodes}
    unknown, seen = {str(each.subject) for each in judgement.unknown}, {drift.key for drift in judgement.drifts}
    lost = (each for key, each in known.items() if key not in seen and str(each.drift.subject) in unknown)
    shown = [replace(each, blind_since=each.blind_since or now.wall) for each in lost]
    for drift in judgement.drifts:
        old = known.get(drift.key)
        fresh = Episode(0, drift, now.wall, now.wall, 1, now.wall)
        shown.append(replace(old, drift=drift, last_seen=now.wall, blind_since=None) if old is not None else fresh)
    return tuple(sorted(shown, key=lambda each: each.drift.key))


def _digest(target: str, judgement: Judgement, state: BaselineState) -> None:
    kinds: dict[str, int] = {}
    for drift in judgement.drifts:
        kinds[drift.kind] = kinds.get(drift.kind, 0) + 1
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
    log.info("the first look at a target is complete", target=target, baseline=state, findings=len(judgement.drifts), found=found)
