"""What web and CLI ask of the reconcilers. Thread-safe; raises the house's errors: NotFound, Refused, LedgerUnavailable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from watchdog.errors import NotFound, Refused
from watchdog.model.approvals import Approval, ApprovalState, BaselineState, Holding, Ignore
from watchdog.model.drifts import Episode
from watchdog.model.holdings import Release
from watchdog.model.moments import Clock
from watchdog.model.pauses import PauseSays, StandingPause
from watchdog.model.repairs import Held, Plan, PlannedRepair, RepairRecord
from watchdog.reconciler.explaining import Explanation, explain, meant
from watchdog.reconciler.holding import release_on_order
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.ports import LedgerPort
from watchdog.reconciler.status import TargetStatus
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

SYNC_SECONDS = 90.0
EXPLAINED = 10_000
"""How many rows of the past an explanation looks through."""


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A dry plan: each repair with exactly what it would send, and what is held. ``at`` is UNIX seconds of the look behind it."""

    target: str
    at: float | None
    repairs: tuple[tuple[PlannedRepair, tuple[str, ...]], ...]
    held: tuple[Held, ...]


class Commands:
    """All orders a person can give, over all targets (their names are unique over all panels)."""

    def __init__(self, reconcilers: Mapping[str, Reconciler], ledger: LedgerPort, clock: Clock) -> None:
        self._reconcilers = reconcilers
        self._ledger = ledger
        self._clock = clock
        self.undoer: Callable[[Holding], Callable[[Holding], str] | None] = _nobody

    def statuses(self) -> tuple[TargetStatus, ...]:
        """Return the published status of every target, sorted by panel and target."""
        return tuple(sorted((each.status for each in self._reconcilers.values()), key=lambda status: (status.panel, status.target)))

    def status(self, target: str) -> TargetStatus:
        """Return the published status of one target."""
        return self._reconciler(target).status

    def sync(self, target: str, seconds: float = SYNC_SECONDS) -> TargetStatus:
        """Run a pass now and wait for it, at most ``seconds``."""
        return self._reconciler(target).sync(seconds)

    def pause_says(self, target: str, standing: tuple[StandingPause, ...]) -> PauseSays:
        """Return what the newest look at a target says of the pauses that stand."""
        return self._reconciler(target).pause_says(standing)

    def plan(self, target: str) -> PlanReport:
        """Return the newest plan of a target; nothing is sent."""
        status = self._reconciler(target).status
        made = status.plan or Plan(target)
        return PlanReport(
            target, status.last_judged_at, tuple((each, status.described(each.proposal.object)) for each in made.repairs), made.held
        )

    def approvals(self, target: str | None = None, states: tuple[ApprovalState, ...] = (ApprovalState.WAITING,)) -> tuple[Approval, ...]:
        """Return requests for approval, the waiting ones unless told otherwise."""
        return self._ledger.approvals(target, states)

    def approve(self, approval_id: str, by: str) -> Approval:
        """Approve a request; it is good for an hour and for one repair. Raises NotFound, or Refused when it does not wait any more."""
        return self._decide(approval_id, ApprovalState.APPROVED, by)

    def reject(self, approval_id: str, by: str) -> Approval:
        """Reject a request; it is not asked again while the same drifts last. Raises like ``approve``."""
        return self._decide(approval_id, ApprovalState.REJECTED, by)

    def retry(self, target: str, drift_key: str, by: str) -> Approval:
        """Let a repair that stands behind its attempts, budget or breaker be tried once more, as an approval by ``by``.

        Raises NotFound when no candidate repair would end the drift.
        """
        reconciler = self._reconciler(target)
        repair = reconciler.candidate(drift_key)
        if repair is None:
            raise NotFound(f"no repair is known for '{drift_key}': see `plan {target}`")
        asked = self._ledger.request_approval(repair, reconciler.target.describe(repair), self._clock.now().wall)
        return asked if asked.state is ApprovalState.APPROVED else self.approve(asked.id, by)

    def ignore(self, pattern: str, reason: str, until: float | None, by: str) -> Ignore:
        """Ignore drifts by key or glob until a time (UNIX seconds; None = until their evidence changes)."""
        if not reason.strip():
            raise Refused("an ignore needs a reason: the next person will ask")
        made = self._ledger.ignore(pattern, reason, until, by, self._clock.now().wall)
        self._wake_all()
        return made

    def unignore(self, ignore_id: int) -> None:
        """End an ignore. Raises NotFound."""
        if not self._ledger.unignore(ignore_id):
            raise NotFound(f"no ignore has the number {ignore_id}")
        self._wake_all()

    def ignores(self) -> tuple[Ignore, ...]:
        """Return all ignores that hold."""
        return self._ledger.ignores()

    def baseline(self, target: str, what: Literal["accept", "repair"]) -> int:
        """Decide about what was there before us: leave it, or mend it; return how many findings that touches."""
        state: BaselineState = "accepted" if what == "accept" else "repair"
        reconciler = self._reconciler(target)
        touched = self._ledger.set_baseline(target, state, self._clock.now().wall)
        reconciler.wake()
        return touched

    def acknowledge(self, target: str, by: str) -> TargetStatus:
        """Let a target's repairs go on after an act by our key that is not ours; new ones stop them again. Waits for a pass."""
        reconciler = self._reconciler(target)
        if reconciler.status.stranger is None:
            raise Refused(f"nothing is to be acknowledged: no act by a second installation is known on '{target}'")
        log.info("a person acknowledges an act by our key that is not ours", target=target, by=by)
        reconciler.alone.acknowledge()
        return reconciler.sync(SYNC_SECONDS)

    def holdings(self, *, released: bool = False) -> tuple[Holding, ...]:
        """Return the changes of ours that outlive us (rule 19)."""
        return self._ledger.holdings(released=released)

    def release(self, holding_id: int) -> Release:
        """Let go of a holding: undone outside where its panel can do that, else only marked; the answer says which.

        Raises NotFound, and what the undoing raises; then the holding stays.
        """
        holding = next((each for each in self._ledger.holdings() if each.id == holding_id), None)
        reconciler = self._reconcilers.get(holding.target) if holding else None
        own = self.undoer(holding) if holding else None
        return release_on_order(self._ledger, holding_id, None if reconciler is None else reconciler.target, self._clock, own)

    def repairs(self, target: str | None = None, limit: int = 100) -> tuple[RepairRecord, ...]:
        """Return the newest repairs, of one target or of all."""
        return self._ledger.repairs(self._known(target), (), limit)

    def history(self, target: str | None = None, limit: int = 100) -> tuple[Episode, ...]:
        """Return drift episodes, open and closed."""
        return self._ledger.episodes(self._known(target), closed=True, limit=limit)

    def explain(self, asked: str) -> Explanation:
        """Return all that is known of one drift, open or closed; ``asked`` is its key, the end of one or a glob. Raises NotFound."""
        lives = {each.id: each for each in self._ledger.episodes(None, closed=True, limit=EXPLAINED)}
        here = [episode for status in self.statuses() for episode, _ in status.episodes]
        key = meant(asked, [each.drift.key for each in (*lives.values(), *here)])
        target = key.split("/", 2)[1]
        reconciler = self._reconcilers.get(target)
        return explain(
            key, (*lives.values(), *here), reconciler.status if reconciler else None, self._ledger.approvals(target, tuple(ApprovalState)),
            self._ledger.repairs(target, (), EXPLAINED),
        )  # fmt: skip

    def _decide(self, approval_id: str, to: ApprovalState, by: str) -> Approval:
        decided = self._ledger.decide(approval_id, to, by, self._clock.now().wall)
        if decided is None:
            raise Refused(f"the request {approval_id} does not wait any more")
        reconciler = self._reconcilers.get(decided.target)
        if reconciler is not None:
            reconciler.wake()
        return decided

    def _reconciler(self, target: str) -> Reconciler:
        reconciler = self._reconcilers.get(target)
        if reconciler is None:
            known = ", ".join(sorted(self._reconcilers)) or "none"
            raise NotFound(f"no target is called '{target}' (known: {known})")
        return reconciler

    def _known(self, target: str | None) -> str | None:
        return None if target is None else self._reconciler(target).target.name

    def _wake_all(self) -> None:
        for reconciler in self._reconcilers.values():
            reconciler.wake()


def _nobody(_holding: Holding) -> None:
    """Undo nothing: no room of the house holds anything by itself."""
