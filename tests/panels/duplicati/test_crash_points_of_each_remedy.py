"""SIGKILL at every step boundary of every remedy, and a new life: never a second effect, never a lost record."""

import pytest

from tests.panels.duplicati.crash_rows import ROWS
from tests.support.crash_cases import chosen, hold

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("case", chosen(ROWS, ()))
def test_a_crash_at_any_boundary_has_one_effect(case, tmp_path, record_property):
    hold(case, tmp_path, record_property)
