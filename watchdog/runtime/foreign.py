"""Other programs' databases, read-only: one short connection per question, and every bound there is on it.

The transaction is read-only whatever the login may do; a statement, a lock and the whole exchange have their ends, the last by cutting the
connection from beside (a server that has stopped answering cannot be asked to stop). Nothing stays open between two questions: a pool of
somebody else's database is not ours to hold. Error texts name the operation, never the URL: it holds a password.
"""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from watchdog.errors import (
    BadSettings,
    DeadlinePassed,
    Forbidden,
    MalformedAnswer,
    NotFound,
    Refused,
    ServerFault,
    Unreachable,
    WatchdogError,
)

if TYPE_CHECKING:
    from psycopg import Connection, Error

Row = tuple[object, ...]
_SHORTEST_CONNECT: Final = 2  # seconds; libpq takes no less
_BY_STATE: Final[tuple[tuple[str, type[WatchdogError], str], ...]] = (
    ("28", Forbidden, "the database refuses this login"),
    ("42501", Forbidden, "this login may not read that"),
    ("57014", DeadlinePassed, "the database took longer than allowed"),
    ("55P03", DeadlinePassed, "somebody holds a lock on what was asked for"),
    ("25006", Refused, "only reading is allowed here"),
    ("3D000", NotFound, "there is no such database"),
    ("42", MalformedAnswer, "the database is not laid out as expected"),
)
_LOGIN_REFUSED: Final = ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf")
"""Words of a refusal before the login is through: it comes without a code. A server that speaks another language is only unreachable."""


class ForeignDatabase:
    """One PostgreSQL of another program. ``url`` is asked anew for each question; ``seconds`` bound each whole question."""

    def __init__(self, url: Callable[[], str], seconds: float) -> None:
        self._url = url
        self._seconds = seconds

    def rows(self, operation: str, statement: str, limit: int) -> tuple[Row, ...]:
        """Return the rows of one SELECT of ours, at most ``limit``. ``operation`` is for error texts.

        Raises Unreachable, DeadlinePassed, Forbidden, NotFound, Refused (a statement that writes), MalformedAnswer (another layout, more
        rows than ``limit``) or BadSettings (the URL, a missing driver).
        """
        with self._connected(operation) as connection, connection.cursor(name="panel_watchdog") as cursor:
            cursor.execute(statement.encode())
            found = cursor.fetchmany(limit + 1)
        if len(found) > limit:
            raise MalformedAnswer(f"{operation}: the database has more than {limit} rows of that")
        return tuple(found)

    @contextmanager
    def _connected(self, operation: str) -> Iterator[Connection[Row]]:
        psycopg = _driver()
        parameters = self._parameters(psycopg)
        expired = threading.Event()
        try:
            with psycopg.connect(**parameters) as connection:
                connection.read_only = True
                with _cut_after(self._seconds, connection, expired):
                    yield connection
        except psycopg.Error as error:
            raise _told(operation, error, expired.is_set()) from None

    def _parameters(self, psycopg: Any) -> dict[str, Any]:
        url = self._url()
        if not url.startswith(("postgresql://", "postgres://")):
            raise BadSettings("the database's URL must begin with postgresql://")
        try:
            parameters: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error:
            raise BadSettings("the database's URL cannot be read: write postgresql://user:password@host:port/database") from None
        most = max(1, int(self._seconds * 1000))
        bounds = {
            "default_transaction_read_only": "on", "statement_timeout": most, "lock_timeout": most,
            "idle_in_transaction_session_timeout": 2 * most,
        }  # fmt: skip
        return parameters | {
            "connect_timeout": max(_SHORTEST_CONNECT, math.ceil(self._seconds)),
            "application_name": "panel-watchdog",
            "options": " ".join(f"-c {name}={value}" for name, value in bounds.items()),
        }


def _driver() -> Any:
    try:
        import psycopg  # noqa: PLC0415  # an extra: only those who name a database need it
    except ImportError:
        raise BadSettings("a PostgreSQL database needs its driver: pip install 'panel-watchdog[postgresql]'") from None
    return psycopg


@contextmanager
def _cut_after(seconds: float, connection: Connection[Row], expired: threading.Event) -> Iterator[None]:
    """Shut the connection's socket down when the time is over, so that whoever waits on it wakes."""
    line = socket.socket(fileno=os.dup(connection.fileno()))

    def cut() -> None:
        expired.set()
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.close()


def _told(operation: str, error: Error, expired: bool) -> WatchdogError:
    state = error.sqlstate
    if expired:
        return DeadlinePassed(f"{operation}: the database took longer than allowed")
    if state is not None:
        for begin, kind, said in _BY_STATE:
            if state.startswith(begin):
                return kind(f"{operation}: {said} ({state})")
        return ServerFault(f"{operation}: the database failed ({state})")
    if "Timeout" in type(error).__name__:
        return DeadlinePassed(f"{operation}: the database did not take the connection in time")
    if any(word in str(error) for word in _LOGIN_REFUSED):
        return Forbidden(f"{operation}: the database refuses this login")
    return Unreachable(f"{operation}: the database cannot be reached, or the connection was cut ({type(error).__name__})")
