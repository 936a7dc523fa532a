"""When a job is due: the server's own walk from a time in steps of ``Repeat`` over the allowed days (Scheduler.GetNextValidTime)."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONG_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PIECE: Final = re.compile(r"(\d+)([smhDWMY])")
_MOST_STEPS: Final = 50_000
_DAY: Final = 86_400
_NOMINAL: Final = {"s": 1, "m": 60, "h": 3600, "D": _DAY, "W": 7 * _DAY, "M": 30 * _DAY, "Y": 365 * _DAY}


def period(repeat: str) -> int | None:
    """Return the nominal seconds of ``Repeat``; None = it is no time span."""
    pieces = _PIECE.findall(repeat)
    if not pieces or "".join(number + unit for number, unit in pieces) != repeat:
        return int(repeat) if repeat.isdigit() else None
    return sum(int(number) * _NOMINAL[unit] for number, unit in pieces)


def step(wall: int, repeat: str, zone: str) -> int:
    """Return the next time after ``wall``; days, weeks, months and years keep the hour of the server's zone."""
    if repeat.isdigit():
        return wall + int(repeat)
    for number, unit in _PIECE.findall(repeat):
        wall = _further(wall, int(number), unit, zone)
    return wall


def next_valid(base: int, first: int, repeat: str, days: Collection[str], zone: str) -> int | None:
    """Return the first time from ``base`` on, in steps, not before ``first`` and on an allowed day; None = none was found."""
    nominal = period(repeat)
    if not nominal or (first - base) / nominal > _MOST_STEPS:
        return None
    found = base
    for _ in range(_MOST_STEPS):
        if found >= first and _allowed(found, days, zone):
            return found
        # from a day on one tries each day, whatever Repeat says
        daily = found >= first and nominal >= _DAY
        found = _further(found, 1, "D", zone) if daily else step(found, repeat, zone)
    return None


def _allowed(wall: int, days: Collection[str], zone: str) -> bool:
    return not days or DAYS[datetime.fromtimestamp(wall, ZoneInfo(zone)).weekday()] in days


def _further(wall: int, number: int, unit: str, zone: str) -> int:
    if unit in "smh":
        return wall + number * _NOMINAL[unit]
    local = datetime.fromtimestamp(wall, ZoneInfo(zone))
    if unit in "DW":
        return int((local + timedelta(days=number * (7 if unit == "W" else 1))).timestamp())
    months = local.year * 12 + local.month - 1 + number * (12 if unit == "Y" else 1)
    year, month = months // 12, months % 12 + 1
    following = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001  # only its day counts
    return int(local.replace(year=year, month=month, day=min(local.day, (following - timedelta(days=1)).day)).timestamp())
