"""The shipped unit started by a real systemd on a real kernel: ready, few rights, a tunnel and a closed directory seen, stopped cleanly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import require
from tests.deploy.service_checks import CHECKS
from tests.support.qemu_systemd import checked_under_systemd

# several minutes of emulation: not for each change
pytestmark = [pytest.mark.soak, pytest.mark.kernel, pytest.mark.xdist_group("qemu"), pytest.mark.timeout(3600)]
PROGRAM = Path(__file__).parent / "service_checks.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Boot once, run all checks; return their results by name."""
    require(shutil.which("ip") is not None, "ip")
    return checked_under_systemd(PROGRAM, tmp_path_factory.mktemp("service"), deadline=3000)


@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
def test_under_a_real_systemd(check: str, results: dict[str, dict]):
    assert results[check]["ok"], results[check]["detail"]
