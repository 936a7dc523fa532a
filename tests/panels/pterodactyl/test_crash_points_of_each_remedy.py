"""SIGKILL at every step boundary, and a new life: the record ends right, and at most one report has an effect."""

import pytest

from tests.panels.pterodactyl.crash_rows import ROWS
from tests.support.crash_cases import chosen, hold

pytestmark = pytest.mark.timeout(2400)


@pytest.mark.parametrize("case", chosen(ROWS, ()))
def test_a_crash_at_any_boundary_has_one_effect(case, tmp_path, record_property):
    hold(case, tmp_path, record_property)
