"""What nobody writes into the ledger by itself: a target unknown for long, and trouble with the ledger. And whether all is well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from watchdog.errors import LedgerUnavailable
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock, Moment
from watchdog.model.notes import Backlog, Letter, Note
from watchdog.notify import words
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LOOK_EVERY: Final = 15.0
AWAY: Final = 60.0
"""Seconds without a ledger before that is told: a moment of it is no news."""
TIDY_EVERY: Final = 900.0


class WatchBook(Protocol):
    """What the watch asks of the ledger."""

    def check(self) -> None: ...

    def post(self, letters: Collection[Letter], now: float) -> int: ...

    def backlog(self) -> Mapping[str, Backlog]: ...

    def tidy(
        self, channels: Collection[str], before: float, stale: float, bound: int, now: float
    ) -> Mapping[tuple[str, str, str], int]: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """How far a target can be judged. ``blind_since`` is UNIX seconds: of the target if ``subjects`` is 0, else of its oldest subject."""

    target: str
    blind_since: float | None
    subjects: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds: how long unknown before it is told, how long letters are kept; and how many of them."""

    unknown: float
    keep: float
    most: int


class Watch:
    """Looks every few seconds. ``sights`` tells of all targets; ``letters`` addresses a note; ``shout`` tells all without the ledger."""

    def __init__(
        self,
        book: WatchBook,
        clock: Clock,
        instruments: Instruments,
        sights: Callable[[], tuple[Sight, ...]],
        letters: Callable[[Note | None], tuple[Letter, ...]],
        shout: Callable[[Note], None],
        channels: Collection[str],
        bounds: Bounds,
    ) -> None:
        self._book = book
        self._clock = clock
        self._instruments = instruments
        self._sights = sights
        self._letters = letters
        self._shout = shout
        self._channels = channels
        self._bounds = bounds
        self._blind: dict[str, float] = {}
        self._dim: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._away: Moment | None = None
        self._shouted = False
        self._tidied = float("-inf")
        self.backlog: Mapping[str, Backlog] = {}

    def spec(self) -> LoopSpec:
        """Return its loop."""
        return LoopSpec("notices", self.step, LOOK_EVERY, 120.0)

    def step(self) -> None:
        """Look once."""
        now = self._clock.now()
        try:
            self._book.check()
            self._ledger_is_back(now)
            self._look_at_targets(now)
            self._show()
            if now.mono - self._tidied >= TIDY_EVERY:
                self._tidied = now.mono
                self._tidy(now)
        except LedgerUnavailable as error:
            self._ledger_is_away(now, str(error))

    def blind_for(self, target: str) -> float:
        """Return for how many seconds, by the clock that never jumps, a whole target could not be judged; 0 = it can."""
        since = self._blind.get(target)
        return 0.0 if since is None else self._clock.now().mono - since

    def _look_at_targets(self, now: Moment) -> None:
        for sight in self._sights():
            _since(self._blind, sight.target, sight.blind_since is not None and not sight.subjects, now)
            _since(self._dim, sight.target, sight.blind_since is not None, now)
            told = self._told.get(sight.target)
            if sight.blind_since is None:
                if told is not None:
                    self._post(words.known_again(sight.target, told), now)
                    del self._told[sight.target]
            elif told is None and now.mono - self._dim[sight.target] >= self._bounds.unknown:
                self._post(words.unknown(sight.target, sight.blind_since, sight.subjects, sight.why), now)
                self._told[sight.target] = sight.blind_since

    def _post(self, note: Note, now: Moment) -> None:
        self._book.post(self._letters(note), now.wall)

    def _ledger_is_away(self, now: Moment, why: str) -> None:
        if self._away is None:
            self._away = now
        if now.since(self._away) >= AWAY and not self._shouted:
            self._shouted = True
            self._shout(words.ledger_away(self._away.wall, why))

    def _ledger_is_back(self, now: Moment) -> None:
        if self._away is not None and self._shouted:
            self._post(words.ledger_back(self._away.wall, now.wall), now)
        self._away, self._shouted = None, False

    def _show(self) -> None:
        self.backlog = self._book.backlog()
        for name in self._channels:
            mine = self.backlog.get(name, Backlog())
            self._instruments.set("watchdog_notify_outbox_messages", name, value=float(mine.waiting))
            if mine.oldest is None:
                self._instruments.drop("watchdog_notify_outbox_oldest_timestamp_seconds", name)
            else:
                self._instruments.set("watchdog_notify_outbox_oldest_timestamp_seconds", name, value=mine.oldest)

    def _tidy(self, now: Moment) -> None:
        before = now.wall - self._bounds.keep
        dropped = self._book.tidy(self._channels, before, before, self._bounds.most, now.wall)
        for (channel, event, _), count in dropped.items():
            if channel in self._channels:
                self._instruments.count("watchdog_notifications_total", channel, event, "dropped", by=float(count))
        if dropped:
            reasons = sorted({reason for _, _, reason in dropped})
            log.error("notifications were dropped undelivered", letters=sum(dropped.values()), reasons=", ".join(reasons))


def _since(since: dict[str, float], name: str, holds: bool, now: Moment) -> None:
    """Keep since when something holds without a break, by the clock that never jumps."""
    if holds:
        since.setdefault(name, now.mono)
    else:
        since.pop(name, None)
