"""The shipped unit under a real systemd, run inside a guest: ``service_checks.py RESULTS``. One JSON line for each check."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.support.qemu_systemd import UNITS

ROOT = Path(__file__).resolve().parents[2]
NAME = "panel-watchdog"
CONFIG = Path("/etc/panel-watchdog/config.yaml")
NET_ADMIN, DAC_READ_SEARCH = 1 << 12, 1 << 2
TEXT = """
server: {listen: 127.0.0.1:9877}
ledger: {ephemeral: true}     # the guest has nothing but memory
collectors:
  docker: {enabled: false}
  wireguard: {interval: 2s}
  archives: {interval: 2s, directories: [{name: backups, path: /srv/backups}]}
"""
# nothing of the guest's basic system is there to wait for, and the program lies elsewhere; every other line is as shipped
DROP_IN = f"""
[Unit]
DefaultDependencies=no
[Service]
ExecStart=
ExecStart={sys.executable} -P -m watchdog run --config {CONFIG}
Environment=PYTHONPATH={ROOT} PYTHONDONTWRITEBYTECODE=1
StandardOutput=file:/panel-watchdog.log
StandardError=file:/panel-watchdog.log
TimeoutStartSec=300
"""


def run(*argv: str, code: int | None = 0) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=400)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}{told()[-2000:]}")
    return done.stdout


def told() -> str:
    log = Path("/panel-watchdog.log")
    return log.read_text(errors="replace") if log.exists() else ""


def shown(word: str) -> str:
    return run("systemctl", "show", f"--property={word}", "--value", NAME).strip()


def wait_for(what: str, look: Callable[[], object], seconds: float = 200.0) -> None:
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; {told()[-2000:]}")
        time.sleep(0.5)


def page() -> str:
    try:
        with urllib.request.urlopen("http://127.0.0.1:9877/metrics", timeout=30) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def prepare() -> None:
    """Make the user, a tunnel of the kernel, a closed backup directory and the unit, as docs/install.md says."""
    with Path("/etc/passwd").open("a") as passwd, Path("/etc/group").open("a") as group:
        passwd.write("panel-watchdog:x:987:987::/var/lib/panel-watchdog:/usr/sbin/nologin\n")
        group.write("panel-watchdog:x:987:\n")
        if not re.search("^docker:", Path("/etc/group").read_text(), re.MULTILINE):
            group.write("docker:x:986:\n")
    for folder in Path(sys.executable).resolve().parents:  # an interpreter in somebody's closed home: the guest's own layer is changed
        folder.chmod(folder.stat().st_mode | 0o011)
    run("ip", "link", "add", "wg0", "type", "wireguard")
    run("ip", "link", "set", "wg0", "up")
    backups = Path("/srv/backups")
    backups.mkdir(parents=True)
    with zipfile.ZipFile(backups / "monday.zip", "w") as archive:
        archive.writestr("a.txt", b"whole" * 1000)
    (backups / "monday.zip").chmod(0o600)
    backups.chmod(0o700)
    CONFIG.parent.mkdir(parents=True)
    CONFIG.write_text(TEXT)
    os.chown(CONFIG, 987, 987)
    (UNITS / f"{NAME}.service").write_text((ROOT / "deploy/panel-watchdog.service").read_text())
    folder = UNITS / f"{NAME}.service.d"
    folder.mkdir()
    (folder / "guest.conf").write_text(DROP_IN)
    run("systemctl", "daemon-reload")


def it_starts_and_says_that_it_is_ready() -> None:
    run("systemctl", "start", NAME)  # Type=notify: this comes back when the program has said READY
    assert shown("ActiveState") == "active"
    assert shown("WatchdogUSec") == "1min"
    assert "watchdog_build_info" in page()


def it_has_the_rights_of_its_unit_and_no_more() -> None:
    status = Path(f"/proc/{shown('MainPID')}/status").read_text()
    assert re.search(r"^Uid:\t987\t987\t987\t987$", status, re.MULTILINE)
    for line in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(re.search(rf"^{line}:\t(\w+)$", status, re.MULTILINE)[1], 16) == NET_ADMIN | DAC_READ_SEARCH, line
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)


def it_sees_the_kernels_tunnel_and_verifies_behind_a_closed_door() -> None:
    wait_for("the tunnel", lambda: re.search(r'^watchdog_wireguard_device_up\{[^}]*device="wg0"[^}]*\} 1\.0$', page(), re.MULTILINE))
    wait_for(
        "the archive", lambda: re.search(r'^watchdog_archive_verdict\{[^}]*monday\.zip"[^}]*verdict="good"\} 1\.0$', page(), re.MULTILINE)
    )


def it_reads_its_configuration_anew_when_told() -> None:
    CONFIG.write_text(TEXT + "log: {level: debug}\n")
    run("systemctl", "reload", NAME)
    wait_for("the new configuration", lambda: "the configuration was reloaded" in told())
    assert shown("NRestarts") == "0"


def it_stops_cleanly() -> None:
    run("systemctl", "stop", NAME)
    assert (shown("ActiveState"), shown("Result")) == ("inactive", "success"), told()[-2000:]
    assert "Traceback" not in told()


def a_configuration_that_cannot_be_used_is_not_tried_again() -> None:
    CONFIG.write_text("server: {lisen: 127.0.0.1:9877}\n")
    run("systemctl", "start", NAME, code=None)
    wait_for("its end", lambda: shown("ActiveState") == "failed")
    time.sleep(7.0)  # longer than RestartSec
    assert (shown("ExecMainStatus"), shown("NRestarts")) == ("78", "0")
    assert "lisen" in told()


CHECKS = (
    it_starts_and_says_that_it_is_ready,
    it_has_the_rights_of_its_unit_and_no_more,
    it_sees_the_kernels_tunnel_and_verifies_behind_a_closed_door,
    it_reads_its_configuration_anew_when_told,
    it_stops_cleanly,
    a_configuration_that_cannot_be_used_is_not_tried_again,
)


def main(results: Path) -> None:
    prepare()
    for check in CHECKS:
        line: dict[str, object] = {"check": check.__name__, "ok": True, "detail": ""}
        try:
            check()
        except (AssertionError, OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
            line |= {"ok": False, "detail": f"{type(error).__name__}: {error}"}
        with results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if check is CHECKS[0] and not line["ok"]:
            raise SystemExit(f"{line['detail']}\n{run('systemctl', 'status', '--no-pager', '--full', NAME, code=None)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
