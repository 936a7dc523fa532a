"""Durations as the servers read them, old parser and new (contract section 2; pause-grammar.json)."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Final

from watchdog.panels.duplicati.fake.stamps import TICKS

_PIECE: Final = re.compile(r"([+-]?\d+)([smhDWMY])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "D": 86_400, "W": 7 * 86_400}
_MOST: Final = 2**31 - 1
_JANUARY: Final = date(1, 1, 1)


def parse(text: str, now_ticks: int, *, old: bool) -> int | None:
    """Return the ticks of a duration, negative ones included; None = it is none.

    ``now_ticks``: the server's local time; the old parser takes dates, too, and then they are the ticks since the year 1.
    """
    text = text.strip()
    if not text:
        return 0
    seconds = _seconds(text, old=old)
    if seconds is not None:
        return None if old and seconds < 0 else seconds * TICKS
    return _date(text, now_ticks) if old else None


def _seconds(text: str, *, old: bool) -> int | None:
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text) if abs(int(text)) <= _MOST else None
    pieces = _PIECE.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text or any(abs(int(number)) > _MOST for number, _ in pieces):
        return None
    return sum(_piece(int(number), unit, old=old) for number, unit in pieces)


def _piece(number: int, unit: str, *, old: bool) -> int:
    if unit in _SECONDS:
        return number * _SECONDS[unit]
    if not old:
        return number * (30 if unit == "M" else 365) * 86_400
    # the old one counts calendar months from the first of January of the year 1
    months = number * (12 if unit == "Y" else 1)
    years, month = divmod(abs(months), 12)
    days = (date(1 + years, 1 + month, 1) - _JANUARY).days
    return days * 86_400 * (1 if months >= 0 else -1)


def _date(text: str, now_ticks: int) -> int | None:
    if text == "now":
        return now_ticks
    today = now_ticks // (TICKS * 86_400) * 86_400
    for read in (time.fromisoformat, datetime.fromisoformat):
        try:
            found = read(text)
        except ValueError:
            continue
        if isinstance(found, datetime):
            return int((found.replace(tzinfo=None) - datetime(1, 1, 1)).total_seconds()) * TICKS  # noqa: DTZ001  # local, as the parser's
        return (today + found.hour * 3600 + found.minute * 60 + found.second) * TICKS
    return None
