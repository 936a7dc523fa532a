"""Other programs' SQLite files, read-only and without a trace: nothing is created beside them, and no lock is ever held on them.

A file without a ``-wal`` is opened as immutable: SQLite then takes no lock and makes no ``-shm``. One with a ``-wal`` is copied away with
it, and the copy is opened. Either counts only if the file stood still; a rollback journal means that somebody is writing it, or died.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.errors import Blind, DeadlinePassed, MalformedAnswer, NotFound, Refused, Temporary

Row = tuple[object, ...]
HEAD: Final = b"SQLite format 3\0"
ROOM: Final = 3
"""So many times the size of a copy must be free where it is made."""
_STEPS: Final = 50_000
_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class TooLarge(Refused):
    """It would have to be copied, and is too large for that."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a database is still the same: (device, inode, bytes, time) of it, of its ``-wal`` and of its ``-journal``."""

    parts: tuple[tuple[int, int, int, int] | None, ...]

    @property
    def bytes(self) -> int:
        """Return how many bytes all of them have."""
        return sum(part[2] for part in self.parts if part is not None)

    @property
    def changed_at(self) -> float:
        """Return when one of them was last written, in UNIX seconds."""
        return max((part[3] for part in self.parts if part is not None), default=0) / 1e9

    @property
    def wal(self) -> bool:
        """Whether there is a ``-wal``."""
        return self.parts[1] is not None

    @property
    def journal(self) -> bool:
        """Whether there is a rollback journal with something in it."""
        return self.parts[2] is not None and self.parts[2][2] > 0


def state_of(path: Path) -> FileState:
    """Return it. Raises NotFound when there is no such file, Refused when it is no regular one, Blind when it cannot be looked at."""
    facts = _facts(path)
    if facts is None:
        raise NotFound("there is no such database")
    return FileState((facts, _facts(Path(f"{path}-wal")), _facts(Path(f"{path}-journal"))))


def rows(path: Path, statement: str, *, limit: int, most_copied: int, alive: Callable[[], bool] = lambda: True) -> tuple[Row, ...]:
    """Return the rows of one SELECT of ours, at most ``limit``; up to ``most_copied`` bytes are copied away if they must be.

    ``alive`` is asked now and then; False ends it. Raises NotFound, Refused (no regular file), TooLarge, Blind,
    Temporary (somebody is writing it), DeadlinePassed, or MalformedAnswer (no database, a damaged one, another layout, too many rows).
    """
    before = state_of(path)
    if before.journal:
        raise Temporary("somebody is writing the database, or died over it")
    with _readable(path, before, most_copied) as uri:
        found = _select(uri, statement, limit, alive)
    if state_of(path) != before:
        raise Temporary("the database was written while it was read")
    return found


@contextmanager
def _readable(path: Path, before: FileState, most: int) -> Iterator[str]:
    if not before.wal:
        _prove_head(path)
        yield f"{path.absolute().as_uri()}?immutable=1"
        return
    if before.bytes > most:
        raise TooLarge(f"the database and its log are larger than {most} bytes, so they are not copied")
    with tempfile.TemporaryDirectory(prefix="panel-watchdog-") as folder:
        if shutil.disk_usage(folder).free < ROOM * before.bytes:
            raise TooLarge("there is too little room for a copy of the database")
        copy = Path(folder) / "copy.sqlite"
        for end in ("", "-wal"):
            _copy(Path(f"{path}{end}"), Path(f"{copy}{end}"))
        if state_of(path) != before:
            raise Temporary("the database was written while it was copied")
        _prove_head(copy)
        yield copy.as_uri()


def _select(uri: str, statement: str, limit: int, alive: Callable[[], bool]) -> tuple[Row, ...]:
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=1.0, isolation_level=None)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_progress_handler(lambda: 0 if alive() else 1, _STEPS)
            found = connection.execute(statement).fetchmany(limit + 1)
    except sqlite3.Error as error:
        if not alive():
            raise DeadlinePassed("reading the database took longer than allowed") from None
        raise MalformedAnswer(f"the database cannot be read as expected ({type(error).__name__})") from None
    if len(found) > limit:
        raise MalformedAnswer(f"the database has more than {limit} rows of that")
    return tuple(found)


def _prove_head(path: Path) -> None:
    with _opened(path) as descriptor:
        head = os.read(descriptor, len(HEAD))
    if head != HEAD:
        raise MalformedAnswer("the file is empty" if not head else "the file does not begin as a database does")


def _copy(source: Path, target: Path) -> None:
    with _opened(source) as descriptor, os.fdopen(os.dup(descriptor), "rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, _OPEN)
    except FileNotFoundError:
        raise NotFound("there is no such database") from None
    except OSError as error:
        raise Blind(f"the database cannot be opened: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("the database is no regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def _facts(path: Path) -> tuple[int, int, int, int] | None:
    try:
        facts = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Blind(f"the database cannot be looked at: {error.strerror}") from None
    if not stat.S_ISREG(facts.st_mode):
        raise Refused("the database is no regular file")
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
