"""Times in log lines, read in the writer's zone: a missing year or day is inferred, a repeated hour is told apart where it can be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from watchdog.errors import BadSettings
from watchdog.runtime.cron import zone_of

ISO = "iso"
# a line cannot be from the future, but clocks differ, and a year is inferred over new year's midnight
YEAR_SLACK = 86_400.0
DAY_SLACK = 300.0
_HAS_YEAR = re.compile(r"%(?:Y|y|G|c|x)")
_HAS_DAY = re.compile(r"%(?:d|j|c|x)")


class TimeReader:
    """Reads times of one log. ``form`` is strptime's, or "iso"; ``zone`` is the writer's IANA name, else it raises BadSettings."""

    def __init__(self, form: str, zone: str) -> None:
        self._form = form
        try:
            self._zone = zone_of(zone)
        except ValueError as error:
            raise BadSettings(str(error)) from None
        self._has_year = form == ISO or _HAS_YEAR.search(form) is not None
        self._has_day = form == ISO or _HAS_DAY.search(form) is not None

    def read(self, text: str, now: float, after: float | None = None) -> float | None:
        """Given the text of a time, return UNIX seconds, or None when it is none.

        ``now`` (UNIX seconds) is when the line was read. ``after`` (UNIX seconds) is a time that the line is not older than: it tells the
        second pass of a repeated hour from the first.
        """
        slack = YEAR_SLACK if self._has_day else DAY_SLACK
        found: float | None = None
        for local in self._candidates(text.strip(), datetime.fromtimestamp(now, self._zone)):
            stamp = self._stamp(local, now, after)
            if stamp <= now + slack:
                return stamp
            found = stamp
        return found if self._has_year else None

    def _candidates(self, text: str, here: datetime) -> Iterator[datetime]:
        """Yield what the text may mean, the latest first."""
        if self._form == ISO:
            yield from _parsed(text)
        elif self._has_year:
            yield from _parsed(text, self._form)
        elif self._has_day:
            for year in (here.year + 1, here.year, here.year - 1):
                yield from _parsed(f"{year} {text}", f"%Y {self._form}")
        else:
            for days in (1, 0, -1):
                day = here.date() + timedelta(days=days)
                yield from _parsed(f"{day.isoformat()} {text}", f"%Y-%m-%d {self._form}")

    def _stamp(self, local: datetime, now: float, after: float | None) -> float:
        if local.tzinfo is not None:
            return local.timestamp()
        first = local.replace(tzinfo=self._zone, fold=0).timestamp()
        second = local.replace(tzinfo=self._zone, fold=1).timestamp()
        if second <= first:  # not repeated (or skipped by the clocks: then the time before the change holds)
            return first
        return second if after is not None and first < after and second <= now + DAY_SLACK else first


def _parsed(text: str, form: str = "") -> Iterator[datetime]:
    try:
        yield datetime.strptime(text, form) if form else datetime.fromisoformat(text.replace(",", "."))  # noqa: DTZ007  (the zone is added)
    except ValueError:  # no time, or a 29th of February of another year
        return
