"""Pauses: what a person, a window, pressure or an alert wants left alone, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

PauseSource = Literal["person", "window", "pressure", "alert"]
SOURCES: Final[tuple[PauseSource, ...]] = ("person", "window", "pressure", "alert")
PauseEnd = Literal["expired", "resumed"]
ENDS: Final[tuple[PauseEnd, ...]] = ("expired", "resumed")


@dataclass(frozen=True, slots=True)
class PauseOrder:
    """What is asked for: leave ``target`` (or one ``task`` of it, by id or name) alone.

    At most one of ``until`` (UNIX seconds: a date, which follows the wall clock) and ``length`` (seconds, which no jump of the wall clock
    shortens) is given; neither = until further notice.
    """

    target: str
    reason: str
    by: str
    task: str = ""
    source: PauseSource = "person"
    until: float | None = None
    length: float | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause, as the ledger keeps it.

    ``until`` is UNIX seconds, None = until further notice. With a ``length`` in seconds it follows CLOCK_BOOTTIME: within the ``boot``
    (the kernel's boot id) in which it was asked for it is over at ``until_mono``; after a reboot at ``until``. ``version`` grows with each
    change by a person. At most one pause of a source stands per target and task. ``ended_at`` is None while it stands.
    """

    id: int
    target: str
    task: str
    source: PauseSource
    reason: str
    by: str
    created_at: float
    until: float | None
    length: float | None
    boot: str
    until_mono: float | None
    version: int
    ended_at: float | None = None
    end: PauseEnd | None = None
    ended_by: str | None = None

    def covers(self, subject_id: str, subject_name: str) -> bool:
        """Whether a subject is to be left alone: any, or the one task, by id or name."""
        return not self.task or self.task in {subject_id, subject_name}


@dataclass(frozen=True, slots=True)
class StandingPause:
    """A pause that stands, and the seconds left of it by the clock that it follows: more than 0, None = until further notice."""

    pause: Pause
    left: float | None


@dataclass(frozen=True, slots=True)
class PauseFacts:
    """What pure rules may know of a target's pauses: those that stand, the oldest first, and those that ended lately, the newest first."""

    standing: tuple[StandingPause, ...] = ()
    ended: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True)
class PauseSays:
    """What a panel that is itself held paused shows of the pauses that stand: the sentences that hold, and those that do not."""

    well: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


class Pausable(Protocol):
    """What a target offers whose panel is itself held paused while a pause stands: one more method of ``Target``."""

    def check_pauses(self, view: Any, standing: tuple[StandingPause, ...]) -> PauseSays:
        """Compare, purely: the newest view of the panel with the pauses that stand."""
        ...


def pausable(target: object) -> Callable[[Any, tuple[StandingPause, ...]], PauseSays] | None:
    """Return how a target checks the pauses that its panel obeys; None when pausing it means only leaving it alone."""
    return cast(Pausable, target).check_pauses if callable(getattr(target, "check_pauses", None)) else None


@dataclass(frozen=True, slots=True)
class PauseCheck:
    """Whether a pause is what everybody thinks: the sentences that hold, and those that do not (none = all is well)."""

    target: str
    well: tuple[str, ...]
    wrong: tuple[str, ...]


class PauseBook(Protocol):
    """The pauses of this host. Raises LedgerUnavailable."""

    def begin_pause(self, order: PauseOrder, until: float | None, boot: str, until_mono: float | None, now: float) -> Pause | None:
        """Write a pause; None when one of the same source stands for the same target and task."""
        ...

    def change_pause(
        self, pause_id: int, version: int, order: PauseOrder, until: float | None, boot: str, until_mono: float | None
    ) -> Pause | None:
        """Give a standing pause another end, length, reason and author; None when it has another version by now, or is over."""
        ...

    def restate_pause(self, pause_id: int, until: float) -> None:
        """Write where the end of a pause with a length lies on the wall clock by now."""
        ...

    def end_pause(self, pause_id: int, version: int | None, end: PauseEnd, by: str, now: float) -> Pause | None:
        """End a pause, once: None when it is over already, or has another version than the one that was meant (None = any)."""
        ...

    def pause(self, pause_id: int) -> Pause | None:
        """Return one pause of this host, standing or over."""
        ...

    def pauses(self, target: str | None = None, *, ended: bool = False, limit: int = 1000) -> tuple[Pause, ...]:
        """Return the standing ones, the oldest first; with ``ended`` also those of the past, the newest first."""
        ...
