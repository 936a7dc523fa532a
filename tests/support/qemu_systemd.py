"""A real systemd as the first process of a guest (see ``qemu``), so that units, their cgroups and ``systemctl`` are what they are in life.

How to use it::

    from tests.support.qemu_systemd import run_under_systemd

    guest = run_under_systemd([sys.executable, script, ...], tmp_path)      # skips when something is missing

The root is a tmpfs laid over this machine's read-only one, so a program may write anywhere and nothing of it outlives the guest. systemd
finds no units but its own and those that the program writes to ``UNITS``: nothing of this machine's is started. The program runs as root
in ``checks.service``; when it ends, the guest powers off. There is no journal, no udev and no D-Bus: ``systemctl`` talks to systemd's own
socket.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import require
from tests.support.qemu import CODE_FILE, ROOT_TAG, SCRATCH_TAG, Guest, boot_guest

SYSTEMD = Path("/lib/systemd/systemd")
UNITS = Path("/etc/systemd/system")
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "wireguard", "veth", "tun")

INIT = """#!/bin/sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev /low /top /new
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in {modules}; do $b insmod /modules/$module || echo "GUEST: cannot load $module"; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro {root_tag} /low || echo "GUEST: no root"
$b mount -t tmpfs tmpfs /top
$b mkdir -p /top/upper /top/work
$b mount -t overlay -o lowerdir=/low,upperdir=/top/upper,workdir=/top/work overlay /new || echo "GUEST: no overlay"
for place in {programs}; do $b mount -o bind /low$place /new$place; done  # reading through the overlay takes twice as long
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 {scratch_tag} /new{scratch} || echo "GUEST: no scratch"
$b mkdir -p /new{units}
$b mount -t tmpfs tmpfs /new{units}
$b mount -t tmpfs tmpfs /new/usr/lib/systemd/system-generators
$b rm -f /new/.dockerenv
$b cat > /new{units}/checks.target <<END
[Unit]
DefaultDependencies=no
Wants=checks.service
END
$b cat > /new{units}/checks.service <<END
{service}
END
$b ip link set lo up
exec $b switch_root /new {systemd} --unit=checks.target
"""
SERVICE = """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
WorkingDirectory={root}
Environment=HOME=/ PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={root}
StandardOutput=file:{output}
StandardError=file:{output}
ExecStart=/bin/sh -c {command}
ExecStopPost=-/bin/busybox sync
ExecStopPost=/bin/busybox poweroff -f
"""


def run_under_systemd(argv: Sequence[str], scratch: Path, *, deadline: float = 300.0) -> Guest:
    """Boot systemd, run ``argv`` as root in a unit of its own, power off. Fail after ``deadline`` seconds.

    ``console`` of the answer is what the program printed, then the guest's console.
    """
    require(SYSTEMD.exists(), "systemd")
    require(os.geteuid() == 0, "root")
    root = Path(__file__).resolve().parents[2]
    output = scratch / "output.log"
    output.unlink(missing_ok=True)
    line = f"{shlex.join(argv)}; echo $? > {shlex.quote(str(scratch / CODE_FILE))}"
    words = {
        "root_tag": ROOT_TAG,
        "scratch_tag": SCRATCH_TAG,
        "scratch": shlex.quote(str(scratch)),
        "units": str(UNITS),
        "programs": shlex.join(["/usr", str(root)]),
        "systemd": str(SYSTEMD),
        "service": SERVICE.format(root=root, output=output, command=_quoted(line)).replace("$", "\\$"),
    }
    guest = boot_guest(INIT, words, MODULES, scratch, deadline)
    told = output.read_text(errors="replace") if output.exists() else ""
    return Guest(guest.returncode, told + guest.console, guest.seconds)


def checked_under_systemd(program: Path, scratch: Path, *, deadline: float = 800.0) -> dict[str, dict]:
    """Boot once and run ``program RESULTS``, which writes one JSON line for each of its checks; return the lines by name."""
    file = scratch / "results.jsonl"
    guest = run_under_systemd([sys.executable, str(program), str(file)], scratch, deadline=deadline)
    return results_in(file, guest.returncode, guest.console)


def results_in(file: Path, code: int, console: str) -> dict[str, dict]:
    """Return the results that a program of checks wrote, by name. Fail, with the console, when it did not come to its end."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = {line["check"]: line for line in map(json.loads, lines)}
    assert code == 0, f"the checks ended early, after {list(found)}:\n{console[-6000:]}"
    return found


def _quoted(line: str) -> str:
    """Return a word of a unit file: systemd takes ``%`` for a specifier and ``$`` for a variable."""
    escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
