"""A drift counts when it was seen often enough over long enough, and never while blind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.model.drifts import Confirm, Drift, DriftKind, Episode, Subject
from watchdog.model.moments import Moment
from watchdog.reconciler.confirm import confirmed, missing_looks, missing_seconds

NOW = Moment(1_000_000.0, 5_000.0)
DRIFT = Drift("down", "toys", "toy", Subject("thing", "a"), "down", "up")


def episode(looks, age, **more):
    return replace(Episode(1, DRIFT, NOW.wall - age, NOW.wall, looks, NOW.wall - age), **more)


@pytest.mark.parametrize(
    ("rule", "looks", "age", "counts"),
    [
        (Confirm(2, 10), 1, 100, False),
        (Confirm(2, 10), 2, 9.9, False),
        (Confirm(2, 10), 2, 10, True),
        (Confirm(2, 10), 50, 1, False),
        (Confirm(1, 0), 1, 0, True),
        (Confirm(3, 0), 2, 1e6, False),
    ],
)
def test_both_looks_and_seconds_are_needed(rule, looks, age, counts):
    kinds = {"down": DriftKind("down", "", confirm=rule)}
    assert bool(confirmed([episode(looks, age)], kinds, NOW)) is counts


def test_a_blind_or_closed_episode_never_counts():
    kinds = {"down": DriftKind("down", "", confirm=Confirm(1, 0))}
    assert confirmed([episode(9, 99, blind_since=NOW.wall), episode(9, 99, closed_at=NOW.wall)], kinds, NOW) == ()


def test_a_kind_nobody_declared_is_held_to_the_default_rule():
    assert confirmed([episode(1, 100)], {}, NOW) == ()
    assert len(confirmed([episode(2, 10)], {}, NOW)) == 1


def test_it_says_what_is_missing():
    kinds = {"down": DriftKind("down", "", confirm=Confirm(3, 30))}
    assert missing_looks(episode(1, 10), kinds) == 2
    assert missing_seconds(episode(1, 10), kinds, NOW) == pytest.approx(20)
