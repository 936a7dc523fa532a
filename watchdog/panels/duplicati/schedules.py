"""When a job is due: the slots of its schedule, as the server itself finds them. Pure.

A slot is the stored time plus whole repetitions, moved on to an allowed weekday (contract section 3; the rules of the server's scheduler).
Days, weeks, months and years keep the time of day over a change of the clock; hours, minutes and seconds do not. Times are UNIX seconds.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchdog.panels.duplicati.view import DuplicatiView, Schedule

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY: Final = 86400.0
MOST_STEPS: Final = 50_000
"""After so many repetitions the server gives up as well."""
_PART: Final = re.compile(r"\s*([0-9]{1,6})\s*([smhDWMY])")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "D": DAY, "W": 7 * DAY}
_MONTHS: Final = {"M": 1, "Y": 12}


@dataclass(frozen=True, slots=True)
class Repeat:
    """A proven repetition: so many ``seconds``, and so many ``months`` of the calendar. ``daily``: it keeps the time of day."""

    seconds: float
    months: int
    daily: bool

    @property
    def in_days(self) -> bool:
        """Whether it is of a day or more: then a day that is not allowed is passed over day by day."""
        return self.months > 0 or self.seconds >= DAY

    def after(self, at: float, zone: tzinfo) -> float:
        """Return the time one repetition later."""
        later = _plus_months(at, self.months) + self.seconds
        return later + _offset(at, zone) - _offset(later, zone) if self.daily else later


def repeat_of(text: str) -> Repeat | None:
    """Given ``1D``, ``6h`` or ``1h30m`` (``m`` minutes, ``M`` months), return it proven; None when it is no repetition."""
    if text.isascii() and text.isdigit() and len(text) <= 9:  # noqa: PLR2004  # bare seconds
        return Repeat(float(text), 0, False) if int(text) > 0 else None
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        return None
    seconds = sum(int(number) * _SECONDS.get(unit, 0.0) for number, unit in parts)
    months = sum(int(number) * _MONTHS.get(unit, 0) for number, unit in parts)
    return Repeat(seconds, months, not any(unit in "smh" for _, unit in parts)) if seconds or months else None


def zone_of(view: DuplicatiView) -> tzinfo:
    """Return the server's time zone; its present offset where it does not say (2.1.0.4, 2.1.0.5) or says what only Windows knows."""
    if view.zone:
        try:
            return ZoneInfo(view.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return timezone(timedelta(seconds=round(view.offset)))


def due_slot(schedule: Schedule, zone: tzinfo) -> float | None:
    """Return the slot for which the job waits: the first one at or after its stored time (and last run) on an allowed day.

    It may lie in the past: then the job should have started. None = the schedule plans nothing.
    """
    return None if schedule.time is None else first_slot(schedule, zone, max(schedule.time, schedule.last_run or 0.0))


def first_slot(schedule: Schedule, zone: tzinfo, not_before: float) -> float | None:
    """Return the first slot of a schedule that is not earlier than ``not_before``; None when there is none."""
    repeat = repeat_of(schedule.repeat)
    if schedule.time is None or repeat is None:
        return None
    at = _close_to(schedule.time, repeat, zone, not_before)
    for _ in range(MOST_STEPS):
        if at >= not_before:
            break
        at = repeat.after(at, zone)
    return _allowed(at, repeat, zone, schedule.days) if at >= not_before else None


def on_grid(schedule: Schedule, zone: tzinfo, at: float) -> bool:
    """Whether ``at`` is a slot of the schedule at or after its stored time; also one that passed over days which are not allowed."""
    return at == schedule.time or any(first_slot(schedule, zone, at - days * DAY) == at for days in range(8))


def _close_to(at: float, repeat: Repeat, zone: tzinfo, not_before: float) -> float:
    """Return a slot some repetitions before ``not_before``, without walking to it; ``at`` itself where that is not certain."""
    steps = int((not_before - at) / repeat.seconds) - 2 if not repeat.months else 0
    if steps <= 0:
        return at
    later = at + steps * repeat.seconds
    return later + _offset(at, zone) - _offset(later, zone) if repeat.daily else later


def _allowed(at: float, repeat: Repeat, zone: tzinfo, days: tuple[str, ...]) -> float | None:
    """Move on to an allowed weekday: by days where the repetition is of days, else by repetitions."""
    for _ in range(8 if repeat.in_days else MOST_STEPS):
        if not days or DAYS[datetime.fromtimestamp(at, zone).weekday()] in days:
            return at
        at = at + DAY if repeat.in_days else repeat.after(at, zone)
    return None


def _plus_months(at: float, months: int) -> float:
    """Add months of the calendar in UTC, as the server does; a day that the month does not have becomes its last."""
    if not months:
        return at
    then = datetime.fromtimestamp(at, UTC)
    year, month = divmod(then.year * 12 + then.month - 1 + months, 12)
    if year > 9998:  # noqa: PLR2004  # no slot lies there
        return float("inf")
    day = min(then.day, calendar.monthrange(year, month + 1)[1])
    return then.replace(year=year, month=month + 1, day=day).timestamp()


def _offset(at: float, zone: tzinfo) -> float:
    found = datetime.fromtimestamp(at, zone).utcoffset() if at < float("inf") else None
    return found.total_seconds() if found is not None else 0.0
