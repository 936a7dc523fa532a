"""Pauses by alerts: one that fires pauses, its end resumes, and a longest time bounds both.

At most one pause by alerts stands for a target. Which alerts hold it stands in its ``by``: ``RULE: FINGERPRINT, FINGERPRINT``. So after a
restart the end of an alert still finds what it held, and a repeated notification of an episode whose pause a person ended begins none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from watchdog.errors import Conflict, Refused
from watchdog.model.alarms import Alarm, AlarmRule
from watchdog.model.pauses import Pause, PauseOrder, StandingPause
from watchdog.reconciler.pausing import Pauses
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

BY_ALERT: Final = "its alert"
"""Who ends a pause when the last alert that held it is resolved."""
LATELY: Final = 500
MANY: Final = 10_000
TRIES: Final = 5
MOST_HOLDERS: Final = 200
"""Alerts that are kept in one pause; further ones hold it only as long as these."""
_BY: Final = re.compile(r"(?P<rules>[^:]+): (?P<alerts>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Holders:
    """Which rules and which alerts (fingerprints) hold a pause."""

    rules: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()

    @classmethod
    def of(cls, pause: Pause) -> Holders:
        """Return what a pause's ``by`` says."""
        found = _BY.fullmatch(pause.by)
        return cls(tuple(found["rules"].split(", ")), tuple(found["alerts"].split(", "))) if found else cls()

    def __str__(self) -> str:
        return f"{', '.join(self.rules)}: {', '.join(self.alerts)}"

    def joined(self, rule: str, alert: str) -> Holders:
        """Return them with one more."""
        return Holders(tuple(dict.fromkeys((*self.rules, rule))), tuple(dict.fromkeys((*self.alerts, alert))))

    def without(self, alert: str) -> Holders:
        """Return them without one alert."""
        return Holders(self.rules, tuple(each for each in self.alerts if each != alert))


class AlarmPauses:
    """Begins, prolongs and ends pauses for alerts. Every method raises LedgerUnavailable; a second call with one alert adds nothing."""

    def __init__(self, pauses: Pauses, rules: tuple[AlarmRule, ...]) -> None:
        self._pauses = pauses
        self._rules = rules

    def fire(self, alarm: Alarm) -> bool:
        """Pause what the alert pauses; return whether any rule matched it."""
        matched = [(rule, target) for rule in self._rules if rule.matches(alarm.labels) for target in rule.targets]
        for rule, target in matched:
            _until_settled(partial(self._pause, rule, target, alarm))
        return bool(matched)

    def resolve(self, alarm: Alarm) -> bool:
        """End what only this alert held; return whether it held anything."""
        held = [pause.target for pause in self._pauses.pauses(limit=MANY) if _held_by(pause, alarm)]
        for target in held:
            _until_settled(partial(self._let_go, target, alarm))
        return bool(held)

    def _pause(self, rule: AlarmRule, target: str, alarm: Alarm) -> None:
        kept = self._standing(target)
        if kept is None:
            if not self._is_over(target, alarm):
                by = str(Holders((rule.name,), (alarm.fingerprint,)))
                self._pauses.pause(PauseOrder(target, rule.reason, by, source="alert", length=rule.maximum))
            return
        holders = Holders.of(kept.pause)
        if alarm.fingerprint in holders.alerts or len(holders.alerts) >= MOST_HOLDERS:
            return
        by, length = str(holders.joined(rule.name, alarm.fingerprint)), max(kept.left or 0.0, rule.maximum)
        self._pauses.change(kept.pause.id, kept.pause.version, PauseOrder(target, kept.pause.reason, by, source="alert", length=length))

    def _let_go(self, target: str, alarm: Alarm) -> None:
        kept = self._standing(target)
        if kept is None or not _held_by(kept.pause, alarm):
            return
        holders = Holders.of(kept.pause).without(alarm.fingerprint)
        if not holders.alerts:
            self._pauses.resume(kept.pause.id, BY_ALERT, kept.pause.version)
            return
        order = PauseOrder(target, kept.pause.reason, str(holders), source="alert", length=kept.left)
        self._pauses.change(kept.pause.id, kept.pause.version, order)

    def _standing(self, target: str) -> StandingPause | None:
        return next((each for each in self._pauses.facts(target).standing if each.pause.source == "alert"), None)

    def _is_over(self, target: str, alarm: Alarm) -> bool:
        """Whether this episode's pause has ended already: by a person, or by its time."""
        past = self._pauses.pauses(target, ended=True, limit=LATELY)
        return any(_held_by(each, alarm) and (each.ended_at or 0.0) >= alarm.starts_at for each in past if each.ended_at is not None)


def _held_by(pause: Pause, alarm: Alarm) -> bool:
    return pause.source == "alert" and alarm.fingerprint in Holders.of(pause).alerts


def _until_settled(call: Callable[[], None]) -> None:
    """Call again when somebody else changed the pause in between."""
    for _ in range(TRIES):
        try:
            call()
        except Conflict:
            continue
        except Refused as error:  # it is over by now
            log.debug("a pause by an alert is over already", error=str(error))
        return
