"""SIGKILL at every step boundary, and a new life: the record ends right, and at most one report has an effect."""

import pytest

from tests.panels.pterodactyl.crash_rows import ROWS
from tests.support.crash import boundaries, crash_at, crash_table, judge

pytestmark = [pytest.mark.timeout(2400), pytest.mark.xdist_group("pterodactyl_crash")]


@pytest.mark.soak
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_crash_at_any_boundary_has_one_effect(row, tmp_path, capsys):
    results = crash_table(row, tmp_path)
    with capsys.disabled():
        print(f"\ncrash points of {row.name}:")
        for result in results:
            print("  " + result.line())


def test_killed_right_after_the_report_the_next_life_does_not_report_again(tmp_path):
    """The boundary that matters most; a whole table takes minutes of lives, and deaths in one process are tested at every step."""
    (row,) = (each for each in ROWS if each.name == "complete_backup")
    marks, expected = boundaries(row, tmp_path / "dry")
    number = marks.index("before posted")
    judge(row, marks, number, crash_at(row, tmp_path / "killed", number), expected)
