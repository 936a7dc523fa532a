"""SIGKILL at every step boundary, and a new life: the record ends right, and at most one report has an effect."""

import pytest

from tests.panels.pterodactyl.crash_rows import ROWS
from tests.support.crash import boundaries, chosen, crash_at, hold, judge

pytestmark = [pytest.mark.timeout(2400), pytest.mark.xdist_group("pterodactyl_crash")]
USUAL: tuple[str, ...] = ()
"""A table takes minutes of lives; the deaths in one process (test_a_report_is_sent_with_care) are the short form."""


@pytest.mark.parametrize("row", chosen(ROWS, USUAL))
def test_a_crash_at_any_boundary_has_one_effect(row, tmp_path, capsys):
    hold(row, tmp_path, capsys)


def test_killed_right_after_the_report_the_next_life_does_not_report_again(tmp_path):
    """The boundary that matters most."""
    (row,) = (each for each in ROWS if each.name == "complete_backup")
    marks, expected = boundaries(row, tmp_path / "dry")
    number = marks.index("before posted")
    judge(row, marks, number, crash_at(row, tmp_path / "killed", number), expected)
