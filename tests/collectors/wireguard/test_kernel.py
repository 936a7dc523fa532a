"""Kernel devices under a real kernel: this machine's own where it has WireGuard, else Debian's under qemu. One boot for all checks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.collectors.wireguard.kernel_checks import CHECKS
from tests.conftest import require
from tests.support.qemu import run_in_guest
from tests.support.qemu_systemd import results_in

pytestmark = [pytest.mark.kernel, pytest.mark.xdist_group("qemu"), pytest.mark.timeout(900)]

HERE = Path(__file__).parent
OWN_NAMESPACE = ("unshare", "--net", "--mount", "sh", "-ec")
PREPARE = "mkdir -p /run/wireguard && mount -t tmpfs tmpfs /run/wireguard && ip link set lo up && exec "


def kernel_has_wireguard() -> bool:
    """Try it in a network namespace of its own, so nothing of the host changes."""
    if shutil.which("unshare") is None:
        return False
    probe = subprocess.run([*OWN_NAMESPACE, "ip link add wgprobe type wireguard"], capture_output=True, check=False)
    return probe.returncode == 0


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Run all checks once; return their results by name."""
    for program in ("wg", "ip"):
        require(shutil.which(program) is not None, program)
    scratch = tmp_path_factory.mktemp("kernel")
    file = scratch / "results.jsonl"
    argv = [sys.executable, str(HERE / "kernel_checks.py"), str(file)]
    if kernel_has_wireguard():
        root = HERE.parents[2]
        done = subprocess.run(
            [*OWN_NAMESPACE, f'cd {root} && PYTHONPATH={root} {PREPARE} "$@"', "sh", *argv],
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
        code, console = done.returncode, done.stdout + done.stderr
    else:
        guest = run_in_guest(argv, scratch, deadline=800)
        code, console = guest.returncode, guest.console
    return results_in(file, code, console)


@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
def test_a_real_kernel(check: str, results: dict[str, dict]):
    assert results[check]["ok"], results[check]["detail"]
