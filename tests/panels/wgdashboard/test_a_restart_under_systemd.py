"""A restart by ``systemctl`` under a real systemd and a real kernel: what it takes along is foreseen, and what it leaves alone lives on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import require
from tests.panels.wgdashboard.unit_checks import CHECKS
from tests.support.qemu_systemd import checked_under_systemd

pytestmark = [pytest.mark.kernel, pytest.mark.xdist_group("qemu"), pytest.mark.timeout(900)]

PROGRAM = Path(__file__).parent / "unit_checks.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Boot once, run all checks; return their results by name."""
    for program in ("wg", "ip", "wireguard-go"):
        require(shutil.which(program) is not None, program)
    return checked_under_systemd(PROGRAM, tmp_path_factory.mktemp("unit"))


@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
def test_under_a_real_systemd(check: str, results: dict[str, dict]):
    assert results[check]["ok"], results[check]["detail"]
