"""Database errors in our own words. Nothing of the statement, its values or the URL gets into a text (rule 17)."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

_SQLITE = (
    ("SQLITE_BUSY", "locked", "another program holds its write lock"),
    ("SQLITE_LOCKED", "locked", "another program holds its write lock"),
    ("SQLITE_FULL", "full", "the disk is full: free some space"),
    ("SQLITE_READONLY", "read_only", "it is read-only: check the mount and the permissions of the file and its directory"),
    ("SQLITE_PERM", "read_only", "the file's permissions forbid it"),
    ("SQLITE_CANTOPEN", "gone", "the file cannot be opened: check that its directory exists and is ours"),
    ("SQLITE_IOERR", "input_output", "the disk failed to read or write"),
    ("SQLITE_CORRUPT", "corrupt", "the file is damaged: stop the program and put back the newest copy beside it"),
    ("SQLITE_NOTADB", "corrupt", "the file is no SQLite database"),
)
_POSTGRESQL = (
    ("53100", "full", "the server's disk is full"),
    ("53", "resources", "the server has no resources or connections left"),
    ("25006", "read_only", "the server is read-only (a standby?)"),
    ("28", "refused", "the server refuses our user or password"),
    ("3D000", "refused", "the server has no such database: create it"),
    ("42501", "refused", "our user may not do this: grant it the schema"),
    ("42P01", "schema", "a table is missing"),
    ("08", "connection", "the connection was lost"),
    ("57P", "connection", "the server is ending or starting"),
    ("57014", "timeout", "the server took too long"),
    ("55P03", "locked", "another program holds a lock"),
    ("40", "locked", "another program was faster; try again"),
)
_SYSTEM = {
    errno.ENOENT: ("gone", "its file is gone: put it back, or restart to begin anew"),
    errno.ENOTDIR: ("gone", "its directory is none"),
    errno.ENOSPC: ("full", "the disk is full: free some space"),
    errno.EDQUOT: ("full", "our quota of the disk is used up"),
    errno.EROFS: ("read_only", "its file system is read-only"),
    errno.EACCES: ("read_only", "the permissions of its file or directory forbid it"),
    errno.EPERM: ("read_only", "the permissions of its file or directory forbid it"),
    errno.EIO: ("input_output", "the disk failed to read or write"),
}
REASONS = (
    *("locked", "full", "read_only", "gone", "input_output", "corrupt", "resources", "refused", "schema", "connection", "timeout"),
    *("not_ready", "other"),
)
"""Every reason there is; ``not_ready`` = the tables are not there yet, or another process is making them."""


def explain(error: BaseException) -> tuple[str, str]:
    """Given a database error, return (a stable word for metrics, what a person should know)."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in _SYSTEM:
            return _SYSTEM[cause.errno]
        name = getattr(cause, "sqlite_errorname", None) if isinstance(cause, sqlite3.Error) else None
        state = getattr(cause, "sqlstate", None)
        for code, reason, sentence in _SQLITE if name else _POSTGRESQL:
            if (name or state or "").startswith(code):
                return reason, f"{sentence} ({name or state})"
    if any(type(cause).__module__.partition(".")[0] == "psycopg" and _is_connection(cause) for cause in _chain(error)):
        return "connection", "the server cannot be reached, or the connection was lost"
    return "other", "unexpected: " + " from ".join(dict.fromkeys(type(cause).__name__ for cause in _chain(error)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        cause = getattr(cause, "orig", None) or cause.__cause__


def _is_connection(error: BaseException) -> bool:
    return type(error).__name__ in {"OperationalError", "InterfaceError", "ConnectionTimeout", "AdminShutdown"} and not getattr(
        error, "sqlstate", None
    )
