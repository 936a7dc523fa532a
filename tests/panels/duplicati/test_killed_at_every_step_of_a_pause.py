"""Killed at any step of create, renew, expire and resume: no pause is lost, none is ended twice, none outlives its end (Shown by 3)."""

import pytest

from tests.support.duplicati_kills import BY_ITSELF, trial, two_lives
from tests.support.ledger import HOST
from tests.support.postgresql import postgresql
from watchdog.ledger.open import open_ledger
from watchdog.ledger.settings import LedgerSettings

__all__ = ["postgresql"]

BATCH = 10


@pytest.mark.parametrize("first", range(0, 50, BATCH))
def test_fifty_seeds_of_kills_keep_every_law(tmp_path, first):
    made = [trial(tmp_path / str(seed), seed) for seed in range(first, first + BATCH)]
    assert sum(each.deaths for each in made) >= 2 and sum(each.restarts for each in made) >= 2
    assert sum(each.orders for each in made) >= BATCH


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", range(1000, 2000, 50))
def test_a_thousand_seeds_of_kills_keep_every_law(tmp_path, first):
    # six rounds of deaths in a row can keep us from ending one in time: then its lease does, which no death of ours can lengthen
    made = [trial(tmp_path / str(seed), seed, rounds=6, late=BY_ITSELF) for seed in range(first, first + 50)]
    assert sum(each.deaths for each in made) >= 50


def on_postgresql(server):
    """Return how a life opens one fresh database of the server."""
    url = server.url(server.database())
    told = LedgerSettings.model_validate({"url": url, "ephemeral": True})
    return lambda clock: open_ledger(told, clock, migrate=True, host=HOST)


def test_two_processes_over_one_ledger(tmp_path):
    deaths, orders = two_lives(tmp_path / "2", 2, rounds=2)
    assert deaths >= 1 and orders == 2


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_two_processes_over_one_postgresql(tmp_path, postgresql):
    deaths, orders = two_lives(tmp_path / "5", 5, on_postgresql(postgresql), rounds=2)
    assert deaths >= 1 and orders == 2


@pytest.mark.soak
@pytest.mark.postgresql
@pytest.mark.timeout(14400)
@pytest.mark.xdist_group("postgresql")
def test_a_thousand_seeds_of_two_processes_over_one_postgresql(tmp_path, postgresql):
    assert sum(two_lives(tmp_path / str(seed), seed, on_postgresql(postgresql))[0] for seed in range(5000, 6000)) >= 500
