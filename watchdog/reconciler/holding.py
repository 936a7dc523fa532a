"""The house's door to holdings: what remedies and a target's own loops hold, and how a person's release is carried out (rule 19)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchdog.errors import NotFound
from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey, Scalar
from watchdog.model.holdings import Release, undo_of
from watchdog.model.moments import Clock
from watchdog.reconciler.ports import RepairBook
from watchdog.runtime.log import get_logger

log = get_logger(__name__)


class TargetHoldings:
    """The holdings of one target in the ledger; satisfies ``model.holdings.Holdings``. For any thread."""

    def __init__(self, book: RepairBook, target: str, clock: Clock) -> None:
        self._book = book
        self._target = target
        self._clock = clock

    def hold(self, what: str, acted_on: ObjectKey, undo: str, parameters: Mapping[str, Scalar], expires_at: float | None = None) -> Holding:
        """Write a holding before its change is made."""
        return self._book.hold(Holding(0, self._target, what, acted_on, undo, dict(parameters), self._clock.now().wall, expires_at))

    def held(self) -> tuple[Holding, ...]:
        """Return what is held."""
        return tuple(each for each in self._book.holdings() if each.target == self._target)

    def release(self, holding_id: int) -> bool:
        """Mark one of this target's holdings undone."""
        mine = any(each.id == holding_id for each in self.held())
        return mine and self._book.release_holding(holding_id, self._clock.now().wall)


def release_on_order(
    book: RepairBook, holding_id: int, target: object | None, clock: Clock, own: Callable[[Holding], str] | None = None
) -> Release:
    """Let go of a holding because a person said so: undone outside by its target where that can be, else marked and said so.

    ``target`` is the connected target that the holding belongs to, None when the configuration has it no more; ``own`` undoes what the
    house itself holds for it (a silence). Raises NotFound, and what the undoing raises: then the holding stays.
    """
    holding = next((each for each in book.holdings() if each.id == holding_id), None)
    if holding is None:
        raise NotFound(f"no open holding has the number {holding_id}")
    undo = own if own is not None or target is None else undo_of(target)
    if undo is None:
        why = "its target is not configured any more" if target is None else "its panel cannot undo it by itself"
        message = f"only marked, nothing was changed outside ({why}); by hand: {_by_hand(holding)}"
    else:
        message = undo(holding)
    if not book.release_holding(holding_id, clock.now().wall):
        raise NotFound(f"no open holding has the number {holding_id}: it was released at this moment")
    log.info("a holding is released", holding=holding.id, target=holding.target, what=holding.what, undone=undo is not None)
    return Release(holding, undo is not None, message)


def _by_hand(holding: Holding) -> str:
    told = ", ".join(f"{key}={value}" for key, value in sorted(holding.parameters.items()))
    return f"{holding.undo} ({told})" if told else holding.undo
