"""SIGKILL at every step boundary of every remedy, restart: never a second effect, never a lost record, one attempt."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.reconciler.crash_rows import CARELESS, ROWS
from tests.support.crash import boundaries, crash_at
from tests.support.crash_cases import chosen, hold, judge


@pytest.mark.timeout(1200)  # two dozen short lives of a real program; seconds on an idle machine
@pytest.mark.parametrize("case", chosen(ROWS))
def test_a_crash_at_any_boundary_ends_as_if_there_had_been_none(case, tmp_path, record_property):
    hold(case, tmp_path, record_property)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_two_crashes_in_a_row_end_as_if_there_had_been_none(row, tmp_path):
    marks, expected = boundaries(row, tmp_path / "dry")
    pairs = list(itertools.product(range(len(marks)), range(8)))
    for first, second in random.Random(7).sample(pairs, 40):
        result = crash_at(row, tmp_path / f"at-{first}-{second}", first, second)
        judge(row, result, expected)


def test_the_harness_catches_a_remedy_that_does_not_look_first(tmp_path):
    marks, expected = boundaries(CARELESS, tmp_path / "dry")
    after_the_stop = marks.index("before stopped")
    result = crash_at(CARELESS, tmp_path / "at", after_the_stop)
    with pytest.raises(AssertionError, match="careless, killed at before stopped"):
        judge(CARELESS, result, expected)
