"""A jump of the wall clock changes no age that was once known."""

from __future__ import annotations

import pytest

from watchdog.model.drifts import ObjectKey
from watchdog.model.repairs import LedgerFacts, ObjectHistory
from watchdog.reconciler.steady import Steady
from watchdog.runtime.clock import SimulatedClock

KEY = ObjectKey("toys", "toy", "thing", "a")


@pytest.mark.parametrize("jump", [-10_800.0, 10_800.0])
def test_a_jump_of_three_hours_leaves_ages_and_waits_as_they_are(jump):
    clock, steady = SimulatedClock(), Steady(86_400)
    stamp, wait = clock.now().wall - 5, clock.now().wall + 60
    steady.past("a", stamp, clock.now())
    steady.future("w", wait, clock.now())
    clock.jump(jump)
    clock.advance(10)

    now = clock.now()
    assert now.wall - steady.past("a", stamp, now) == pytest.approx(15)
    assert steady.future("w", wait, now) - now.wall == pytest.approx(50)


def test_after_a_restart_a_stamp_of_the_future_is_of_this_moment_and_grows_old_from_here():
    clock, steady = SimulatedClock(), Steady(86_400)
    stamp = clock.now().wall + 10_800
    assert steady.past("a", stamp, clock.now()) == clock.now().wall
    clock.advance(7)
    assert clock.now().wall - steady.past("a", stamp, clock.now()) == pytest.approx(7)


def test_a_wait_of_the_future_is_capped():
    clock, steady = SimulatedClock(), Steady(3_600)
    assert steady.future("w", clock.now().wall + 1e9, clock.now()) == pytest.approx(clock.now().wall + 3_600)


def test_a_new_stamp_is_a_new_age():
    clock, steady = SimulatedClock(), Steady(86_400)
    steady.past("a", clock.now().wall - 100, clock.now())
    assert steady.past("a", clock.now().wall - 1, clock.now()) == pytest.approx(clock.now().wall - 1)


def test_what_nobody_asks_for_is_forgotten():
    clock, steady = SimulatedClock(), Steady(86_400)
    for number in range(1000):
        steady.past(number, clock.now().wall, clock.now())
    steady.turn()
    steady.turn()
    assert steady._seen == {}


def test_histories_are_restated_whole():
    clock, steady = SimulatedClock(), Steady(86_400)
    wall = clock.now().wall
    facts = LedgerFacts({"m": 1}, {KEY: ObjectHistory(2, 1, wall - 10, wall - 20, wall + 30, 2)}, {("lift", KEY): wall - 10})
    steady.facts(facts, clock.now())
    clock.jump(-5_000)
    restated = steady.facts(facts, clock.now())
    assert restated.history[KEY] == ObjectHistory(2, 1, wall - 5_010, wall - 5_020, wall - 4_970, 2)
    assert restated.last_remedy_at == {("lift", KEY): wall - 5_010}
    assert restated.memory == {"m": 1}


@pytest.mark.parametrize("jump", [-10_800.0, 0.0])
def test_a_rest_that_was_asked_for_grows_by_no_jump_that_came_before_it_was_read(jump):
    clock, steady = SimulatedClock(), Steady(86_400)
    wall = clock.now().wall
    clock.jump(jump)
    now = clock.now()
    history = steady.history(KEY, ObjectHistory(1, 0, wall, None, wall + 300, 1), now)
    assert history.not_before - now.wall == pytest.approx(300)
    clock.advance(100)
    now = clock.now()
    assert steady.history(KEY, ObjectHistory(1, 0, wall, None, wall + 300, 1), now).not_before - now.wall == pytest.approx(200)
    later = clock.now()
    again = steady.history(KEY, ObjectHistory(2, 0, later.wall, None, wall + 300, 2), later)
    assert again.not_before - later.wall == pytest.approx(200), "beside a later attempt it is the same stamp"
