"""SIGKILL at every step boundary of every remedy, and a new life: never a second effect, never a lost record."""

import pytest

from tests.panels.mcsmanager.crash_rows import ROWS
from tests.support.crash import crash_table

pytestmark = pytest.mark.timeout(1200)


USUAL = ("open_instance", "restart_daemon")
"""The remedies of the seed bug; the others are as long and run in the soak."""


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name, marks=() if row.name in USUAL else pytest.mark.soak) for row in ROWS])
def test_a_crash_at_any_boundary_has_one_effect(row, tmp_path, capsys):
    results = crash_table(row, tmp_path)
    with capsys.disabled():
        print(f"\ncrash points of {row.name}:")
        for result in results:
            print("  " + result.line())
