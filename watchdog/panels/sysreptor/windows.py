"""When a backup may be begun: a crontab line that opens a window, and how long it stays open. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUTE: Final = 60.0
_FIELDS: Final = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab line. ``either``: both day and weekday are bound, so one of them suffices (crontab(5)). Sunday is 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool = False

    def strikes(self, when: datetime) -> bool:
        """Whether the line names the minute of ``when``, read as local time."""
        if when.minute not in self.minutes or when.hour not in self.hours or when.month not in self.months:
            return False
        day, weekday = when.day in self.days, when.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either else day and weekday


@dataclass(frozen=True, slots=True)
class Window:
    """Opens whenever ``cron`` strikes in ``zone``, for ``lasts`` seconds."""

    cron: Cron
    lasts: float
    zone: str = "UTC"

    def closes_at(self, now: float) -> float | None:
        """Given UNIX seconds, return when the window that is open now closes (the latest opening counts); None = it is shut."""
        zone = zone_of(self.zone)
        minute = now - now % MINUTE
        while minute > now - self.lasts:
            if self.cron.strikes(datetime.fromtimestamp(minute, UTC).astimezone(zone)):
                return minute + self.lasts
            minute -= MINUTE
        return None

    def opens_at(self, now: float, within: float = 32 * 86_400.0) -> float | None:
        """Given UNIX seconds, return the next opening after ``now``; None = not ``within`` so many seconds."""
        zone = zone_of(self.zone)
        minute = now - now % MINUTE + MINUTE
        while minute <= now + within:
            if self.cron.strikes(datetime.fromtimestamp(minute, UTC).astimezone(zone)):
                return minute
            minute += MINUTE
        return None


def parse_cron(text: str) -> Cron:
    """Given a crontab line of five fields, return it. Raises ValueError that says what would be right."""
    words = text.split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"'{text}' is no crontab line: write minute hour day month weekday, such as '0 2 * * *'")
    minutes, hours, days, months, weekdays = (_field(word, *field) for word, field in zip(words, _FIELDS, strict=True))
    bound = not words[2].startswith("*") and not words[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either=bound)


def zone_of(name: str) -> ZoneInfo:
    """Return the zone called ``name``. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{name}': write one such as UTC or Europe/Vienna") from None


def _field(word: str, name: str, first: int, last: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.lower().split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        if slash and not (step.isascii() and step.isdigit() and int(step)):
            raise ValueError(f"'{part}' is no {name}: after / comes a number from 1 on")
        begin = first if span == "*" else _number(low, name, first, last)
        end = last if span == "*" or (slash and not dash) else _number(high, name, first, last) if dash else begin
        if end < begin:
            raise ValueError(f"'{part}' is no {name}: {low} comes after {high}")
        found.update(range(begin, end + 1, int(step) if slash else 1))
    return frozenset(found)


def _number(word: str, name: str, first: int, last: int) -> int:
    names = {"month": _MONTHS, "weekday": _WEEKDAYS}.get(name, ())
    number = names.index(word) + first if word in names else int(word) if word.isascii() and word.isdigit() else -1
    if not first <= number <= last:
        raise ValueError(f"'{word}' is no {name}: it goes from {first} to {last}")
    return number
