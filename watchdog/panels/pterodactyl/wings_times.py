"""Times in Wings' log: ``May  4 08:00:55.117``, on the clock of the zone that the Wings process has, without a year. Pure.

The zone is that of the process (Go's ``time.Local``: its TZ, else its /etc/localtime), not ``system.timezone``, which is for containers.
Wings writes a line at the moment that stands in it, so the file's own mtime tells whether a zone fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STAMP: Final = re.compile(rf"({'|'.join(MONTHS)}) ([ 123]\d) (\d\d):(\d\d):(\d\d)\.(\d\d\d)")
SLACK: Final = 86_400.0
"""Seconds by which a line may seem younger than its bound before it is taken for last year's."""
REPEATED: Final = 60.0
"""Seconds by which times may run back within one log without meaning the second pass of a repeated hour."""
FITS: Final = 120.0
"""Seconds between a file's last line and its mtime."""
QUARTER: Final = 900.0
"""All zones differ by whole quarters of an hour."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone that Wings may write its times in, and who says so."""

    name: str
    info: tzinfo


def epoch(text: str, zone: tzinfo, bound: float, after: float | None = None) -> float | None:
    """Given a stamp, return UNIX seconds; None when it is none.

    ``bound`` (UNIX seconds) is a moment that the line is not younger than: it tells the year. ``after`` is the time of the line before
    it: it tells the second pass of an hour that the clocks repeat from the first.
    """
    found = STAMP.fullmatch(text)
    if found is None:
        return None
    month = MONTHS.index(found[1]) + 1
    day, hour, minute, second, milli = (int(part) for part in found.groups()[1:])
    for year in _years(bound, zone):
        try:
            local = datetime(year, month, day, hour, minute, second, milli * 1000, tzinfo=zone)
        except ValueError:  # a 29th of February of another year, or no time at all
            continue
        at = _pass(local, bound, after)
        if at <= bound + SLACK:
            return at
    return None


def fitting(stamp: str, written_at: float, zones: Sequence[Zone]) -> Zone | None:
    """Given a file's last stamp, its mtime and zones, return the first zone by which both are the same moment; None = none is."""
    for zone in zones:
        at = epoch(stamp, zone.info, written_at, written_at - FITS)
        if at is not None and abs(written_at - at) <= FITS:
            return zone
    return None


def contradicts(stamp: str, written_at: float, zone: Zone) -> bool:
    """Whether a file's last stamp and its mtime differ as two zones do, by whole quarters of an hour: then it is not this zone."""
    at = epoch(stamp, zone.info, written_at, written_at - FITS)
    if at is None:
        return False
    apart = abs(written_at - at)
    rest = apart % QUARTER
    return FITS < apart <= SLACK and min(rest, QUARTER - rest) <= FITS / 4


def _years(bound: float, zone: tzinfo) -> Iterator[int]:
    here = datetime.fromtimestamp(bound, zone).year
    yield from (here + 1, here, here - 1, here - 2, here - 3, here - 4)


def _pass(local: datetime, bound: float, after: float | None) -> float:
    first, second = local.replace(fold=0).timestamp(), local.replace(fold=1).timestamp()
    if second <= first:  # not repeated; or skipped by the clocks, then the time before the change holds
        return first
    return second if after is not None and first < after - REPEATED and second <= bound + REPEATED else first
