"""A restart by ``systemctl`` under a real systemd and a real kernel: what it takes along is foreseen, and what it leaves alone lives on."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.panels.wgdashboard.unit_checks import CHECKS
from tests.support.qemu_systemd import run_under_systemd

pytestmark = [pytest.mark.kernel, pytest.mark.xdist_group("qemu"), pytest.mark.timeout(900)]

PROGRAM = Path(__file__).parent / "unit_checks.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Boot once, run all checks; return their results by name."""
    for program in ("wg", "ip", "wireguard-go"):
        require(shutil.which(program) is not None, program)
    scratch = tmp_path_factory.mktemp("unit")
    file = scratch / "results.jsonl"
    guest = run_under_systemd([sys.executable, str(PROGRAM), str(file)], scratch, deadline=800)
    found = {line["check"]: line for line in map(json.loads, file.read_text().splitlines())} if file.exists() else {}
    assert guest.returncode == 0, f"the checks ended early, after {list(found)}:\n{guest.console[-4000:]}"
    return found


@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
def test_under_a_real_systemd(check: str, results: dict[str, dict]):
    assert results[check]["ok"], results[check]["detail"]
