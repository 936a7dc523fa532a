"""The panel's log of backups, read page by page and kept between looks. No I/O of its own.

A page has 100 rows, whatever one asks for (contract section 1.6). After the first reading only what is new is read, until a page ends in
known rows; once an hour all is read again, for a restored database brings another past.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watchdog.model.moments import Moment
from watchdog.panels.sysreptor.answers import Page
from watchdog.panels.sysreptor.view import LogRow, LogType

READ_ANEW: Final = 3600.0
MOST_PAGES: Final = 200


class Journal:
    """Rows newest first, at most ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: tuple[LogRow, ...] = ()
        self._whole = False
        self._read_at: Moment | None = None

    def read(self, page: Callable[[str], Page], now: Moment) -> tuple[tuple[LogRow, ...], bool]:
        """Given how to read the page at a cursor ("" = the first), return all rows and whether they go back to the setup.

        Raises what ``page`` raises; then nothing is kept of this reading.
        """
        anew = self._read_at is None or now.since(self._read_at) >= READ_ANEW
        known = () if anew else self._rows
        read: dict[str, LogRow] = {}
        cursor, ended = "", False
        for _ in range(MOST_PAGES):
            one = page(cursor)
            read.update((row.id, row) for row in one.rows)
            ended = not one.cursor or one.cursor == cursor
            if ended or len(read) >= self._most or _meets(one.rows, known):
                break
            cursor = one.cursor
        self._keep(tuple(read.values()), known, ended=ended)
        if any(row.type is LogType.RESTORE and row not in known for row in read.values()) and not anew:
            self._read_at = None  # the past before a restore is another one: read all of it in the next look
        elif anew:
            self._read_at = now
        return self._rows, self._whole

    def _keep(self, read: tuple[LogRow, ...], known: tuple[LogRow, ...], *, ended: bool) -> None:
        oldest = min((row.at_us for row in read), default=0)
        older = tuple(row for row in known if row.at_us < oldest)
        rows = sorted((*read, *older), key=lambda row: row.at_us, reverse=True)
        self._whole = (ended or (bool(older) and self._whole)) and len(rows) <= self._most
        self._rows = tuple(rows[: self._most])


def _meets(rows: tuple[LogRow, ...], known: tuple[LogRow, ...]) -> bool:
    return bool(rows) and rows[-1] in known
