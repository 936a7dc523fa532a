"""What an object's history forbids: tables, and the properties of the back-off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.panel import REMEDIES
from watchdog.model.moments import Moment
from watchdog.model.repairs import ObjectHistory
from watchdog.reconciler.bounds import rest
from watchdog.reconciler.policy import Backoff, Bounds

NOW = Moment(1_000_000.0, 5_000.0)
LIFT = REMEDIES[0]  # cooldown 20 s


@pytest.mark.parametrize(
    ("history", "reason", "approved_reason"),
    [
        (ObjectHistory(), None, None),
        (ObjectHistory(1, 0, NOW.wall - 19), "cooldown", "cooldown"),
        (ObjectHistory(0, 0, NOW.wall - 21), None, None),
        (ObjectHistory(1, 0, NOW.wall - 21), "backoff", None),
        (ObjectHistory(1, 0, NOW.wall - 31), None, None),
        (ObjectHistory(2, 2, NOW.wall - 59), "backoff", None),
        (ObjectHistory(2, 2, NOW.wall - 61), None, None),
        (ObjectHistory(3, 3, NOW.wall - 9999), "breaker", None),
        (ObjectHistory(5, 0, NOW.wall - 9999), "attempts", None),
        (ObjectHistory(0, 0, NOW.wall - 99, attempts_last_hour=6), "budget", None),
        (ObjectHistory(1, 0, NOW.wall - 99, not_before=NOW.wall + 1), "not_before", "not_before"),
        (ObjectHistory(1, 0, NOW.wall - 99, not_before=NOW.wall - 1), None, None),
    ],
)
def test_the_first_thing_that_forbids_is_named(history, reason, approved_reason):
    def named(approved):
        found = rest(history, LIFT, Bounds(), NOW, approved=approved)
        return found and found[0]

    assert named(False) == reason
    assert named(True) == approved_reason


def test_the_back_off_is_30_60_120_and_so_on_up_to_its_cap():
    assert [Backoff().delay(n) for n in range(10)] == [0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


@given(
    st.floats(0.1, 1e4), st.floats(1.0, 10.0), st.floats(1.0, 1e6), st.integers(0, 10_000),
)  # fmt: skip
def test_the_back_off_never_falls_never_passes_its_cap_and_starts_anew(first, factor, cap, attempts):
    backoff = Backoff(first, factor, cap)
    assert backoff.delay(0) == 0.0
    assert 0.0 < backoff.delay(attempts + 1) <= cap
    assert backoff.delay(attempts) <= backoff.delay(attempts + 1)
    assert backoff.delay(1) == min(first, cap)


@given(
    st.builds(
        ObjectHistory,
        attempts=st.integers(0, 4),
        unverified=st.integers(0, 2),
        last_attempt_at=st.floats(NOW.wall - 1e6, NOW.wall),
        not_before=st.none() | st.floats(NOW.wall - 1e5, NOW.wall + 1e5),
        attempts_last_hour=st.integers(0, 5),
    )
)
def test_an_object_that_rests_may_be_acted_on_later_and_never_rests_longer_than_the_longest_wait(history):
    bounds = Bounds()
    longest = max(LIFT.cooldown, bounds.backoff.cap, (history.not_before or NOW.wall) - NOW.wall)
    later = Moment(NOW.wall + longest, NOW.mono + longest)
    assert rest(history, LIFT, bounds, later, approved=False) is None
