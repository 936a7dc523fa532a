"""A migrated SQLite ledger for any test: ``from tests.support.ledger import ledger`` gives the fixture, ``ledger_at`` opens one by hand.

The tables are made once per process and copied from then on, so opening costs milliseconds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.moments import Clock
from watchdog.runtime.clock import SimulatedClock, SystemClock

HOST = "test-host"


@lru_cache(maxsize=1)
def _template() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="watchdog-ledger-")
    _kept.append(directory)
    path = Path(directory.name) / "template.sqlite3"
    open_ledger(_settings(path), SystemClock(), migrate=True, host=HOST).close()
    return path


_kept: list[Any] = []


def _settings(path: Path) -> LedgerSettings:
    # ephemeral: temporary directories of test machines are often tmpfs or overlay
    return LedgerSettings(url=f"sqlite:///{path}", ephemeral=True)


def ledger_at(path: Path, clock: Clock, host: str = HOST) -> Ledger:
    """Return an open ledger on ``path``, made if it is not there yet. The caller closes it."""
    if not path.exists():
        # closing the last connection has put everything from the WAL into the file
        shutil.copy(_template(), path)
    return open_ledger(_settings(path), clock, migrate=True, host=host)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Give a fresh, migrated SQLite ledger with the real clock."""
    opened = ledger_at(tmp_path / "ledger.sqlite3", SystemClock())
    yield opened
    opened.close()


@pytest.fixture
def simulated_ledger(tmp_path: Path) -> Iterator[tuple[Ledger, SimulatedClock]]:
    """Give a fresh ledger and the simulated clock that its leases go by."""
    clock = SimulatedClock()
    opened = ledger_at(tmp_path / "ledger.sqlite3", clock)
    yield opened, clock
    opened.close()
