"""The shipped unit started by a real systemd on a real kernel: ready, few rights, a tunnel and a closed directory seen, stopped cleanly."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.deploy.service_checks import CHECKS
from tests.support.qemu_systemd import run_under_systemd

# several minutes of emulation: not for each change
pytestmark = [pytest.mark.soak, pytest.mark.kernel, pytest.mark.xdist_group("qemu"), pytest.mark.timeout(1800)]
PROGRAM = Path(__file__).parent / "service_checks.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Boot once, run all checks; return their results by name."""
    require(shutil.which("ip") is not None, "ip")
    scratch = tmp_path_factory.mktemp("service")
    file = scratch / "results.jsonl"
    guest = run_under_systemd([sys.executable, str(PROGRAM), str(file)], scratch, deadline=800)
    found = {line["check"]: line for line in map(json.loads, file.read_text().splitlines())} if file.exists() else {}
    assert guest.returncode == 0, f"the checks ended early, after {list(found)}:\n{guest.console[-6000:]}"
    return found


@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
def test_under_a_real_systemd(check: str, results: dict[str, dict]):
    assert results[check]["ok"], results[check]["detail"]
