"""Changes of ours outside that outlive us (rule 19): the door to their record, how they are undone, and the loops that look after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey, Scalar


class Holdings(Protocol):
    """One target's holdings. Every method raises LedgerUnavailable, and then nothing was written."""

    def hold(self, what: str, acted_on: ObjectKey, undo: str, parameters: Mapping[str, Scalar], expires_at: float | None = None) -> Holding:
        """Record a change *before* it is made; return it with its id.

        What is held already (same ``what`` on the same object) keeps its first undo and parameters, only its expiry is renewed.
        """
        ...

    def held(self) -> tuple[Holding, ...]:
        """Return what is held now, the oldest first."""
        ...

    def release(self, holding_id: int) -> bool:
        """Mark a holding of this target undone, *after* it was; False = it is not held (any more)."""
        ...


@dataclass(frozen=True, slots=True)
class Tend:
    """A loop of a target's own beside its passes. It is supervised like every loop (rule 15), and ends with the configuration's world.

    ``step`` does one round and returns the seconds until it wishes to run again at the latest (None = ``every``). A step past ``deadline``
    seconds is left behind and the next is called beside it: a target lets only one of them act. ``step`` may block for about a second
    (waiting for events), not longer, or the program's end waits for it.
    """

    name: str
    step: Callable[[], float | None]
    every: float
    deadline: float = 60.0


class Tending(Protocol):
    """What a target offers that needs loops of its own: one more method of ``Target``."""

    def tends(self) -> tuple[Tend, ...]:
        """Return the loops, once, after the target was connected."""
        ...


class Undoing(Protocol):
    """What a target offers that can undo its holdings: one more method of ``Target``."""

    def undo(self, holding: Holding) -> str:
        """Undo one holding outside, and say in one sentence what was done. Idempotent. Raises the house's errors: then it stays held."""
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """How a person's release of a holding ended. ``undone`` False = it is only marked, and ``message`` says what is left to do by hand."""

    holding: Holding
    undone: bool
    message: str


def tends_of(target: object) -> tuple[Tend, ...]:
    """Return the loops that a target asks for; none when it is not of that kind."""
    return cast(Tending, target).tends() if callable(getattr(target, "tends", None)) else ()


def undo_of(target: object) -> Callable[[Holding], str] | None:
    """Return how a target undoes its holdings, None when it does not."""
    found: Any = getattr(target, "undo", None)
    return cast(Undoing, target).undo if callable(found) else None
