"""Every behaviour of the ledger is tested on both databases: SQLite, and a real PostgreSQL where its programs are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledger import HOST, ledger_at, simulated_ledger
from tests.support.postgresql import PrivatePostgresql, postgresql
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.moments import Clock
from watchdog.runtime.clock import SystemClock

__all__ = ["postgresql", "simulated_ledger"]

SQLITE = pytest.param("sqlite", id="sqlite")
POSTGRESQL = pytest.param("postgresql", id="postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")])


class Database:
    """One fresh database and everything opened on it. ``url`` is what settings want."""

    def __init__(self, url: str, path: Path | None = None, server: PrivatePostgresql | None = None) -> None:
        self.url = url
        self.path = path
        self.server = server
        self._opened: list[Ledger] = []

    def settings(self, **more: object) -> LedgerSettings:
        return LedgerSettings.model_validate({"url": self.url, "ephemeral": True, **more})

    def open(self, clock: Clock | None = None, *, host: str = HOST, migrate: bool = True, **more: object) -> Ledger:
        opened = open_ledger(self.settings(**more), clock or SystemClock(), migrate=migrate, host=host)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        for each in self._opened:
            each.close()


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PrivatePostgresql) -> str:
    name = postgresql.database()
    open_ledger(LedgerSettings(url=postgresql.url(name)), SystemClock(), migrate=True, host=HOST).close()
    return name


def _fresh(request: pytest.FixtureRequest, tmp_path: Path, *, migrated: bool) -> Database:
    if request.param == "sqlite":
        path = tmp_path / "ledger.sqlite3"
        if migrated:
            ledger_at(path, SystemClock()).close()
        return Database(f"sqlite:///{path}", path)
    server: PrivatePostgresql = request.getfixturevalue("postgresql")
    name = server.database(request.getfixturevalue("postgresql_template")) if migrated else server.database()
    return Database(server.url(name), None, server)


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give a migrated database."""
    fresh = _fresh(request, tmp_path, migrated=True)
    yield fresh
    fresh.close()


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give a database that nobody has migrated."""
    fresh = _fresh(request, tmp_path, migrated=False)
    yield fresh
    fresh.close()


@pytest.fixture
def book(database: Database) -> Ledger:
    """Give a ledger with the real clock on either database."""
    return database.open()


@pytest.fixture(scope="module")
def ledger_of_pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Give one SQLite ledger to a whole table of cases: rules that are Python's need no second database."""
    opened = ledger_at(tmp_path_factory.mktemp("pairs") / "ledger.sqlite3", SystemClock())
    yield opened
    opened.close()
