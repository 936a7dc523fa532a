"""A job's own database: the schema of the recorded one (job/job.sqlite, version 19), written as runs go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from watchdog.panels.duplicati.fake.job_schema import NEWEST_COLUMNS, SCHEMA

VERSION: Final = 19
_VOLUME: Final = (
    "INSERT INTO Remotevolume (OperationID, Name, Type, Size, Hash, State, VerificationCount, DeleteGraceTime)"
    " VALUES (?, ?, ?, ?, ?, 'Verified', 1, 0)"
)
_VOLUME_2_3: Final = (
    "INSERT INTO Remotevolume"
    " (OperationID, Name, Type, Size, Hash, State, VerificationCount, DeleteGraceTime, ArchiveTime, LockExpirationTime)"
    " VALUES (?, ?, ?, ?, ?, 'Verified', 1, 0, 0, 0)"
)
_UPLOAD: Final = (
    "INSERT INTO RemoteOperation (OperationID, Timestamp, Operation, Path, Data)"
    " SELECT ?, Timestamp, 'put', ?, ? FROM Operation WHERE ID = ?"
)
TYPES: Final = {"dlist": "Files", "dblock": "Blocks", "dindex": "Index"}


@contextmanager
def opened(path: Path, *, newest: bool) -> Iterator[sqlite3.Connection]:
    """Open a job's database, making it if it is not there; ``newest``: of 2.3, which is in WAL mode and has two columns more."""
    made = not path.exists()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=OFF")  # nobody loses anything when the power fails here
        if made and newest:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN")
        if made:
            for statement in (SCHEMA if newest else SCHEMA.replace(NEWEST_COLUMNS, "")).split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO Version (Version) VALUES (?)", (VERSION,))
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()


def begin(connection: sqlite3.Connection, operation: str, at: float) -> int:
    """Note an operation; return its number."""
    cursor = connection.execute("INSERT INTO Operation (Description, Timestamp) VALUES (?, ?)", (operation, int(at)))
    return int(cursor.lastrowid or 0)


def add_volumes(connection: sqlite3.Connection, operation: int, volumes: Iterable[tuple[str, str, int, str]], *, newest: bool) -> None:
    """Note volumes (name, kind, size, hash) as uploaded and verified."""
    for name, kind, size, digest in volumes:
        connection.execute(_VOLUME_2_3 if newest else _VOLUME, (operation, name, TYPES[kind], size, digest))
        connection.execute(_UPLOAD, (operation, name, f'{{"Size":{size},"Hash":"{digest}"}}', operation))


def add_fileset(connection: sqlite3.Connection, operation: int, name: str, at: float) -> None:
    """Note a fileset and the list that has it."""
    connection.execute(
        "INSERT INTO Fileset (OperationID, VolumeID, IsFullBackup, Timestamp) SELECT ?, ID, 1, ? FROM Remotevolume WHERE Name = ?",
        (operation, int(at), name),
    )


def add_listing(connection: sqlite3.Connection, operation: int, at: float, verification: str) -> None:
    """Note what comes last: the list of volumes is put there, and the folder is listed."""
    for kind, path, data in (("put", verification, '{"Size":-1,"Hash":""}'), ("list", "", "[]")):
        query = "INSERT INTO RemoteOperation (OperationID, Timestamp, Operation, Path, Data) VALUES (?, ?, ?, ?, ?)"
        connection.execute(query, (operation, int(at), kind, path, data))


def add_log(connection: sqlite3.Connection, operation: int, at: float, message: str) -> None:
    """Note a result."""
    connection.execute(
        "INSERT INTO LogData (OperationID, Timestamp, Type, Message, Exception) VALUES (?, ?, 'Result', ?, NULL)",
        (operation, int(at), message),
    )


def rows(path: Path, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return what a query finds; nothing where there is no database."""
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query, parameters).fetchall()
    finally:
        connection.close()


def begun_volumes(path: Path) -> set[str]:
    """Return the volumes whose upload was begun and never ended."""
    return {name for (name,) in rows(path, "SELECT Name FROM Remotevolume WHERE State = 'Uploading'")}


def forget(path: Path, names: Iterable[str]) -> None:
    """Forget volumes."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for name in names:
            connection.execute("DELETE FROM Remotevolume WHERE Name = ?", (name,))


def known_volumes(path: Path) -> dict[str, tuple[int, str]]:
    """Return the volumes that must be there: size and hash by name."""
    query = "SELECT Name, Size, Hash FROM Remotevolume WHERE State IN ('Uploaded', 'Verified')"
    return {name: (size, digest) for name, size, digest in rows(path, query)}


def note_on_its_way(path: Path, name: str) -> None:
    """Note a dblock as being sent, as the server does before it sends one: its next run then knows whose it is (contract section 4, 14)."""
    if not path.exists():
        return
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        told = {"OperationID": 0, "Name": name, "Type": TYPES["dblock"], "Size": -1, "Hash": None, "State": "Uploading"}
        columns = [column[1] for column in connection.execute("PRAGMA table_info(Remotevolume)") if column[1] != "ID"]
        query = f"INSERT INTO Remotevolume ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  # its own columns
        connection.execute(query, [told.get(column, 0) for column in columns])
    finally:
        connection.close()
