"""Killed at any step of create, renew, expire and resume: no pause is lost, none is ended twice, none outlives its end (Shown by 3)."""

import pytest

from tests.support.duplicati_kills import trial

BATCH = 10


@pytest.mark.parametrize("first", range(0, 50, BATCH))
def test_fifty_seeds_of_kills_keep_every_law(tmp_path, first):
    made = [trial(tmp_path / str(seed), seed) for seed in range(first, first + BATCH)]
    assert sum(each.deaths for each in made) >= 3 and sum(each.restarts for each in made) >= 3
    assert sum(each.orders for each in made) >= BATCH


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", range(1000, 2000, 50))
def test_a_thousand_seeds_of_kills_keep_every_law(tmp_path, first):
    made = [trial(tmp_path / str(seed), seed, rounds=6) for seed in range(first, first + 50)]
    assert sum(each.deaths for each in made) >= 50
