"""SQLite and PostgreSQL, made to behave alike: real transactions, one clock for leases, and no waiting without end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from watchdog.errors import BadSettings
from watchdog.model.moments import Clock

WRITES = "ledger_writes"
_CONNECT_SECONDS = 5
STANDSTILL_SECONDS = 30
"""Seconds for which a transaction of ours may stand still on PostgreSQL: a frozen program would keep all others out until it wakes."""


def sqlite_engine(path: Path, busy_timeout: float, clock: Clock) -> Engine:
    """Given the path of an existing file and how long to wait for a lock in seconds, return an engine on it."""

    def connect() -> sqlite3.Connection:
        # mode=rw: a file that vanished must be an error, not a new and empty ledger. isolation_level=None: the driver would begin
        # transactions by its own rules (never before DDL or SELECT); we say BEGIN ourselves, below.
        uri = f"file:{quote(str(path))}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=8, pool_timeout=busy_timeout)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
        connection.create_function("ledger_now", 0, lambda: clock.now().mono)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # IMMEDIATE: a transaction that reads first and writes later cannot be upgraded once somebody else wrote in between
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")

    return engine


def postgresql_engine(url: str, busy_timeout: float) -> Engine:
    """Given a URL and the longest wait of one statement in seconds, return an engine; it reconnects by itself. Raises BadSettings."""
    try:
        engine = create_engine(
            make_url(url), pool_pre_ping=True, pool_size=4, max_overflow=8, pool_timeout=busy_timeout,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS, "application_name": "panel-watchdog",
                "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": int(busy_timeout * 1000),
            },
        )  # fmt: skip
    except ModuleNotFoundError:
        raise BadSettings("ledger.url: PostgreSQL needs its driver: pip install 'panel-watchdog[postgresql]'") from None
    except (ArgumentError, ValueError):
        raise BadSettings("ledger.url: this URL cannot be read: write postgresql://user@host:port/database") from None

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # outside of a transaction, or the first rollback would undo it
        connection.autocommit = True
        connection.execute(f"SET statement_timeout = {int(busy_timeout * 1000)}")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{STANDSTILL_SECONDS}s'")
        connection.autocommit = False

    return engine
