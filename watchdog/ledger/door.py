"""The one door to the database: short transactions, errors in our own words, and a log line when it breaks and when it recovers."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Double, Engine, cast, extract, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import Table

from watchdog.errors import BadSettings, LedgerReadOnly, LedgerUnavailable
from watchdog.ledger.engines import WRITES
from watchdog.ledger.faults import REASONS, explain
from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock
from watchdog.runtime.clock import boot_id
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

METRICS: tuple[Metric, ...] = (
    Metric("watchdog_ledger_up", "gauge", "Whether the last use of the ledger worked (0 = repairs stand still)."),
    Metric(
        "watchdog_ledger_read_only", "gauge",
        "Whether a newer panel-watchdog has changed the ledger's schema: then this one looks and exports, and sends nothing.",
    ),
    Metric(
        "watchdog_ledger_failures_total", "counter", "Uses of the ledger that failed, by the database's reason.",
        ("reason",), tuple((reason,) for reason in REASONS),
    ),
    Metric(
        "watchdog_ledger_transaction_duration_seconds", "histogram",
        "How long one transaction on the ledger took, with its waiting and its commit.",
        ("access",), (("read",), ("write",)), (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0),
    ),
)  # fmt: skip


def _anybody(_connection: Connection) -> None:
    """Let everybody write."""


class Door:
    """Transactions on one database, from any thread. ``prepare`` makes the schema current; it is called until it succeeds once.

    ``life`` counts how often it was found anew: at the start, when a copy was put in its place, and when it was away.
    ``may_write`` is asked first in each transaction that writes, and raises LedgerReadOnly when a newer program has changed the schema.
    """

    def __init__(
        self,
        engine: Engine,
        prepare: Callable[[], None],
        clock: Clock,
        instruments: Instruments,
        patience: float,
        may_write: Callable[[Connection], None] = _anybody,
    ) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{WRITES: True})
        self._prepare = prepare
        self._clock = clock
        self._instruments = instruments
        self._patience = patience
        self._may_write = may_write
        self._ready = False
        self._down = False
        self._read_only = False
        self._preparing = threading.Lock()
        self._turn = threading.Lock()
        self.file: WatchedFile | None = None
        self.life = 0
        self.sqlite = engine.dialect.name == "sqlite"
        self.epoch = boot_id() if self.sqlite else ""

    @property
    def now(self) -> ColumnElement[float]:
        """The database's clock in SQL, in seconds. SQLite has none: there it is the host's CLOCK_BOOTTIME (see leases.py)."""
        if self.sqlite:
            return func.ledger_now(type_=Double)
        return cast(extract("epoch", func.clock_timestamp()), Double)

    def prepare(self) -> None:
        """Make the schema current unless it is known to be. Raises LedgerUnavailable or BadSettings."""
        with self._told():
            self._prepare_once()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give one consistent view. Raises LedgerUnavailable."""
        with self._told(), self._timed("read"):
            self._enter()
            with self._engine.connect() as connection, connection.begin():
                yield connection

    @contextmanager
    def write(self, serial: str = "") -> Iterator[Connection]:
        """Give one transaction that commits at its end, or not at all; those with the same ``serial`` run one after the other.

        Raises LedgerUnavailable; if the connection was lost during the commit nobody knows whether it happened: look again.
        """
        with self._told(), self._timed("write"), self._my_turn():
            self._enter()
            with self._writer.connect() as connection, connection.begin():
                if serial and not self.sqlite:
                    connection.execute(select(func.pg_advisory_xact_lock(zlib.crc32(serial.encode("utf-8", "replace")))))
                self._may_write(connection)
                self._writable()
                yield connection

    def check(self) -> None:
        """Make sure that the ledger can be read and written, by one small read. Raises LedgerUnavailable, LedgerReadOnly."""
        with self._told():
            self._enter()
            with self._engine.connect() as connection, connection.begin():
                self._may_write(connection)
            self._writable()

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT of this dialect, which both know ``on_conflict_do_update``."""
        return sqlite.insert(table) if self.sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def _enter(self) -> None:
        if self.file and self._ready and self.file.replaced():
            # a copy was put back: old connections still hold the old file
            self._engine.dispose()
            self._ready = False
        if not self._ready:
            try:
                self._prepare_once()
            except BadSettings as error:
                # found later than at start: the program goes on without a ledger, and says why
                raise LedgerUnavailable(str(error)) from None

    def _prepare_once(self) -> None:
        with self._preparing:
            if not self._ready:
                self._prepare()
                if self.file:
                    self.file.remember()
                self._ready = True
                self.life += 1

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        # SQLite's own waiting is a race of sleepers; between our threads a lock is fair and quicker
        if not self.sqlite:
            yield
            return
        if not self._turn.acquire(timeout=self._patience):
            raise sqlite3.OperationalError("our own threads keep the ledger busy")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _timed(self, access: str) -> Iterator[None]:
        began = self._clock.now()
        yield
        self._instruments.observe("watchdog_ledger_transaction_duration_seconds", access, value=self._clock.now().since(began))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except LedgerReadOnly as error:
            self._shut(str(error))
            raise
        except LedgerUnavailable as error:
            self._broke("not_ready", str(error))
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            reason, sentence = explain(error)
            self._broke(reason, sentence)
            # from None: the original text may hold values or the URL
            raise LedgerUnavailable(f"the ledger cannot be used: {sentence}") from None
        self._works()

    def _broke(self, reason: str, sentence: str) -> None:
        self._instruments.count("watchdog_ledger_failures_total", reason)
        self._instruments.set("watchdog_ledger_up", value=0.0)
        if not self._down:
            self._down = True
            log.error("the ledger cannot be used; repairs stand still until it can", reason=reason, detail=sentence)

    def _shut(self, sentence: str) -> None:
        self._instruments.count("watchdog_ledger_failures_total", "schema")
        self._instruments.set("watchdog_ledger_up", value=0.0)
        self._instruments.set("watchdog_ledger_read_only", value=1.0)
        if not self._read_only:
            self._read_only = True
            log.error("the ledger can only be read; repairs stand still", detail=sentence)

    def _writable(self) -> None:
        self._instruments.set("watchdog_ledger_read_only", value=0.0)
        if self._read_only:
            self._read_only = False
            log.info("the ledger can be written again")

    def _works(self) -> None:
        if self._read_only:
            return  # that it can be read is not enough
        self._instruments.set("watchdog_ledger_up", value=1.0)
        if self._down:
            self._down = False
            self.life += 1
            log.info("the ledger works again")


class WatchedFile:
    """The file of an SQLite ledger: SQLite itself would go on writing to one that was removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def remember(self) -> None:
        """Take the file as it is now for ours."""
        self._identity = self._look()

    def replaced(self) -> bool:
        """Return whether another file stands in its place. Raises OSError when there is none."""
        return self._look() != self._identity

    def _look(self) -> tuple[int, int]:
        seen = self._path.stat()
        return seen.st_dev, seen.st_ino
