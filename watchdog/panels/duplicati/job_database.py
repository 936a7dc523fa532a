"""A job's own database, read for what it knows of its volumes: the second witness of what belongs into a destination.

Contract section 4, Verifying a destination folder without Duplicati. Only while the job is idle, without lock or trace (``foreign_file``).
The server's own database is never opened: a lock on it can end the whole server.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from watchdog.errors import Blind, DeadlinePassed, MalformedAnswer, NotFound, Refused, Temporary, WatchdogError
from watchdog.panels.duplicati.traces import DatabaseProblem, JobDatabase, ListedVolume
from watchdog.runtime import foreign_file
from watchdog.runtime.foreign_file import FileState

SERVERS: Final = "duplicati-server.sqlite"
MOST_VOLUMES: Final = 200_000
MOST_COPIED: Final = 1 << 30
_PROBLEMS: Final[dict[type[WatchdogError], DatabaseProblem]] = {
    NotFound: "absent", foreign_file.TooLarge: "too_large", Refused: "unreadable", Blind: "unreadable", Temporary: "busy",
    DeadlinePassed: "busy",
}  # fmt: skip
_SELECT: Final = "SELECT Name, Size, Hash, State FROM Remotevolume"


class JobDatabaseReader:
    """Reads one database, anew only when its file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: tuple[FileState, JobDatabase] | None = None

    def read(self, alive: Callable[[], bool]) -> JobDatabase:
        """Return what it says now, or why it says nothing. ``alive`` False ends a long reading."""
        if self._is_the_servers():
            return JobDatabase("refused", "it is the server's own database, which is never opened")
        try:
            state = foreign_file.state_of(self._path)
            if self._before is None or self._before[0] != state:
                self._before = (state, self._fresh(state, alive))
            return self._before[1]
        except (NotFound, Refused, Blind, Temporary) as error:
            return JobDatabase(_PROBLEMS[type(error)], str(error))

    def _fresh(self, state: FileState, alive: Callable[[], bool]) -> JobDatabase:
        at, size = state.changed_at, state.bytes
        if state.parts[0] is not None and state.parts[0][2] == 0:
            return JobDatabase("empty", "its file has no bytes", at, size)
        try:
            rows = foreign_file.rows(self._path, _SELECT, limit=MOST_VOLUMES, most_copied=MOST_COPIED, alive=alive)
        except MalformedAnswer as error:
            return JobDatabase("no_database" if "begin" in str(error) else "damaged", str(error), at, size)
        return JobDatabase("", "", at, size, tuple(map(_volume, rows)))

    def _is_the_servers(self) -> bool:
        """Whether it is the server's own, by its name, by where a link leads, or by the file itself."""
        real = Path(os.path.realpath(self._path))
        if SERVERS in {self._path.name.lower(), real.name.lower()}:
            return True
        return any(_same(self._path, each.with_name("Duplicati-server.sqlite")) for each in {self._path, real})


def _volume(row: foreign_file.Row) -> ListedVolume:
    name, size, digest, state = row
    known = size if isinstance(size, int) and size >= 0 else None
    return ListedVolume(str(name), known, digest if isinstance(digest, str) else "", str(state))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
