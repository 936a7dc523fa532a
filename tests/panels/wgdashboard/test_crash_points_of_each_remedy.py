"""SIGKILL at every step boundary of every remedy, and a new life: never a second effect, never a lost record.

A restart that was intended and perhaps not carried out is not tried again by itself: such a life ends by asking a person.
"""

import pytest

from tests.panels.wgdashboard.crash_rows import ROWS
from tests.support.crash import boundaries, crash_at

pytestmark = [pytest.mark.timeout(1800), pytest.mark.soak]
ALLOWED = {"verified", "unverified", "later", "gave_up"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_crash_at_any_boundary_has_at_most_one_effect(row, tmp_path, capsys):
    marks, expected = boundaries(row, tmp_path / "dry")
    assert len(expected) == 1 and {"intended", "acted", "verdict_written"} <= set(marks), (marks, expected)
    for number, mark in enumerate(marks):
        result = crash_at(row, tmp_path / f"at-{number}", number)
        with capsys.disabled():
            print("  " + result.line())
        assert len(result.effects) <= 1, result
        assert set(result.ends) <= ALLOWED, result
        intended = "intended" in marks[: number + 1]
        assert bool(result.ends) or not intended, "the record is lost"
        if not intended or "acted" in marks[: number + 1]:
            assert result.effects == tuple(expected), f"{mark}: nothing stood in the way of it"
            assert result.ends[-1] == "verified", result
