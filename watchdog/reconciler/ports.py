"""What the reconciler asks of the ledger. Declared here by the consumer; ``watchdog.ledger`` satisfies it.

Every method raises LedgerUnavailable when the ledger cannot be read or written; a compare-and-set that loses returns None or False.
All times are UNIX seconds unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from watchdog.model.approvals import Approval, ApprovalState, BaselineState, Holding, Ignore, Lease
from watchdog.model.drifts import Episode, Judgement, ObjectKey
from watchdog.model.repairs import LedgerFacts, Outcome, PlannedRepair, RepairRecord, RepairState


class DriftBook(Protocol):
    """Drift episodes, the target's memory, baseline and ignores."""

    def facts(self, target: str, now: float) -> LedgerFacts:
        """Return what pure rules may know of the past of ``target``."""
        ...

    def observe(self, target: str, judgement: Judgement, now: float, *, baseline: bool) -> tuple[Episode, ...]:
        """Record one look, in one transaction, and return the target's open episodes sorted by drift key.

        A drift seen again counts one look more; one whose subject is unknown keeps its episode, is marked blind and starts its looks
        anew; one that is neither seen nor unknown is closed. New episodes carry ``baseline``. The judgement's memory replaces the old.
        """
        ...

    def blind(self, target: str, now: float) -> tuple[Episode, ...]:
        """Record that nothing of ``target`` could be judged in this look: all its open episodes are blind."""
        ...

    def confirm(self, episodes: Sequence[Episode], now: float) -> tuple[Episode, ...]:
        """Set ``opened_at`` of those that have none (compare-and-set by version); return them as they are now."""
        ...

    def episodes(self, target: str | None = None, *, closed: bool = False, limit: int = 1000) -> tuple[Episode, ...]:
        """Return open episodes, or with ``closed`` the newest closed ones as well."""
        ...

    def baseline(self, target: str) -> BaselineState: ...

    def set_baseline(self, target: str, state: BaselineState, now: float) -> int:
        """Set the state; ``repair`` frees the target's baseline episodes for repair. Return how many episodes it touched."""
        ...

    def ignore(self, pattern: str, reason: str, until: float | None, by: str, now: float) -> Ignore: ...

    def unignore(self, ignore_id: int) -> bool: ...

    def ignores(self) -> tuple[Ignore, ...]: ...


class RepairBook(Protocol):
    """Repairs, approvals, holdings and leases."""

    def intend(self, repair: PlannedRepair, lease: Lease, requested_by: str, now: float) -> RepairRecord:
        """Write the intent, before anything is sent."""
        ...

    def move(
        self,
        record: RepairRecord,
        to: RepairState,
        now: float,
        *,
        outcome: Outcome | None = None,
        message: str = "",
    ) -> RepairRecord | None:
        """Move ``record`` to another state if nobody did since it was read (version); None = somebody did."""
        ...

    def note_step(self, record: RepairRecord, step: str, now: float) -> None:
        """Append a step boundary to the repair's row."""
        ...

    def repairs(self, target: str | None = None, states: Sequence[RepairState] = (), limit: int = 1000) -> tuple[RepairRecord, ...]:
        """Return repairs, newest first; all states when none is named."""
        ...

    def repairs_of_all(self, panel: str, since: float) -> tuple[RepairRecord, ...]:
        """Return the repairs of one kind of panel that were intended since then, of all hosts that share the ledger, the oldest first."""
        ...

    def repair_totals(self) -> Mapping[tuple[str, str, str, str], float]:
        """Return how many repairs were ever moved to each end, by (panel, target, remedy, result); in_doubt counts as one of the ends."""
        ...

    def request_approval(self, repair: PlannedRepair, describes: tuple[str, ...], now: float) -> Approval:
        """Return the waiting or approved request with the same binding, or write a new one."""
        ...

    def decide(self, approval_id: str, to: ApprovalState, by: str, now: float) -> Approval | None:
        """Approve, reject, use, expire or withdraw; None when its state does not allow it any more. Raises NotFound."""
        ...

    def approvals(self, target: str | None = None, states: Sequence[ApprovalState] = ()) -> tuple[Approval, ...]: ...

    def lease(self, object_key: ObjectKey | str, holder: str, seconds: float) -> Lease | None:
        """Take the lease of an object for ``seconds`` if it is free, expired or already ours; None = somebody else's."""
        ...

    def remaining(self, lease: Lease) -> float:
        """Return the seconds the lease is still good for by the database's clock; 0 or less = lost."""
        ...

    def leases(self) -> tuple[Lease, ...]:
        """Return the leases that are not expired, of all holders."""
        ...

    def renew(self, lease: Lease, seconds: float) -> bool: ...

    def release(self, lease: Lease) -> None: ...

    def hold(self, holding: Holding) -> Holding: ...

    def holdings(self, *, released: bool = False) -> tuple[Holding, ...]: ...

    def release_holding(self, holding_id: int, now: float) -> bool: ...


class LedgerPort(DriftBook, RepairBook, Protocol):
    """All of the above."""

    @property
    def life(self) -> int:
        """Return a number that changes when the ledger was away, or another one stands in the place of the one that was used until now."""
        ...

    def check(self) -> None:
        """Make sure that it can be read and written. Raises LedgerUnavailable, LedgerReadOnly when a newer program changed its schema."""
        ...
