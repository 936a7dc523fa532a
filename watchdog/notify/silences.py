"""Silences for pauses: while a pause of a watched target stands, its alerts are silenced in Alertmanager. Level, not edge.

Each look compares all silences that carry our key with the pauses that stand, and makes them equal: so a crash between the POST and its
record, an Alertmanager that was away, and an answer that was lost leave neither two silences nor one too many. The key stands at the end of
the comment, ``[panel-watchdog:HOST:PAUSE]``; a silence without it is never touched. The pause itself never waits for any of this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol
from urllib.parse import quote, unquote

from watchdog.errors import LedgerUnavailable, Permanent, WatchdogError
from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey, Subject
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock, Moment
from watchdog.model.pauses import Pause
from watchdog.notify.alertmanager import Alertmanager, Matcher, Silence
from watchdog.notify.settings import AlertmanagerSettings
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec
from watchdog.runtime.redaction import redact

log = get_logger(__name__)

HELD: Final = "silence"
CREATOR: Final = "panel-watchdog"
SLACK: Final = 30.0
"""Seconds by which a silence's end may be off before it is set anew."""
IDLE_EVERY: Final = 600.0
"""Seconds between looks while no pause stands: so that one knows beforehand whether Alertmanager can be reached."""
LEAST: Final = 5.0
"""Seconds: a pause that ends sooner is not worth a silence any more; Alertmanager refuses an end that lies in its past."""

_KEY = re.compile(r"\[panel-watchdog:([^:\]]*):(\d+)\]$")


class SilenceBook(Protocol):
    """What is asked of the ledger."""

    def hold(self, holding: Holding) -> Holding: ...

    def holdings(self, *, released: bool = False) -> tuple[Holding, ...]: ...

    def release_holding(self, holding_id: int, now: float) -> bool: ...


