"""Pauses kept: written before the answer, ended once and on time, whatever the clock and this process do in between.

While a pause stands, drifts of its target are shown and not repaired; repairs that had begun go on to their end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from watchdog.errors import Conflict, LedgerUnavailable, NotFound, Refused
from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock, Moment
from watchdog.model.pauses import (
    ENDS,
    SOURCES,
    Pause,
    PauseBook,
    PauseCheck,
    PauseEnd,
    PauseFacts,
    PauseOrder,
    PauseSays,
    StandingPause,
)
from watchdog.reconciler.reckoning import Reckoning, left
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LOOK_EVERY: Final = 15.0
SOONEST: Final = 0.05
RESTATED: Final = 60.0
"""Seconds by which the end on the wall clock may be off before it is written anew."""
BY_TIME: Final = "time"
LATELY: Final = 32
"""How many pauses of the past the rules of a target may know."""

_TARGET = ("panel", "target")
METRICS: tuple[Metric, ...] = (
    Metric("watchdog_pause_active", "gauge", "Whether a pause of the target stands, by who asked for it.", (*_TARGET, "source")),
    Metric(
        "watchdog_pause_until_timestamp_seconds", "gauge",
        "When the last pause of this source ends; absent without one, and for one until further notice.", (*_TARGET, "source"),
    ),
    Metric(
        "watchdog_pause_indefinite_since_timestamp_seconds", "gauge",
        "When the oldest pause without an end was asked for; absent without one.", _TARGET,
    ),
    Metric("watchdog_pauses_resumed_total", "counter", "Pauses of the target that ended, by why, since start.", (*_TARGET, "reason")),
)  # fmt: skip


class Pauses:
    """The pauses of all targets of one world. From any thread; every method may raise LedgerUnavailable.

    ``panels`` maps each target to its panel; ``wake`` asks for a pass of a target; ``boot`` is the kernel's boot id; ``forgetful`` is
    whether the ledger is on storage that a restart empties.
    """

    def __init__(
        self,
        book: PauseBook,
        clock: Clock,
        instruments: Instruments,
        panels: Mapping[str, str],
        boot: str,
        wake: Callable[[str], None],
        *,
        forgetful: bool = False,
    ) -> None:
        self._book = book
        self._clock = clock
        self._instruments = instruments
        self._panels = panels
        self._boot = boot
        self._wake = wake
        self._forgetful = forgetful
        self._reckoning = Reckoning()
        self.waker: Callable[[], None] = _nobody
        for target, panel in panels.items():
            for end in ENDS:
                instruments.count("watchdog_pauses_resumed_total", panel, target, end, by=0.0)

    def spec(self) -> LoopSpec:
        """Return the watch over the ends as a supervised loop."""
        return LoopSpec("pauses", self.step, LOOK_EVERY, 60.0)

    # ---- orders --------------------------------------------------------------------------------------------------------------------------

    def pause(self, order: PauseOrder) -> Pause:
        """Write a pause, durable when this returns. Raises NotFound, Refused (no reason, an end that is over), Conflict (one stands)."""
        until, until_mono, now = self._terms(order)
        made = self._book.begin_pause(order, until, self._boot, until_mono, now.wall)
        if made is None:
            raise self._in_the_way(order)
        log.info("a pause begins", pause=made.id, target=made.target, task=made.task, until=made.until, by=made.by, source=made.source)
        self._changed(made.target)
        return made

    def change(self, pause_id: int, version: int, order: PauseOrder) -> Pause:
        """Give a standing pause other terms. Raises NotFound, Refused, and Conflict when it is not the version that was read."""
        until, until_mono, _ = self._terms(order)
        known = self._known(pause_id)
        if (known.target, known.task, known.source) != (order.target, order.task, order.source):
            raise Refused(f"pause {pause_id} is one of '{known.target}' by {known.source}: it cannot become another's")
        changed = self._book.change_pause(pause_id, version, order, until, self._boot, until_mono)
        if changed is None:
            raise self._stale(pause_id)
        log.info("a pause is changed", pause=changed.id, target=changed.target, until=changed.until, by=changed.by)
        self._changed(changed.target)
        return changed

    def resume(self, pause_id: int, by: str, version: int | None = None) -> Pause:
        """End a pause by a person's word. Raises NotFound, Refused when it is over, Conflict when it is another version."""
        ended = self._end(pause_id, version, "resumed", by)
        if ended is None:
            raise self._stale(pause_id)
        return ended

    # ---- questions -----------------------------------------------------------------------------------------------------------------------

    def pauses(self, target: str | None = None, *, ended: bool = False, limit: int = 100) -> tuple[Pause, ...]:
        """Return the standing pauses, the oldest first; with ``ended`` those of the past too, the newest first. Raises NotFound."""
        if target is not None:
            self._panel(target)
        return self._book.pauses(target, ended=ended, limit=limit)

    def standing(self, target: str) -> tuple[Pause, ...]:
        """Return the pauses of ``target`` that are not over at this moment."""
        now = self._clock.now()
        wall = self._reckoning.wall(now)
        return tuple(each for each in self._book.pauses(target) if not self._over(each, wall, now))

    def facts(self, target: str) -> PauseFacts:
        """Return what the rules of ``target`` may know of its pauses."""
        now = self._clock.now()
        wall = self._reckoning.wall(now)
        aged = [(each, left(each, self._boot, wall, now)) for each in self._book.pauses(target)]
        ended = [each for each in self._book.pauses(target, ended=True, limit=LATELY) if each.ended_at is not None]
        return PauseFacts(tuple(StandingPause(each, rest) for each, rest in aged if rest is None or rest > 0), tuple(ended))

    def check(self, target: str, says: Callable[[tuple[StandingPause, ...]], PauseSays]) -> PauseCheck:
        """Say whether a pause of ``target`` is what it seems; ``says`` asks the newest look, and a panel that is itself held paused."""
        self._panel(target)
        kept = self.facts(target).standing
        standing = [each.pause for each in kept]
        if not standing:
            return PauseCheck(target, (), (f"no pause of '{target}' stands: its repairs go on",))
        seen = says(kept)
        well = [f"the ledger keeps {_sentence(each)}" for each in standing]
        wrong: list[str] = []
        if self._forgetful:
            wrong.append("it would not survive a restart: the ledger is marked ephemeral; name one on a disk in ledger.url")
        else:
            well.append("it survives a restart of this program and of the host")
        return PauseCheck(target, (*well, *seen.well), (*seen.wrong, *wrong))

    # ---- time ----------------------------------------------------------------------------------------------------------------------------

    def step(self) -> float:
        """End what is over, write anew what a jump moved, show what stands; return the seconds to the next look."""
        now = self._clock.now()
        wall = self._reckoning.wall(now)
        standing, rests = [], [LOOK_EVERY]
        for pause in self._book.pauses():
            if self._over(pause, wall, now):
                self._end(pause.id, pause.version, "expired", BY_TIME)
                continue
            standing.append(self._restated(pause, now))
            rest = left(pause, self._boot, wall, now)
            rests.append(LOOK_EVERY if rest is None else rest)
        self._show(standing)
        return max(SOONEST, min(rests))

    def _over(self, pause: Pause, wall: float, now: Moment) -> bool:
        rest = left(pause, self._boot, wall, now)
        return rest is not None and rest <= 0.0

    def _restated(self, pause: Pause, now: Moment) -> Pause:
        """Write the end of a pause with a length where it lies on the wall clock by now, for the day this host boots anew."""
        if pause.until_mono is None or not self._boot or pause.boot != self._boot or pause.until is None:
            return pause
        until = now.wall + pause.until_mono - now.mono
        if abs(until - pause.until) <= RESTATED:
            return pause
        self._book.restate_pause(pause.id, until)
        return replace(pause, until=until)

    def _terms(self, order: PauseOrder) -> tuple[float | None, float | None, Moment]:
        """Return the end on both clocks. Raises NotFound, Refused."""
        self._panel(order.target)
        now = self._clock.now()
        if not order.reason.strip():
            raise Refused("a pause needs a reason: the next person will ask")
        if order.until is not None and order.length is not None:
            raise Refused("a pause has either a date or a length, not both")
        if order.length is not None:
            if order.length <= 0:
                raise Refused("a pause must be longer than nothing: to end one, resume it")
            return now.wall + order.length, now.mono + order.length, now
        if order.until is not None and order.until <= self._reckoning.wall(now):
            raise Refused("the end of the pause lies in the past: to end one, resume it")
        return order.until, None, now

    # ---- ends ----------------------------------------------------------------------------------------------------------------------------

    def _end(self, pause_id: int, version: int | None, end: PauseEnd, by: str) -> Pause | None:
        ended = self._book.end_pause(pause_id, version, end, by, self._clock.now().wall)
        if ended is None:
            return None
        if panel := self._panels.get(ended.target):
            self._instruments.count("watchdog_pauses_resumed_total", panel, ended.target, end)
        log.info("a pause ends", pause=ended.id, target=ended.target, task=ended.task, end=end, by=by)
        self._changed(ended.target)
        return ended

    def _stale(self, pause_id: int) -> Refused:
        known = self._known(pause_id)
        if known.ended_at is not None:
            return Refused(f"pause {pause_id} is over already: {known.end} by {known.ended_by}")
        return Conflict(f"pause {pause_id} was changed meanwhile by {known.by}: it has version {known.version} now", known)

    def _known(self, pause_id: int) -> Pause:
        known = self._book.pause(pause_id)
        if known is None:
            raise NotFound(f"no pause has the number {pause_id}: see `panel-watchdog pauses`")
        return known

    def _in_the_way(self, order: PauseOrder) -> Conflict:
        mine = (order.task, order.source)
        known = next((each for each in self._book.pauses(order.target) if (each.task, each.source) == mine), None)
        if known is None:
            return Conflict("a pause stood a moment ago: ask again")
        return Conflict(f"{_sentence(known)} stands: name its version ({known.version}) to change it, or resume it", known)

    def _panel(self, target: str) -> str:
        panel = self._panels.get(target)
        if panel is None:
            raise NotFound(f"no target is called '{target}' (known: {', '.join(sorted(self._panels)) or 'none'})")
        return panel

    # ---- what is shown -------------------------------------------------------------------------------------------------------------------

    def _changed(self, target: str) -> None:
        try:
            self._show(list(self._book.pauses()))
        except LedgerUnavailable:  # it was written; the next look shows it
            log.debug("a pause is not shown yet", target=target)
        self._wake(target)
        self.waker()

    def _show(self, standing: list[Pause]) -> None:
        for target, panel in self._panels.items():
            mine = [each for each in standing if each.target == target]
            for source in SOURCES:
                theirs = [each for each in mine if each.source == source]
                self._instruments.set("watchdog_pause_active", panel, target, source, value=float(bool(theirs)))
                self._gauge("watchdog_pause_until_timestamp_seconds", (panel, target, source), _last(theirs))
            endless = [each.created_at for each in mine if each.until is None]
            self._gauge("watchdog_pause_indefinite_since_timestamp_seconds", (panel, target), min(endless, default=None))

    def _gauge(self, name: str, labels: tuple[str, ...], value: float | None) -> None:
        if value is None:
            self._instruments.drop(name, *labels)
        else:
            self._instruments.set(name, *labels, value=value)


def _last(pauses: list[Pause]) -> float | None:
    """Return when the last of them ends; None when there is none, or one without an end."""
    ends = [each.until for each in pauses]
    return None if None in ends else max((end for end in ends if end is not None), default=None)


def _sentence(pause: Pause) -> str:
    task = f", task '{pause.task}'" if pause.task else ""
    return f"pause {pause.id} of '{pause.target}'{task} by {pause.by} ({pause.reason})"


def _nobody() -> None:
    """Wake nobody: the loop is not supervised."""
