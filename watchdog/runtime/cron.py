"""Cron expressions, looked at backwards: when should the last run have been? Pure; the times of day are those of a time zone.

Five fields as in crontab(5): minute, hour, day of month, month, day of week (0 and 7 are Sunday, or names), each ``*``, numbers, ranges,
steps and lists; ``@hourly``, ``@daily``, ``@weekly``, ``@monthly`` and ``@yearly``. As there, a day counts when either of two restricted
day fields means it. A time that a clock change skips counts at the moment of the change; one that comes twice counts the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MONTHS = {
    name: number for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}), ("hour", 0, 23, {}), ("day of month", 1, 31, {}), ("month", 1, 12, _MONTHS), ("day of week", 0, 7, _DAYS),
)  # fmt: skip
_WORDS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_PIECE = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")
# 29 February of a given weekday comes every 28 years, and 40 across a century without a leap day
_MOST_DAYS = 366 * 41


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression; ``days_or``: both day fields are restricted, so that either is enough."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    days_or: bool

    def last(self, before: float, zone: ZoneInfo) -> float | None:
        """Return the newest time at or before ``before`` (UNIX seconds, and so is the answer); None when there is none in 41 years."""
        # a day further: the change of the clock may move a time of tomorrow's first hour before us
        day = datetime.fromtimestamp(before, zone).date() + timedelta(days=1)
        for _ in range(_MOST_DAYS):
            if self._means(day):
                found = next((at for at in self._times(day, zone) if at <= before), None)
                if found is not None:
                    return found
            day -= timedelta(days=1)
        return None

    def _means(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_number, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_number or by_weekday) if self.days_or else (by_number and by_weekday)

    def _times(self, day: date, zone: ZoneInfo) -> Iterator[float]:
        """Yield the times of one day, the last one first: a change of the clock changes none of their order."""
        for hour in reversed(self.hours):
            for minute in reversed(self.minutes):
                yield _moment(day, time(hour, minute), zone)


def _moment(day: date, at: time, zone: ZoneInfo) -> float:
    """Return when the clock of ``zone`` shows this time; where it skips it, the moment of the change."""
    meant = datetime.combine(day, at, zone)
    told = meant.timestamp()
    if datetime.fromtimestamp(told, zone).replace(tzinfo=None) == meant.replace(tzinfo=None):
        return told
    # skipped: the two offsets around the change give two answers, the change lies between them
    low, high = sorted((told, meant.replace(fold=1).timestamp()))
    before = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if datetime.fromtimestamp(middle, zone).utcoffset() == before else (low, middle)
    return high


def parse_cron(text: str) -> Cron:
    """Given an expression, return it parsed. Raise ValueError with what would be right."""
    fields = _WORDS.get(text.strip().lower(), text).split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"'{text}' is no cron expression: write minute, hour, day of month, month, day of week, such as '30 3 * * 1-5'")
    minutes, hours, days, months, weekdays = (_field(field, *about) for field, about in zip(fields, _FIELDS, strict=True))
    week = frozenset(day % 7 for day in weekdays)
    found = Cron(
        tuple(sorted(minutes)), tuple(sorted(hours)), days, months, week,
        days_or=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )  # fmt: skip
    if found.last(datetime(2096, 12, 31, tzinfo=UTC).timestamp(), ZoneInfo("UTC")) is None:
        raise ValueError(f"'{text}' never comes: no month has such a day")
    return found


def _field(text: str, name: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for piece in text.split(","):
        match = _PIECE.fullmatch(piece)
        if match is None:
            raise ValueError(f"'{piece}' is no {name}: write *, a number, a range such as 1-5, a step such as */2, or a list of these")
        every, first, last, step = match.groups()
        low = least if every else _number(first, name, least, most, names)
        high = most if every or (step and not last) else _number(last or first, name, least, most, names)
        if high < low or step == "0":
            raise ValueError(f"'{piece}' means no {name} at all")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str, least: int, most: int, names: dict[str, int]) -> int:
    number = names.get(text.lower()[:3]) if text.isalpha() else int(text) if text.isascii() and text.isdigit() else None
    if number is None or not least <= number <= most:
        raise ValueError(f"'{text}' is no {name}: it goes from {least} to {most}")
    return number
