"""Alerts that come in: they wake passes, ask for remedies behind the same guards as ever, and pause targets where that is configured.

The web answers before anything is done: ``take`` only queues. One loop works the queue off. The same episode of an alert is taken once,
however often it is repeated; a resolved one takes back what has not begun. Which alerts hold a pause stands in the pause itself, so a
restart forgets none.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from watchdog.errors import LedgerUnavailable, NotFound
from watchdog.model.alarms import Alarm, AlarmRule, Ask, ask_of
from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock, Moment
from watchdog.model.repairs import RepairRecord
from watchdog.reconciler.alarm_pauses import AlarmPauses
from watchdog.reconciler.asking import ANSWERS, Answer, answer_to, asks_for
from watchdog.reconciler.pausing import Pauses
from watchdog.reconciler.status import TargetStatus
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LOOP: Final = "alarms"
MOST: Final = 2000
"""Alerts that wait at most."""
KNOWN: Final = 4096
"""Episodes that are remembered, the newest."""
LOOK_EVERY: Final = 15.0
AGAIN: Final = 2.0
"""Seconds to the next look while an ask has no last answer yet."""
LONGEST: Final = 3600.0
"""Seconds for which an ask stands at most."""
Result = Literal["woke", "paused", "resumed", "withdrawn", "ignored", "repeated", "unknown_target", "full"]
RESULTS: Final[tuple[Result, ...]] = ("woke", "paused", "resumed", "withdrawn", "ignored", "repeated", "unknown_target", "full")
METRICS: tuple[Metric, ...] = (
    Metric(
        "watchdog_alertmanager_alerts_total",
        "counter",
        "Alerts that Alertmanager told us of, by what came of them: woke (a pass), paused, resumed, withdrawn (resolved before what it "
        "asked for began), ignored (nothing of ours matches), repeated, unknown_target, full (no room: answered 503).",
        ("result",),
        seed=tuple((result,) for result in RESULTS),
    ),
    Metric(
        "watchdog_alertmanager_asks_total",
        "counter",
        "What alerts asked of a target, by the last answer: looked, begun, waits (for an approval), held (by a guard), no_drift, unknown.",
        ("panel", "target", "answer"),
    ),
)


@dataclass(slots=True)
class _Asked:
    """One ask that stands: since when, after which pass it is answered, and the answer so far."""

    ask: Ask
    since: Moment
    passes: int
    answer: Answer | None = None


class Alarms:
    """The alerts of one world. ``take`` is called in the server's loop (memory only); ``step`` in a supervised loop of its own.

    ``panels`` maps each target to its panel; ``status`` gives what a target's newest pass published, ``wake`` asks for a pass of it.
    """

    def __init__(
        self,
        pauses: Pauses,
        rules: Iterable[AlarmRule],
        panels: Mapping[str, str],
        status: Callable[[str], TargetStatus],
        wake: Callable[[str], None],
        clock: Clock,
        instruments: Instruments,
    ) -> None:
        self._pausing = AlarmPauses(pauses, tuple(rules))
        self._panels = panels
        self._status = status
        self._wake = wake
        self._clock = clock
        self._instruments = instruments
        self._queue: deque[Alarm] = deque()
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[tuple[str, float], bool], None] = OrderedDict()
        self._asked: dict[tuple[str, float], _Asked] = {}
        self._away = False
        self._alight: OrderedDict[tuple[str, float], Alarm] = OrderedDict()
        self.waker: Callable[[], None] = _nobody
        self.begun: Callable[[], None] = _nobody
        for target, panel in panels.items():
            for answer in ANSWERS:
                instruments.count("watchdog_alertmanager_asks_total", panel, target, answer, by=0.0)

    def asking(self, record: RepairRecord) -> tuple[Alarm, ...]:
        """Return the alerts that fire now and ask for a repair, or name a drift that it would end. From any thread."""
        with self._lock:
            firing = tuple(self._alight.values())
        return tuple(alarm for alarm in firing if (ask := ask_of(alarm.labels)) is not None and asks_for(ask, record))

    def spec(self) -> LoopSpec:
        """Return the working off as a supervised loop."""
        return LoopSpec(LOOP, self.step, LOOK_EVERY, 60.0)

    def take(self, alarms: tuple[Alarm, ...]) -> bool:
        """Queue alerts, all or none; False = there is no room."""
        with self._lock:
            room = len(self._queue) + len(alarms) <= MOST
            if room:
                self._queue.extend(alarms)
        if not room:
            self._count("full", by=float(len(alarms)))
            return False
        self.waker()
        return True

    def step(self) -> float:
        """Work off what waits, and answer what was asked; return the seconds to the next look."""
        while True:
            with self._lock:
                alarm = self._queue[0] if self._queue else None
            if alarm is None:
                break
            try:
                self._one(alarm)
            except LedgerUnavailable as error:
                if not self._away:
                    log.error("the ledger is not there: alerts wait", error=str(error))
                self._away = True
                return LOOK_EVERY
            self._away = False
            with self._lock:
                self._queue.popleft()
        self._answer_all()
        return AGAIN if any(asked.answer is None for asked in self._asked.values()) else LOOK_EVERY

    # ---- one alert -----------------------------------------------------------------------------------------------------------------------

    def _one(self, alarm: Alarm) -> None:
        if (alarm.episode, alarm.firing) in self._seen or (alarm.firing and (alarm.episode, False) in self._seen):
            self._count("repeated")  # of two that come in the wrong order, the later one of the episode counts
            return
        results = self._firing(alarm) if alarm.firing else self._resolved(alarm)
        self._seen[alarm.episode, alarm.firing] = None
        while len(self._seen) > KNOWN:
            self._seen.popitem(last=False)
        for result in results or ["ignored"]:
            self._count(result)

    def _firing(self, alarm: Alarm) -> list[Result]:
        results: list[Result] = ["paused"] if self._pausing.fire(alarm) else []
        ask = ask_of(alarm.labels)
        if ask is None:
            return results
        if ask.target not in self._panels:
            log.warning("an alert names a target that does not exist", target=ask.target, fingerprint=alarm.fingerprint)
            return [*results, "unknown_target"]
        with self._lock:
            self._alight[alarm.episode] = alarm
            while len(self._alight) > KNOWN:
                self._alight.popitem(last=False)
        status = self._status(ask.target)
        self._asked[alarm.episode] = _Asked(ask, self._clock.now(), status.passes)
        log.info("an alert asks for a look", target=ask.target, kind=ask.kind, remedy=ask.remedy, fingerprint=alarm.fingerprint)
        self._wake(ask.target)
        return [*results, "woke"]

    def _resolved(self, alarm: Alarm) -> list[Result]:
        results: list[Result] = ["resumed"] if self._pausing.resolve(alarm) else []
        with self._lock:
            self._alight.pop(alarm.episode, None)
        asked = self._asked.pop(alarm.episode, None)
        if asked is not None:
            self._ended(asked)
            if asked.answer not in {"begun", "looked"}:
                log.info("an alert takes back what it asked for", target=asked.ask.target, remedy=asked.ask.remedy)
                results.append("withdrawn")
        return results

    # ---- answers -------------------------------------------------------------------------------------------------------------------------

    def _answer_all(self) -> None:
        now = self._clock.now()
        for episode, asked in list(self._asked.items()):
            try:
                status = self._status(asked.ask.target)
            except NotFound:
                del self._asked[episode]
                continue
            if status.passes > asked.passes and status.last_result != "none":
                answer, said = answer_to(asked.ask, status)
                if answer != asked.answer:
                    log.info("an alert is answered", target=asked.ask.target, remedy=asked.ask.remedy, answer=answer, said=said)
                    if answer == "begun":
                        self.begun()
                asked.answer = answer
            if asked.answer in {"looked", "begun", "unknown"} or now.since(asked.since) > LONGEST:
                del self._asked[episode]
                self._ended(asked)

    def _ended(self, asked: _Asked) -> None:
        target = asked.ask.target
        if asked.answer is not None:
            self._instruments.count("watchdog_alertmanager_asks_total", self._panels[target], target, asked.answer)

    def _count(self, result: Result, by: float = 1.0) -> None:
        self._instruments.count("watchdog_alertmanager_alerts_total", result, by=by)


def _nobody() -> None:
    """Wake nobody: the loop is not supervised."""
