"""A wall clock that jumps neither ends a pause at once nor keeps one for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.moments import Moment
from watchdog.model.pauses import Pause
from watchdog.reconciler.reckoning import HELD, JUMP, Reckoning, left


def pause(until: float | None, length: float | None = None, boot: str = "b1", until_mono: float | None = None) -> Pause:
    return Pause(1, "t", "", "person", "r", "ann", 0.0, until, length, boot, until_mono, 1)


def test_ordinary_time_passes_as_it_is():
    clock = Reckoning()
    assert [clock.wall(Moment(1000.0 + each, each)) for each in (0.0, 15.0, 30.5)] == [1000.0, 1015.0, 1030.5]


@pytest.mark.parametrize("size", [JUMP + 1, 3 * 3600.0])
def test_a_jump_forward_counts_after_it_has_held(size):
    clock = Reckoning()
    clock.wall(Moment(1000.0, 0.0))
    assert clock.wall(Moment(1010.0 + size, 10.0)) == 1010.0
    assert clock.wall(Moment(1000.0 + size + 10 + HELD - 1, 10 + HELD - 1)) == 1000.0 + 10 + HELD - 1
    assert clock.wall(Moment(1000.0 + size + 10 + HELD, 10 + HELD)) == 1000.0 + size + 10 + HELD


def test_a_small_step_is_believed_at_once():
    clock = Reckoning()
    clock.wall(Moment(1000.0, 0.0))
    assert clock.wall(Moment(1010.0 + JUMP - 1, 10.0)) == 1010.0 + JUMP - 1


def test_a_clock_set_wrong_and_right_again_has_changed_nothing():
    clock = Reckoning()
    clock.wall(Moment(1000.0, 0.0))
    clock.wall(Moment(5000.0, 10.0))
    assert clock.wall(Moment(1020.0, 20.0)) == 1020.0
    assert clock.wall(Moment(1020.0 + 2 * HELD, 20.0 + 2 * HELD)) == 1020.0 + 2 * HELD


def test_a_step_back_is_believed_at_once():
    clock = Reckoning()
    clock.wall(Moment(5000.0, 0.0))
    assert clock.wall(Moment(1000.0, 10.0)) == 1000.0


@given(st.lists(st.tuples(st.floats(0.1, 400.0), st.floats(-5000.0, 5000.0)), min_size=1, max_size=30))
def test_the_trusted_clock_never_runs_ahead_and_agrees_when_all_has_held(moves):
    clock, wall, mono = Reckoning(), 100_000.0, 0.0
    clock.wall(Moment(wall, mono))
    for seconds, jump in moves:
        mono += seconds
        wall += seconds + jump
        assert clock.wall(Moment(wall, mono)) <= wall + 1e-6
    assert clock.wall(Moment(wall + HELD + 1, mono + HELD + 1)) == pytest.approx(wall + HELD + 1)


def test_what_is_left_follows_the_right_clock():
    now = Moment(1000.0, 50.0)
    assert left(pause(None), "b1", 1000.0, now) is None
    assert left(pause(1100.0), "b1", 1000.0, now) == 100.0
    assert left(pause(1100.0), "b1", 900.0, now) == 200.0, "a date follows the trusted wall clock"
    length = pause(9999.0, 60.0, "b1", 80.0)
    assert left(length, "b1", 1000.0, now) == 30.0, "a length follows the clock that never jumps"
    assert left(length, "b2", 1000.0, now) == 8999.0, "after a reboot that clock means nothing"
    assert left(pause(1100.0, 60.0, "", 80.0), "", 1000.0, now) == 100.0, "a boot without a name is not this one"
