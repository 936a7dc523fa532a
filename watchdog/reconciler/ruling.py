"""Pauses by rule: maintenance windows and pressure begin, prolong and end pauses of their own, beside those of persons.

Level, not edge: each look compares what the rules want now with what the ledger keeps. So a window that opened while nobody lived is
entered late, an end that was missed is made up for, and a restart in the middle changes nothing. At most one pause of a source stands for
a target and task; rules that overlap share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchdog.errors import LedgerUnavailable, WatchdogError
from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock, Moment
from watchdog.model.pauses import Pause, PauseOrder, PauseSource
from watchdog.model.snapshots import Actual
from watchdog.reconciler.pausing import LOOK_EVERY, SOONEST, Pauses
from watchdog.reconciler.pressing import UNARMED, Grip, PressureRule, moved, wanted_by_pressure
from watchdog.reconciler.reckoning import Reckoning
from watchdog.reconciler.windows import Place, Wanted, WindowRule, ended_by_a_person, next_change, open_now, wanted_by_windows
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LOOP: Final = "pause-rules"
BY_RULE: Final = "its rule"
"""Who ends a pause when its rule does not ask for it any more. A person is always recorded with how the order came in."""
MANY: Final = 10_000
LATELY: Final = 500
METRICS: tuple[Metric, ...] = (
    Metric("watchdog_pause_rule_active", "gauge", "Whether a rule asks for a pause now.", ("source", "rule")),
    Metric(
        "watchdog_pause_rule_readable", "gauge",
        "Whether what a pressure rule goes by can be read; what cannot is Unknown, and pauses nothing.", ("rule",),
    ),
    Metric("watchdog_pause_window_next_timestamp_seconds", "gauge", "When a maintenance window opens next.", ("rule",)),
)  # fmt: skip


class Ruling:
    """Keeps the pauses of all rules. ``step`` runs in one supervised loop."""

    def __init__(
        self,
        pauses: Pauses,
        windows: tuple[WindowRule, ...],
        pressures: tuple[PressureRule, ...],
        clock: Clock,
        instruments: Instruments,
        actual: Callable[[], Actual],
    ) -> None:
        self._pauses = pauses
        self._windows = windows
        self._pressures = pressures
        self._clock = clock
        self._instruments = instruments
        self._actual = actual
        self._reckoning = Reckoning()
        self._grips: dict[tuple[str, str], Grip] | None = None
        self._begun: set[str] = set()
        self._unreadable: set[str] = set()
        self._away = False

    def spec(self) -> LoopSpec:
        """Return the watch over the rules as a supervised loop."""
        return LoopSpec(LOOP, self.step, LOOK_EVERY, 60.0)

    def step(self) -> float:
        """Look once; return the seconds to the next look."""
        now = self._clock.now()
        wall = self._reckoning.wall(now)
        try:
            standing = self._pauses.pauses(limit=MANY)
            openings = open_now(self._windows, wall)
            self._keep("window", standing, wanted_by_windows(openings, self._ended))
            self._keep("pressure", standing, self._pressed(standing, now))
        except LedgerUnavailable as error:
            if not self._away:
                log.error("the ledger is not there: no rule begins or ends a pause", error=str(error))
            self._away = True
            return LOOK_EVERY
        self._away = False
        self._show({opening.rule.name for opening in openings}, wall)
        change = next_change(self._windows, openings, wall)
        return LOOK_EVERY if change is None else max(SOONEST, min(LOOK_EVERY, change - wall))

    # ---- windows -------------------------------------------------------------------------------------------------------------------------

    def _ended(self, target: str, task: str) -> float:
        return ended_by_a_person(self._pauses.pauses(target, ended=True, limit=LATELY), task, BY_RULE)

    # ---- pressure ------------------------------------------------------------------------------------------------------------------------

    def _pressed(self, standing: tuple[Pause, ...], now: Moment) -> Mapping[Place, Wanted]:
        if self._grips is None:
            self._grips = self._remembered(now)
        self._let_go(standing)
        for rule in self._pressures:
            value = self._value(rule, now)
            for target in rule.targets:
                self._grips[rule.name, target] = moved(rule, self._grips[rule.name, target], value, now.mono)
        targets = dict.fromkeys(target for rule in self._pressures for target in rule.targets)
        found = {target: wanted_by_pressure(self._held(target), now.mono) for target in targets}
        return {(target, ""): wanted for target, wanted in found.items() if wanted is not None}

    def _held(self, target: str) -> list[tuple[PressureRule, Grip]]:
        grips = self._grips or {}
        return [(rule, grips[rule.name, target]) for rule in self._pressures if target in rule.targets]

    def _let_go(self, standing: tuple[Pause, ...]) -> None:
        """Give up the hold on targets whose pause was ended by somebody else: by its time, or by a person."""
        kept = {pause.target for pause in standing if pause.source == "pressure"}
        for target in self._begun - kept:
            self._begun.discard(target)
            for rule, grip in self._held(target):
                if grip.since is not None and self._grips is not None:
                    self._grips[rule.name, target] = UNARMED

    def _remembered(self, now: Moment) -> dict[tuple[str, str], Grip]:
        """Return how the rules held their targets before this program began, as the ledger's pauses say."""
        grips = {}
        for rule in self._pressures:
            for target in rule.targets:
                grips[rule.name, target] = self._grip_before(rule, target, now)
        return grips

    def _grip_before(self, rule: PressureRule, target: str, now: Moment) -> Grip:
        facts = self._pauses.facts(target)
        for each in facts.standing:
            if _names(each.pause, rule):
                self._begun.add(target)
                return Grip(now.mono - max(0.0, rule.maximum - (each.left or 0.0)))
        over = (*self._pauses.pauses(target), *facts.ended)
        last = next((pause for pause in over if _names(pause, rule)), None)
        if last is None or last.ended_by == BY_RULE or now.wall - (last.ended_at or now.wall) > rule.maximum:
            return Grip()
        return UNARMED

    def _value(self, rule: PressureRule, now: Moment) -> float | None:
        host = self._actual().host
        known = host is not None and host.facts is not None and host.fresh(now)
        value = rule.gauge.read(host.facts) if host is not None and host.facts is not None and known else None
        tried = host is not None
        if tried and value is None and rule.name not in self._unreadable:
            self._unreadable.add(rule.name)
            log.warning("a pressure rule cannot read what it goes by: it pauses nothing", rule=rule.name, reads=str(rule.gauge))
        elif value is not None and rule.name in self._unreadable:
            self._unreadable.discard(rule.name)
            log.info("a pressure rule can read what it goes by again", rule=rule.name, reads=str(rule.gauge))
        if tried:
            self._instruments.set("watchdog_pause_rule_readable", rule.name, value=float(value is not None))
        return value

    # ---- what is kept --------------------------------------------------------------------------------------------------------------------

    def _keep(self, source: PauseSource, standing: tuple[Pause, ...], wanted: Mapping[Place, Wanted]) -> None:
        kept = {(pause.target, pause.task): pause for pause in standing if pause.source == source}
        for place in kept.keys() | wanted.keys():
            try:
                self._keep_one(source, place, kept.get(place), wanted.get(place))
            except LedgerUnavailable:
                raise
            except WatchdogError as error:  # somebody was quicker, or it is over by now: the next look sees
                log.debug("a rule's pause is left to the next look", target=place[0], source=source, error=str(error))

    def _keep_one(self, source: PauseSource, place: Place, pause: Pause | None, wanted: Wanted | None) -> None:
        if wanted is None:
            if pause is not None and not self._ends_by_itself(pause):
                self._pauses.resume(pause.id, BY_RULE, pause.version)
                self._begun.discard(place[0] if source == "pressure" else "")
            return
        order = PauseOrder(place[0], wanted.reason, wanted.by, place[1], source, wanted.until, wanted.length)
        if pause is None:
            self._pauses.pause(order)
            if source == "pressure":
                self._begun.add(place[0])
        elif (pause.by, pause.reason) != (wanted.by, wanted.reason) or (wanted.until is not None and pause.until != wanted.until):
            self._pauses.change(pause.id, pause.version, order)

    def _ends_by_itself(self, pause: Pause) -> bool:
        """Whether its own time is up now, so that it is recorded as expired."""
        left = next((each.left for each in self._pauses.facts(pause.target).standing if each.pause.id == pause.id), 0.0)
        return left is not None and left <= 1.0

    def _show(self, opened: set[str], wall: float) -> None:
        for window in self._windows:
            self._instruments.set("watchdog_pause_rule_active", "window", window.name, value=float(window.name in opened))
            opens = window.window.opens_at(wall)
            if opens is None:
                self._instruments.drop("watchdog_pause_window_next_timestamp_seconds", window.name)
            else:
                self._instruments.set("watchdog_pause_window_next_timestamp_seconds", window.name, value=opens)
        for rule in self._pressures:
            holds = any((self._grips or {})[rule.name, target].since is not None for target in rule.targets)
            self._instruments.set("watchdog_pause_rule_active", "pressure", rule.name, value=float(holds))


def _names(pause: Pause, rule: PressureRule) -> bool:
    return pause.source == "pressure" and rule.name in pause.by.split(", ")
