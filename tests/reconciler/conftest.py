"""A real SQLite ledger for each test, on the clock of the test."""

from __future__ import annotations

import pytest

from tests.support.bench import Bench
from tests.support.ledger import ledger_at
from watchdog.runtime.clock import SimulatedClock


@pytest.fixture
def clock():
    return SimulatedClock()


@pytest.fixture
def open_again(tmp_path):
    """Open the test's ledger on a clock, as often as asked, each time as another program would."""
    opened = []

    def open_one(clock):
        opened.append(ledger_at(tmp_path / "ledger.sqlite3", clock))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def ledger(open_again, clock):
    return open_again(clock)


@pytest.fixture
def bench(ledger, clock):
    """A bench in mode repair, with nothing in its world yet."""
    return Bench(ledger, clock=clock)
