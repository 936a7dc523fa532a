"""SIGKILL at every step boundary of every remedy, and a new life: never a second effect, never a lost record."""

import pytest

from tests.panels.mcsmanager.crash_rows import ROWS
from tests.support.crash_cases import chosen, hold

pytestmark = pytest.mark.timeout(1200)
EVERYWHERE = ("open_instance", "restart_daemon")
"""The others die where it tells most, and everywhere in the soak."""


@pytest.mark.parametrize("case", chosen(ROWS, EVERYWHERE))
def test_a_crash_at_any_boundary_has_one_effect(case, tmp_path, record_property):
    hold(case, tmp_path, record_property)
