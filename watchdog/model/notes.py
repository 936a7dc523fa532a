"""Notifications as values: what is told, to which channel, and how far a message has come on its way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from watchdog.model.approvals import Approval, BaselineState
from watchdog.model.drifts import Episode, Severity
from watchdog.model.pauses import Pause
from watchdog.model.repairs import RepairRecord

Event = Literal[
    "drift_opened", "drift_closed", "repair_verified", "repair_unverified", "repair_gave_up", "repair_in_doubt", "approval_waiting",
    "pause_begun", "pause_changed", "pause_ended", "unknown", "baseline", "ledger", "test",
]  # fmt: skip
EVENTS: Final[tuple[Event, ...]] = (
    "drift_opened", "drift_closed", "repair_verified", "repair_unverified", "repair_gave_up", "repair_in_doubt", "approval_waiting",
    "pause_begun", "pause_changed", "pause_ended", "unknown", "baseline", "ledger", "test",
)  # fmt: skip
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
"""From the least to the most."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to tell.

    ``occasion`` names exactly what happened (a note of the same occasion is written once for ever); ``subject`` is what it is about:
    notes of one subject reach a channel in order. ``title`` is one line, ``body`` a few; neither holds a secret.
    """

    event: Event
    severity: Severity
    target: str
    subject: str
    occasion: str
    title: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A note for one channel. ``window``: for how many seconds the same subject, event and severity is not told again."""

    channel: str
    note: Note
    window: float


@dataclass(frozen=True, slots=True)
class Parcel:
    """A letter in the outbox. Times are UNIX seconds; ``folded`` counts the older letters of its subject that it stands for."""

    id: int
    channel: str
    note: Note
    created_at: float
    attempts: int
    folded: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one channel: how many, and since when the oldest (UNIX seconds, None = nothing waits)."""

    waiting: int = 0
    oldest: float | None = None


class Teller(Protocol):
    """What the ledger asks while it writes: who is to be told of this? Pure and quick; the letters go into the same transaction.

    ``pauses`` are those of the target that stand: what is left alone is not told of before its pause is over.
    """

    def opened(self, episode: Episode, pauses: tuple[Pause, ...], /) -> tuple[Letter, ...]: ...

    def closed(self, episode: Episode, pauses: tuple[Pause, ...], /) -> tuple[Letter, ...]: ...

    def repair(self, record: RepairRecord, /) -> tuple[Letter, ...]: ...

    def approval(self, approval: Approval, /) -> tuple[Letter, ...]: ...

    def pause(self, event: Event, pause: Pause, /) -> tuple[Letter, ...]: ...

    def baseline(self, target: str, state: BaselineState, found: tuple[Episode, ...], now: float, /) -> tuple[Letter, ...]: ...

    def posted(self, fresh: Collection[Letter], resting: Collection[Letter], /) -> None:
        """Hear which letters are about to be committed: those that may go, and those whose like was told within their window."""
        ...


class Nobody:
    """Nobody is told of anything."""

    def opened(self, *_: object) -> tuple[Letter, ...]:
        """Return nothing."""
        return ()

    closed = repair = approval = pause = baseline = opened

    def posted(self, fresh: Collection[Letter], resting: Collection[Letter], /) -> None:
        """Do nothing."""


class OutboxBook(Protocol):
    """The outbox of this host. Every method raises LedgerUnavailable; a change is one compare-and-set."""

    def post(self, letters: Collection[Letter], now: float) -> int:
        """Write letters that belong to no other change; return how many were new."""
        ...

    def waiting(self, channel: str, now: float, limit: int = 500) -> tuple[Parcel, ...]:
        """Return what may go to ``channel`` now, the oldest first."""
        ...

    def claim(self, ids: Collection[int], batch: str, holder: str, now: float) -> tuple[Parcel, ...]:
        """Take letters for one message called ``batch``; only those that nobody else took since they were read."""
        ...

    def delivered(self, batch: str, now: float) -> int:
        """Mark a batch as sent; return how many letters that were."""
        ...

    def returned(self, batch: str, reason: str) -> int:
        """Put a batch that was not sent back in its place, one attempt more."""
        ...

    def abandoned(self, batch: str, reason: str, now: float) -> int:
        """Mark a batch that no attempt can deliver."""
        ...

    def recover(self, channel: str, dead: Collection[str], before: float) -> int:
        """Put back what was taken and did not end: by ``dead`` holders, and by anybody before ``before`` (UNIX seconds)."""
        ...

    def sends(self, channel: str, since: float, until: float) -> tuple[float, ...]:
        """Return when messages went to ``channel`` in that time, the oldest first."""
        ...

    def holders(self, channel: str) -> tuple[str, ...]:
        """Return who has claims on letters to ``channel``."""
        ...

    def backlog(self) -> Mapping[str, Backlog]:
        """Return what waits, by channel."""
        ...

    def tidy(self, channels: Collection[str], before: float, stale: float, bound: int, now: float) -> Mapping[tuple[str, str, str], int]:
        """Remove what ended before ``before``, then by count the oldest ended, then the oldest that wait; drop what nobody will deliver.

        Dropped is what waits for a channel that is none of ``channels``, or since before ``stale``. Return how many were dropped
        undelivered, by (channel, event, reason).
        """
        ...
