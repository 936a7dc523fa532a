"""SIGKILL at every step boundary of every remedy, and a new life: never a second effect, never a lost record."""

import pytest

from tests.panels.containers.crash_rows import ROWS
from tests.support.crash import chosen, hold

pytestmark = pytest.mark.timeout(1200)
USUAL = ("start_container",)
"""The shortest; the others are as long and run in the soak."""


@pytest.mark.parametrize("row", chosen(ROWS, USUAL))
def test_a_crash_at_any_boundary_has_one_effect(row, tmp_path, capsys):
    hold(row, tmp_path, capsys)
