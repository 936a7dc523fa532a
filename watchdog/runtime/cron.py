"""The only cronsim: cron expressions as the times of day of a zone, looked at backwards and forwards, and windows that they open.

Five fields as in crontab(5): minute, hour, day of month, month, day of week (0 and 7 are Sunday, or names), each ``*``, numbers, ranges,
steps and lists; ``@hourly``, ``@daily``, ``@weekly``, ``@monthly`` and ``@yearly``. Where a zone changes its clock it does as Debian's
cron: a time that is skipped counts at the moment of the change, one that comes twice counts the first time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_WORDS: Final = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_FIELDS: Final = 5
_LONGEST_FOLD: Final = 3 * 3600
"""Seconds by which a clock was ever put back in one go, and more."""
_LOCALTIME: Final = Path("/etc/localtime")


@dataclass(frozen=True, slots=True)
class Cron:
    """A proven expression of five fields."""

    expression: str

    def last(self, before: float, zone: ZoneInfo) -> float | None:
        """Return the newest time at or before ``before`` (UNIX seconds, and so is the answer); None = none in decades."""
        start = int(before) + 1
        if datetime.fromtimestamp(start, zone).fold:
            # cronsim goes by what the clock on the wall shows: within the hour that comes again it would not see the first one's times
            start += _LONGEST_FOLD
        return next((at for at in self._times(start, zone, backwards=True) if at <= before), None)

    def next(self, after: float, zone: ZoneInfo) -> float | None:
        """Return the first time later than ``after`` (UNIX seconds, and so is the answer); None = none in decades."""
        return next((at for at in self._times(int(after), zone, backwards=False) if at > after), None)

    def _times(self, start: int, zone: ZoneInfo, *, backwards: bool) -> Iterator[float]:
        return (each.timestamp() for each in CronSim(self.expression, datetime.fromtimestamp(start, zone), backwards))


@dataclass(frozen=True, slots=True)
class Window:
    """Opens at each time of ``cron`` in ``zone``, for ``lasts`` seconds."""

    cron: Cron
    lasts: float
    zone: ZoneInfo

    def closes_at(self, now: float) -> float | None:
        """Given UNIX seconds, return when the window that is open now closes (the latest opening counts); None = it is shut."""
        opened = self.cron.last(now, self.zone)
        return opened + self.lasts if opened is not None and now < opened + self.lasts else None

    def opens_at(self, now: float) -> float | None:
        """Given UNIX seconds, return the next opening after ``now``; None = not in decades."""
        return self.cron.next(now, self.zone)


def parse_cron(text: str) -> Cron:
    """Given an expression, return it proven. Raise ValueError with what would be right."""
    expression = _WORDS.get(text.strip().lower(), text)
    wrong = f"'{text}' is no cron expression"
    if len(expression.split()) != _FIELDS:
        raise ValueError(f"{wrong}: write minute, hour, day of month, month, day of week, such as '30 3 * * 1-5'")
    try:
        next(CronSim(expression, datetime(2096, 12, 31, tzinfo=UTC) + timedelta(days=1), reverse=True))
    except (CronSimError, StopIteration) as error:
        reason = str(error) or "it never comes"
        raise ValueError(f"{wrong} ({reason}): write each field as *, a number, a range like 1-5, a step like */2, or a list") from None
    return Cron(expression)


def zone_of(name: str) -> ZoneInfo:
    """Return the zone called ``name``. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{name}': write one such as UTC or Europe/Vienna") from None


def zone_or_host(name: str) -> ZoneInfo:
    """Return the zone called ``name``, for "" that of this host. Raises ValueError."""
    return zone_of(name) if name else _host_zone()


@functools.cache
def _host_zone() -> ZoneInfo:
    try:
        with _LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError):
        return ZoneInfo("UTC")  # without the file the C library takes UTC
