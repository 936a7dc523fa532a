"""Before the first use: is the storage fit, is the schema ours; and if it is older and we may, copy and migrate it.

Everything happens under a lock and in one transaction, so two processes that start at once, or one that is killed in the middle, leave
either the old schema or the new one. alembic is imported only when there is something to migrate.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, text

from watchdog.errors import BadSettings, LedgerUnavailable
from watchdog.ledger import schema
from watchdog.ledger.engines import WRITES
from watchdog.ledger.storage import refuse_forgetful
from watchdog.ledger.window import is_newer, open_window, refuse_unreadable, version_of
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
COPIES = 3
_ADVISORY_LOCK = 0x70776C6467  # "pwldg"; any number will do, but for ever the same


@dataclass(frozen=True, slots=True)
class Preparation:
    """How to prepare one database. ``migrate`` is whether this program may change the schema; ``patience`` is seconds of waiting."""

    migrate: bool
    patience: float
    ephemeral: bool = False
    migrations: Path = MIGRATIONS
    head: str = schema.HEAD


def prepare_sqlite(engine: Engine, path: Path, how: Preparation) -> None:
    """Make the file current. Raises LedgerUnavailable (locked, missing and not ours to make) or BadSettings (unfit, newer)."""
    refuse_forgetful(_existing(path), ephemeral=how.ephemeral)
    if not how.migrate and not path.exists():
        raise LedgerUnavailable(f"there is no ledger at '{path}' yet: `panel-watchdog run` makes it")
    if how.migrate:
        _make_file(path)
    with _locked(path, how.patience):
        with engine.connect() as connection:
            version = version_of(connection)
            if _is_current(connection, version, how, str(path)):
                return
            _refuse_strangers(connection, version, str(path), alone=True)
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            if version is not None:
                # BEGIN IMMEDIATE stands, so nobody writes between this copy and the migration
                _copy(path, Path(f"{path}.before-{how.head}-from-{version}"))
            _migrate(connection, how, version, str(path))


def prepare_postgresql(engine: Engine, how: Preparation) -> None:
    """Make the database current. Raises like ``prepare_sqlite``."""
    where = engine.url.render_as_string(hide_password=True)
    with engine.connect() as connection:
        if _is_current(connection, version_of(connection), how, where):
            return
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = {int(how.patience * 1000)}"))
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        version = version_of(connection)
        if _is_current(connection, version, how, where):
            return
        _refuse_strangers(connection, version, where, alone=False)
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        _migrate(connection, how, version, where)


def _is_current(connection: Connection, version: str | None, how: Preparation, where: str) -> bool:
    """Whether nothing is to be done: the schema is ours, or a newer one that we may read (``window`` keeps us from writing)."""
    refuse_unreadable(connection, version, how.head, where)
    if version == how.head or is_newer(version, how.head):
        return True
    if not how.migrate:
        raise LedgerUnavailable(f"the ledger '{where}' has schema {version or 'none'}, we need {how.head}: start `panel-watchdog run` once")
    return False


def _refuse_strangers(connection: Connection, version: str | None, where: str, *, alone: bool) -> None:
    if version is not None:
        return
    there = set(inspect(connection).get_table_names())
    strangers = there if alone else there & set(schema.metadata.tables)
    if strangers:
        raise BadSettings(f"ledger: '{where}' holds tables that are not ours ({', '.join(sorted(strangers)[:3])}...): name another place")


def _migrate(connection: Connection, how: Preparation, version: str | None, where: str) -> None:
    from watchdog.ledger.migrating import upgrade  # noqa: PLC0415  # alembic costs time and memory: only when there is something to do

    began = time.monotonic()
    open_window(connection, how.head, upgrade(connection, how.migrations, how.head))
    log.info("the ledger has a new schema", ledger=where, old=version or "none", new=how.head, seconds=round(time.monotonic() - began, 3))


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # 0600 from its first moment; SQLite gives -wal and -shm the same mode
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        # not by a descriptor: closing one drops the POSIX locks of every SQLite connection this process has on the file
        if path.stat().st_mode & 0o077:
            with suppress(PermissionError):
                path.chmod(0o600)


@contextmanager
def _locked(path: Path, patience: float) -> Iterator[None]:
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # real time: another process, which knows nothing of our Clock, holds the lock
        deadline, pause = time.monotonic() + patience, threading.Event()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LedgerUnavailable(f"another process has been preparing the ledger '{path}' for {patience:.0f} s") from None
                pause.wait(0.05)
        yield
    finally:
        os.close(descriptor)


def _copy(path: Path, to: Path) -> None:
    """Copy the database, and keep only the newest copies."""
    part = Path(f"{to}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    part.replace(to)
    copies = sorted(path.parent.glob(f"{path.name}.before-*-from-*"), key=lambda copy: copy.stat().st_mtime)
    for old in [copy for copy in copies if copy.suffix != ".part"][:-COPIES]:
        old.unlink()
    log.info("copied the ledger before changing its schema", copy=str(to))
