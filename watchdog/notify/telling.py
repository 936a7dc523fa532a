"""Who is told of what: from a note to the channels whose rules it meets. Satisfies ``model.notes.Teller``; pure but for its ears."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from watchdog.model.approvals import Approval, BaselineState
from watchdog.model.drifts import Episode, Severity
from watchdog.model.notes import SEVERITIES, Event, Letter, Note
from watchdog.model.pauses import Pause
from watchdog.model.repairs import RepairRecord
from watchdog.notify import words
from watchdog.notify.settings import ChannelSettings, NotifySettings

Heard = Callable[[Collection[Letter], Collection[Letter]], None]
_EACH: frozenset[Event] = frozenset({"pause_begun", "pause_changed", "pause_ended", "test"})
"""What a person did is told each time, however soon they do it again."""


def wants(channel: ChannelSettings, note: Note) -> bool:
    """Whether a note meets the rules of a channel."""
    if note.event == "test":
        return True
    if channel.events and note.event not in channel.events:
        return False
    if SEVERITIES.index(note.severity) < SEVERITIES.index(channel.severity):
        return False
    return not note.target or any(fnmatchcase(note.target, pattern) for pattern in channel.targets)


class Telling:
    """The rules of one configuration.

    ``severities`` is by (panel, drift kind); ``heard`` is told of the letters that are about to be kept. Drifts of ``hushed`` targets are
    not told while a pause covers them.
    """

    def __init__(
        self,
        settings: NotifySettings,
        severities: Mapping[tuple[str, str], Severity],
        heard: Heard,
        hushed: Collection[str] = frozenset(),
    ) -> None:
        self._hushed = hushed
        self._channels = settings.channels
        self._window = settings.dedupe
        self._severities = severities
        self._heard = heard

    def letters(self, note: Note | None) -> tuple[Letter, ...]:
        """Return a note as letters, one for each channel that wants it."""
        if note is None:
            return ()
        window = 0.0 if note.event in _EACH else self._window
        return tuple(Letter(channel.name, note, window) for channel in self._channels if wants(channel, note))

    def opened(self, episode: Episode, pauses: tuple[Pause, ...], /) -> tuple[Letter, ...]:
        """Tell of a confirmed drift, unless a person ignores it or a pause covers it: then its end asks again."""
        return () if self._left_alone(episode, pauses) else self._about(episode, words.opened)

    def closed(self, episode: Episode, pauses: tuple[Pause, ...], /) -> tuple[Letter, ...]:
        """Tell of its end, likewise; what was told before a pause began is told to its end."""
        since = [pause for pause in pauses if episode.opened_at is not None and pause.created_at <= episode.opened_at]
        return () if self._left_alone(episode, since) else self._about(episode, words.closed)

    def repair(self, record: RepairRecord, /) -> tuple[Letter, ...]:
        """Tell of a verdict, of giving up, and of doubt."""
        return self.letters(words.repaired(record)) if self._channels else ()

    def approval(self, approval: Approval, /) -> tuple[Letter, ...]:
        """Tell of what waits for a person."""
        return self.letters(words.waits(approval)) if self._channels else ()

    def pause(self, event: Event, pause: Pause, /) -> tuple[Letter, ...]:
        """Tell of a pause."""
        return self.letters(words.paused(event, pause)) if self._channels else ()

    def baseline(self, target: str, state: BaselineState, found: tuple[Episode, ...], now: float, /) -> tuple[Letter, ...]:
        """Tell of what was there before us."""
        return self.letters(words.digest_of(target, state, found, now)) if self._channels else ()

    def posted(self, fresh: Collection[Letter], resting: Collection[Letter], /) -> None:
        """Pass it on."""
        self._heard(fresh, resting)

    def _left_alone(self, episode: Episode, pauses: Iterable[Pause]) -> bool:
        drift = episode.drift
        return drift.target in self._hushed and any(each.covers(drift.subject.id, drift.subject.name) for each in pauses)

    def _about(self, episode: Episode, word: Callable[[Episode, Severity], Note]) -> tuple[Letter, ...]:
        ignored = episode.ignore_reason is not None and (episode.ignored_until is None or episode.last_seen < episode.ignored_until)
        if ignored or not self._channels:
            return ()
        return self.letters(word(episode, self._severities.get((episode.drift.panel, episode.drift.kind), "warning")))