class Silences:
    """The silences of this host's pauses. ``panels`` maps each target whose alerts are to be silenced to its panel.

    ``standing`` returns the pauses of a target that are not over at this moment, and may raise LedgerUnavailable; ``subjects`` what the
    newest pass knew of: a task may be paused by its name, and alerts name it by its id.
    """

    def __init__(
        self,
        settings: AlertmanagerSettings,
        alertmanager: Alertmanager,
        book: SilenceBook,
        clock: Clock,
        instruments: Instruments,
        host: str,
        panels: Mapping[str, str],
        standing: Callable[[str], tuple[Pause, ...]],
        subjects: Callable[[str], Collection[Subject]] = lambda _target: (),
        on_step: Callable[[str], None] = lambda _mark: None,
    ) -> None:
        self._settings = settings
        self._alertmanager = alertmanager
        self._book = book
        self._clock = clock
        self._instruments = instruments
        self._host = host
        self._panels = panels
        self._standing = standing
        self._subjects = subjects
        self._on_step = on_step
        self._broken = False
        self._asked = float("-inf")
        instruments.set("watchdog_alertmanager_up", value=0.0)

    def spec(self) -> LoopSpec:
        """Return its loop."""
        return LoopSpec("silences", self.step, self._settings.every, 120.0)

    def step(self) -> None:
        """Compare and set right, once."""
        try:
            live = self._compare(self._clock.now())
        except LedgerUnavailable:
            return  # the ledger tells of itself; without knowing the pauses no silence is touched
        except WatchdogError as error:
            self._instruments.set("watchdog_alertmanager_up", value=0.0)
            if not self._broken:
                self._broken = True
                log.warning("silences cannot be kept in Alertmanager", error=type(error).__name__, message=str(error))
            return
        if self._broken:
            self._broken = False
            log.info("silences can be kept in Alertmanager again")
        self._instruments.set("watchdog_alertmanager_up", value=1.0)
        self._instruments.set("watchdog_alertmanager_last_success_timestamp_seconds", value=self._clock.now().wall)
        self._instruments.set("watchdog_silences", value=float(live))

    def undo(self, holding: Holding) -> str:
        """Expire the silence of a holding because a person said so; it is not made again for the same pause. Raises the house's errors."""
        mine = [each for each in self._ours() if _pause_of(each, self._host) == _number(holding) and each.live]
        for silence in mine:
            self._alertmanager.expire(silence.id)
        return f"expired {len(mine)} silence{'s' if len(mine) != 1 else ''} in Alertmanager; it stays so for this pause"

    def _compare(self, now: Moment) -> int:
        # the pauses first: one that begins after this line is silenced at the next look; the other way round it would look like a leftover
        wanted = {pause.id: pause for target in self._panels for pause in self._standing(target)}
        holdings = [each for each in self._book.holdings(released=True) if each.what == HELD]
        released = {_number(each) for each in holdings if each.released_at is not None}
        held = {_number(each): each for each in holdings if each.released_at is None}
        if not wanted and not held and now.mono - self._asked < IDLE_EVERY:
            return 0  # nothing should be ours, for a holding is written before its silence
        by_pause: dict[int, list[Silence]] = {}
        for silence in self._ours():
            by_pause.setdefault(_pause_of(silence, self._host), []).append(silence)
        self._asked = now.mono
        over = [each for number, several in by_pause.items() if number not in wanted or number in released for each in several]
        standing = self._still_live() if self._expire_all(over) else set()
        for number, holding in held.items():
            if number not in wanted and number not in standing:
                self._book.release_holding(holding.id, now.wall)
        return self._keep_all([pause for pause in wanted.values() if pause.id not in released], by_pause, held, now)

    def _ours(self) -> list[Silence]:
        return [each for each in self._alertmanager.silences() if _pause_of(each, self._host)]

    def _still_live(self) -> set[int]:
        """Return the pauses whose silence stands although we ended it: whatever answered with a success was not Alertmanager then."""
        return {_pause_of(each, self._host) for each in self._ours() if each.live}

    def _keep_all(self, pauses: list[Pause], known: Mapping[int, list[Silence]], held: Mapping[int, Holding], now: Moment) -> int:
        """See to each pause; one whose silence is refused keeps nobody else's from being made. Raises the first refusal at the end."""
        live, refused = 0, None
        for pause in pauses:
            try:
                live += self._keep(pause, known.get(pause.id, []), held.get(pause.id), now)
            except Permanent as error:
                refused = refused or error
        if refused is not None:
            raise refused
        return live

    def _keep(self, pause: Pause, known: list[Silence], held: Holding | None, now: Moment) -> bool:
        """See that exactly one silence stands for a pause; return whether one does."""
        ends = self._ends(pause, now)
        if ends - now.wall < LEAST:
            return False
        live = sorted((each for each in known if each.live), key=lambda each: (each.ends_at, each.id))
        if not live:
            ended = max(known, key=lambda each: each.ends_at, default=None)
            if ended is not None and held is not None and ended.cut:
                log.info("a person has ended the silence of a pause; it is not made again", pause=pause.id, target=pause.target)
                self._book.release_holding(held.id, now.wall)
                return False
            self._hold(pause, ends, now)
            self._on_step("held")
            made = self._alertmanager.put(self._silence(pause, "", now.wall, ends))
            self._on_step("posted")
            log.info("the alerts of a paused target are silenced", pause=pause.id, target=pause.target, silence=made)
            return True
        kept, *doubles = reversed(live)
        self._expire_all(doubles)
        if self._differs(kept, pause, ends, now):
            self._hold(pause, ends, now)
            self._on_step("held")
            self._alertmanager.put(self._silence(pause, kept.id, kept.starts_at, ends))
            self._on_step("posted")
        elif held is None:
            self._hold(pause, kept.ends_at, now)
        return True

    def _ends(self, pause: Pause, now: Moment) -> float:
        return now.wall + self._settings.lease if pause.until is None else pause.until

    def _differs(self, silence: Silence, pause: Pause, ends: float, now: Moment) -> bool:
        if not _says(silence.matchers, self._matchers(pause)):
            return True
        if pause.until is None:  # a lease is renewed at its half; one that is longer was of a pause that had an end
            left = silence.ends_at - now.wall
            return left < self._settings.lease / 2 or left > self._settings.lease + SLACK
        return abs(silence.ends_at - ends) > SLACK

    def _silence(self, pause: Pause, silence_id: str, starts: float, ends: float) -> Silence:
        why = redact(f"pause {pause.id} of {pause.target} by {pause.by}: {pause.reason}"[:500])
        comment = f"{why} [panel-watchdog:{quote(self._host, safe='')}:{pause.id}]"
        return Silence(silence_id, comment, CREATOR, starts, ends, "active", self._matchers(pause))

    def _matchers(self, pause: Pause) -> frozenset[Matcher]:
        found: set[Matcher] = {("target", pause.target, False)}
        if pause.task:  # alerts name their subject as kind/id or id; one that names none is not of this task and goes on
            ids = {pause.task, *(each.id for each in self._subjects(pause.target) if each.name == pause.task)}
            found.add(("subject", f"(?:[^/]*/)?(?:{'|'.join(sorted(map(re.escape, ids)))})", True))
        return frozenset(found | {(name, value, False) for name, value in self._settings.matchers.items()})

    def _hold(self, pause: Pause, ends: float, now: Moment) -> None:
        acted_on = ObjectKey(self._panels[pause.target], pause.target, HELD, str(pause.id))
        undo = "expire the silence in Alertmanager whose comment ends with the key"
        key = f"[panel-watchdog:{quote(self._host, safe='')}:{pause.id}]"
        self._book.hold(Holding(0, pause.target, HELD, acted_on, undo, {"key": key, "url": self._settings.url}, now.wall, ends))

    def _expire_all(self, several: list[Silence]) -> bool:
        """End those that are live; return whether there were any."""
        live = [silence for silence in several if silence.live]
        for silence in live:
            self._alertmanager.expire(silence.id)
            self._on_step("expired")
            log.info("a silence is ended", silence=silence.id)
        return bool(live)


def _pause_of(silence: Silence, host: str) -> int:
    """Return the number of the pause whose silence this is; 0 = it is not ours."""
    found = _KEY.search(silence.comment)
    return int(found[2]) if found and silence.created_by == CREATOR and unquote(found[1]) == host else 0


def _says(has: frozenset[Matcher], wanted: frozenset[Matcher]) -> bool:
    """Whether a silence covers what is wanted; after a restart we know less names than it says, and that is no reason to make it anew."""
    if {each for each in has if each[0] != "subject"} != {each for each in wanted if each[0] != "subject"}:
        return False
    theirs, ours = ([value for name, value, _ in each if name == "subject"] for each in (has, wanted))
    return len(theirs) == len(ours) and all(_ids(less) <= _ids(more) for less, more in zip(ours, theirs, strict=True))


def _ids(pattern: str) -> set[str]:
    return set(pattern.removeprefix("(?:[^/]*/)?(?:").removesuffix(")").split("|"))


def _number(holding: Holding) -> int:
    return int(holding.object.id) if holding.object.id.isdigit() else 0
