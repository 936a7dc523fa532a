"""One channel: takes what is due from the outbox, sends it, marks it. A loop of its own, so that a dead channel holds up no other."""

from __future__ import annotations

import hashlib
import os
import random
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from watchdog.errors import LedgerUnavailable
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock, Moment
from watchdog.model.notes import EVENTS, Note, OutboxBook, Parcel
from watchdog.notify.metrics import RESULTS
from watchdog.notify.pacing import HOUR, pace
from watchdog.notify.sending import OK, REFUSED, Message, Sender, explain
from watchdog.notify.settings import ChannelSettings
from watchdog.notify.words import message
from watchdog.runtime.cron import zone_or_host
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LOOK_EVERY: Final = 15.0
SOON: Final = 0.5
"""Seconds after which a channel looks again for a letter whose transaction may not have ended yet."""
FRESH: Final = 5.0
FIRST_REST: Final = 5.0
LONGEST_REST: Final = 600.0
MOST_REFUSALS: Final = 10
STALE_CLAIM: Final = 900.0
"""Seconds after which a claim counts as lost, whosever it is: three times the longest deadline of a message."""

OnStep = Callable[[str], None]


def no_step(_mark: str) -> None:
    """Mark nothing."""


class Channel:
    """Delivers to one channel. ``step`` is its loop's; ``hear`` and ``shout`` are for anybody.

    ``holder`` (``host/pid/...``) names this process in claims. ``on_step`` is told of each boundary: claimed, sent, marked.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        book: OutboxBook,
        clock: Clock,
        instruments: Instruments,
        holder: str,
        host: str,
        sender: Sender,
        *,
        dice: random.Random | None = None,
        on_step: OnStep = no_step,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._book = book
        self._clock = clock
        self._instruments = instruments
        self._holder = holder
        self._host = host
        self._sender = sender
        # nothing secret hangs on it: it only spreads attempts
        self._dice = dice or random.Random()  # noqa: S311
        self._on_step = on_step
        self._failures = 0
        self._singly = False
        self._not_before = float("-inf")
        self._failing_since: float | None = None
        self._heard = float("-inf")
        self._unmarked: list[tuple[str, Callable[[], object]]] = []
        self._shouts: deque[Note] = deque(maxlen=10)
        for event in EVENTS:
            for result in RESULTS:
                instruments.count("watchdog_notifications_total", self.name, event, result, by=0.0)

    def spec(self) -> LoopSpec:
        """Return its loop. A step sends one message, so it is bounded by that message's deadline."""
        return LoopSpec(f"notify:{self.name}", self.step, LOOK_EVERY, self._settings.deadline + 120.0)

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._failing_since is not None

    def hear(self) -> None:
        """Know that a letter is being written: look for it until it can be seen."""
        self._heard = self._clock.now().mono

    def shout(self, note: Note) -> None:
        """Send a note without the outbox, once, at the next step: for when the ledger itself is what is to be told of."""
        self._shouts.append(note)

    def step(self) -> float:
        """Send at most one message; return the seconds until the next look."""
        now = self._clock.now()
        if now.mono < self._not_before:
            return min(LOOK_EVERY, self._not_before - now.mono)
        if self._shouts:
            note = self._shouts.popleft()
            return SOON if self._shouted(note) else self._rest_after_failure()
        try:
            return self._deliver(now)
        except LedgerUnavailable:
            return LOOK_EVERY

    def _deliver(self, now: Moment) -> float:
        self._mark_the_unmarked()
        self._recover(now)
        due = self._book.waiting(self.name, now.wall)
        sends = self._book.sends(self.name, now.wall - HOUR, now.wall)
        chosen = pace(due, sends, now.wall, rate=self._settings.rate, digest=self._settings.digest, quiet=self._is_quiet(now))
        self._singly &= len(due) > 1
        if not chosen.parcels:
            fresh = now.mono - self._heard < FRESH and not due
            return SOON if fresh else min(LOOK_EVERY, chosen.rest or LOOK_EVERY)
        batch = f"{self._holder}/{now.mono:.6f}"
        together = chosen.parcels[:1] if self._singly else chosen.parcels
        taken = self._book.claim([each.id for each in together], batch, self._holder, now.wall)
        if not taken:
            return SOON
        self._on_step("claimed")
        title, body, severity = message(taken, self._host)
        key = hashlib.sha256("\n".join([self._host, self.name, *(each.note.occasion for each in taken)]).encode()).hexdigest()[:32]
        word = self._sender(self._settings.resolved, Message(key, title, body, severity), self._settings.deadline)
        self._on_step("sent")
        return self._ended(taken, batch, word)

    def _ended(self, taken: tuple[Parcel, ...], batch: str, word: str) -> float:
        wall = self._clock.now().wall
        # a digest that is refused is taken apart: what is wrong with one letter must not cost the others
        self._singly |= word in REFUSED and len(taken) > 1
        hopeless = word in REFUSED and len(taken) == 1 and taken[0].attempts + 1 >= MOST_REFUSALS
        if word == OK:
            self._counted(taken, "sent" if len(taken) == 1 else "digested")
            mark: Callable[[], object] = lambda: self._book.delivered(batch, wall)  # noqa: E731
        elif hopeless:
            self._counted(taken, "dropped")
            log.error("a notification is refused for good", channel=self.name, letters=len(taken), reason=word)
            mark = lambda: self._book.abandoned(batch, word, wall)  # noqa: E731
        else:
            self._counted(taken, "failed")
            mark = lambda: self._book.returned(batch, word)  # noqa: E731
        # whatever the ledger says now: what was sent must be marked before anything else is
        self._unmarked.append((batch, mark))
        self._told(word, wall)
        self._mark_the_unmarked()
        self._on_step("marked")
        return 0.0 if word == OK or hopeless else self._rest_after_failure()

    def _mark_the_unmarked(self) -> None:
        """Write how messages ended that could not be written at once. Raises LedgerUnavailable: then nothing more is sent."""
        while self._unmarked:
            _, mark = self._unmarked[0]
            mark()
            self._unmarked.pop(0)

    def _recover(self, now: Moment) -> None:
        """Put back what a former life took and did not end; what it sent without a mark is sent once more, for nobody can know."""
        holders = self._book.holders(self.name)
        if not holders:
            return
        gone = [each for each in holders if _dead(each, self._host)]
        back = self._book.recover(self.name, gone, now.wall - STALE_CLAIM)
        if back:
            log.info("notifications of a former life are sent again", channel=self.name, letters=back)

    def _shouted(self, note: Note) -> bool:
        word = self._sender(
            self._settings.resolved, Message(note.occasion, note.title, f"{note.body}\nhost: {self._host}".strip(), note.severity),
            self._settings.deadline,
        )  # fmt: skip
        self._instruments.count("watchdog_notifications_total", self.name, note.event, "sent" if word == OK else "failed")
        self._told(word, self._clock.now().wall)
        if word != OK:
            self._shouts.appendleft(note)
        return word == OK

    def _told(self, word: str, wall: float) -> None:
        """Say in log and metrics when the channel breaks and when it recovers, once each."""
        if word == OK:
            if self._failing_since is not None:
                log.info("a channel works again", channel=self.name)
            self._failures, self._failing_since, self._not_before = 0, None, float("-inf")
            self._instruments.set("watchdog_notify_last_success_timestamp_seconds", self.name, value=wall)
            self._instruments.drop("watchdog_notify_failing_since_timestamp_seconds", self.name)
            return
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = wall
            self._instruments.set("watchdog_notify_failing_since_timestamp_seconds", self.name, value=wall)
            log.warning("a channel does not deliver; it is tried again", channel=self.name, reason=word, detail=explain(word))

    def _rest_after_failure(self) -> float:
        rest = min(LONGEST_REST, FIRST_REST * 2.0 ** min(self._failures - 1, 20)) * self._dice.uniform(0.75, 1.0)
        self._not_before = self._clock.now().mono + rest
        return min(LOOK_EVERY, rest)

    def _counted(self, parcels: tuple[Parcel, ...], result: str) -> None:
        for each in parcels:
            self._instruments.count("watchdog_notifications_total", self.name, each.note.event, result)

    def _is_quiet(self, now: Moment) -> bool:
        quiet = self._settings.quiet
        return quiet is not None and quiet.holds(datetime.fromtimestamp(now.wall, zone_or_host(quiet.zone)).time())


def _dead(holder: str, host: str) -> bool:
    """Whether a claim's holder was a process of this host that is no more."""
    parts = holder.rsplit("/", 2)
    if len(parts) != 3 or parts[0] != host or not parts[1].isdigit():  # noqa: PLR2004  # host, pid and a random part
        return False
    return int(parts[1]) != os.getpid() and not Path(f"/proc/{parts[1]}").exists()
