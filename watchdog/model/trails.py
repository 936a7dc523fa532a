"""A panel's audit trail: who did what to which object, as the panel itself wrote it down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from watchdog.model.moments import Moment
from watchdog.model.snapshots import Actual


@dataclass(frozen=True, slots=True)
class TrailAct:
    """One act. ``id`` is unique in its trail; ``what`` is the trail's own word; ``at`` is UNIX seconds by the panel's clock.

    ``object`` is (kind, id) of the thing it acted on, as a repair's object is named. ``by`` says how it came in: ``key`` = with an API key
    of the account ``who``, ``person`` = with a session. ``who`` "" = the trail does not name it. ``remedies`` are those of ours that leave
    such an act, each one at most once in a run.
    """

    id: str
    what: str
    at: float
    object: tuple[str, str]
    by: Literal["key", "person"]
    who: str
    remedies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trail:
    """What was read of a trail: acts on objects that this target may act on, and nothing else.

    ``account`` is whose key ours is, "" = the panel does not say (then it is learned from acts of ours); ``ahead`` is by how many seconds
    the panel's clock is ahead of ours.
    """

    acts: tuple[TrailAct, ...] = ()
    account: str = ""
    ahead: float = 0.0


class Trailing(Protocol):
    """What a target offers whose panel keeps an audit trail: one more method of ``Target``. Pure."""

    def trail(self, actual: Actual, view: Any, now: Moment) -> Trail | None:
        """Return what the newest view shows of it; None = it could not be read, or this release has none."""
        ...


def trailing_of(target: object) -> Callable[[Actual, Any, Moment], Trail | None] | None:
    """Return how a target shows its panel's trail; None when its panel has none."""
    found: Any = getattr(target, "trail", None)
    return cast(Trailing, target).trail if callable(found) else None


@dataclass(frozen=True, slots=True)
class Touch:
    """The newest act of somebody else on an object. ``at`` is UNIX seconds by our clock."""

    at: float
    what: str
    who: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """An act by our key that no ledger of ours knows. ``at`` is UNIX seconds by our clock, ``on`` what it acted on."""

    what: str
    who: str
    on: str
    at: float
