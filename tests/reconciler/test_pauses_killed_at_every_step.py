"""Killed at every step of create, change, expire and resume, alone or one of two: none is lost, none ends twice, none lasts too long."""

from __future__ import annotations

import itertools

import pytest

from tests.support.ledger import ledger_at
from tests.support.pause_steps import Process, Walk, state, transitions
from tests.support.postgresql import PrivatePostgresql, postgresql
from watchdog.ledger.open import open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.pauses import PauseOrder
from watchdog.runtime.clock import SimulatedClock

__all__ = ["postgresql"]
SQLITE = pytest.param("sqlite", id="sqlite")
POSTGRESQL = pytest.param("postgresql", id="postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")])
SEEDS, TURNS = 50, 6


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def opened(request, tmp_path):
    """``opened(host)`` opens the one database of this test as a program of that host would."""
    clock, ledgers = SimulatedClock(), []
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/ledger.sqlite3"
        ledger_at(tmp_path / "ledger.sqlite3", clock).close()
    else:
        server: PrivatePostgresql = request.getfixturevalue("postgresql")
        url = server.url(server.database())
        open_ledger(LedgerSettings(url=url), clock, migrate=True, host="first").close()

    def open_one(host="alpha"):
        ledgers.append(open_ledger(LedgerSettings(url=url, ephemeral=True), clock, migrate=False, host=host))
        return ledgers[-1]

    open_one.clock, open_one.name = clock, request.param
    yield open_one
    for each in ledgers:
        each.close()


ORDERS = {
    "create": (lambda pauses, _standing: pauses.pause(PauseOrder("two", "r", "ann", length=60.0)), "began"),
    "change": (lambda pauses, one: pauses.change(one.id, one.version, PauseOrder("one", "again", "bob", length=600.0)), "changed"),
    "expire": (lambda pauses, _standing: pauses.step(), "expired"),
    "resume": (lambda pauses, one: pauses.resume(one.id, "bob"), "resumed"),
}


@pytest.mark.parametrize("word", ORDERS)
def test_every_step_of_every_order(opened, word):
    order, done = ORDERS[word]
    outcomes = []
    for step in itertools.count():
        host = f"{word}-{step}"
        witness, process = opened(host), Process(lambda host=host: opened(host), opened.clock, "boot-1")
        one = process.pauses.pause(PauseOrder("one", "r", "ann", length=60.0))
        if word == "expire":
            opened.clock.advance(61.0)
        before = state(witness)
        died = process.dies_at(step, lambda process=process, one=one: order(process.pauses, one))
        happened = transitions(before, state(witness))
        assert happened in ([], [done])
        outcomes.append((died, bool(happened)))
        if not died:
            break
        # the next life: what was not done is done once, what was done is not done again
        after = Process(lambda host=host: opened(host), opened.clock, "boot-1")
        kept = state(witness)
        after.dies_at(None, lambda after=after, one=one: order(after.pauses, one))
        assert transitions(kept, state(witness)) == ([] if happened else [done])
        assert not any(each.ended_at is None and each.until_mono <= opened.clock.now().mono for each in state(witness).values())
    assert outcomes[-1] == (False, True)
    assert (True, False) in outcomes, "killed before the commit"
    assert (True, True) in outcomes, "killed after the commit, unanswered"
    assert outcomes == sorted(outcomes[:-1], key=lambda each: each[1]) + outcomes[-1:], "there is one moment from which on it holds"


def walk(opened, seeds, turns, programs):
    deaths, seen = 0, set()
    for seed in seeds:
        one = Walk(lambda seed=seed: opened(f"host-{seed}"), seed, opened.clock, programs)
        one.turns(turns)
        one.witness.close()
        deaths, seen = deaths + one.deaths, seen | one.seen
    assert {"began", "changed", "resumed", "died"} <= seen
    assert deaths >= len(seeds)


def test_fifty_seeds(opened):
    """On SQLite one program dies and is born anew; on PostgreSQL two share the ledger, the host's name and the pauses."""
    walk(opened, range(SEEDS), TURNS, 1 if opened.name == "sqlite" else 2)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_seeds(opened):
    walk(opened, range(1000), 40, 1 if opened.name == "sqlite" else 2)
