"""Times as .NET writes them: ticks of 100 ns since the year 1, ISO with up to seven digits, compact stamps, spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

TICKS: Final = 10_000_000
EPOCH_TICKS: Final = 621_355_968_000_000_000
YEAR_ONE: Final = -62_135_596_800
"""UNIX seconds of the year 1, which means never, none or without end."""


def ticks_of(wall: float) -> int:
    """Return the ticks of UNIX seconds."""
    return EPOCH_TICKS + int(wall * TICKS)


def wall_of(ticks: int) -> float:
    """Return the UNIX seconds of ticks."""
    return (ticks - EPOCH_TICKS) / TICKS


def plain(wall: float) -> str:
    """Return whole UNIX seconds as ``2027-01-04T02:00:00Z``."""
    return (datetime(1, 1, 1) + timedelta(seconds=int(wall) - YEAR_ONE)).isoformat() + "Z"  # noqa: DTZ001  # UTC, as its Z says


def shown(ticks: int, zone: str = "") -> str:
    """Return ticks in UTC with a Z, or in the time of ``zone`` with its offset; 0 is the year 1, without a zone where there is one."""
    if not ticks:
        return "0001-01-01T00:00:00" if zone else "0001-01-01T00:00:00Z"
    seconds, fraction = divmod(ticks, TICKS)
    local = datetime(1, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    if zone:
        local = local.astimezone(ZoneInfo(zone))
    digits = f"{fraction:07d}".rstrip("0")
    offset = local.strftime("%z")
    told = f"{offset[:3]}:{offset[3:5]}" if zone else "Z"
    return local.strftime("%Y-%m-%dT%H:%M:%S").zfill(19) + (f".{digits}" if digits else "") + told


def offset_time(ticks: int) -> str:
    """Return ticks in UTC as ``…+00:00``."""
    return shown(ticks).removesuffix("Z") + "+00:00"


def stamp(wall: float) -> str:
    """Return UNIX seconds as ``20261121T014424Z``."""
    return plain(wall).replace("-", "").replace(":", "")


def wall_of_stamp(text: str) -> float:
    """Return the UNIX seconds of such a stamp."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def span(seconds: float) -> str:
    """Return a TimeSpan: ``[d.]hh:mm:ss[.fffffff]``."""
    whole, fraction = divmod(int(seconds * TICKS), TICKS)
    days, rest = divmod(whole, 86_400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return (f"{days}." if days else "") + text + (f".{fraction:07d}" if fraction else "")


def size(count: int, *, binary: bool) -> str:
    """Return a size for people: ``17.92 KiB`` or, before 2.2, ``17.92 KB``."""
    value, unit = float(count), 0
    while value >= 1024 and unit < 4:  # noqa: PLR2004  # up to TiB
        value, unit = value / 1024, unit + 1
    names = ("bytes", "KiB", "MiB", "GiB", "TiB") if binary else ("bytes", "KB", "MB", "GB", "TB")
    return f"{value:.2f} {names[unit]}"
