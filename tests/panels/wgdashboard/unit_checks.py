"""Checks of a restart under a real systemd: a program that runs inside a guest. Usage: unit_checks.py RESULTS.

A process tree like the panel's in the unit ``wg-dashboard``, a kernel tunnel that it knows, userspace daemons in its cgroup and outside,
and our whole target on the real ``/proc``, the real WireGuard and the real ``systemctl``. What the panel believes is served by the fake.
Writes one JSON line per check: {"check", "ok", "detail", "seconds"}. The checks build on each other, in this order.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.netns import Netns, netns
from tests.support.wgdashboard_real import Skipping, Watch
from tests.support.wireguard import answers, new_key, poll, run
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.keys import public_key
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.errors import Refused, Temporary
from watchdog.model.docker import Gate
from watchdog.model.hooks import UnitHook
from watchdog.model.repairs import Risk
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.wgdashboard.fake import KEY, DumpWorld, FakePanel, WgFailed
from watchdog.panels.wgdashboard.remedies import restart_risk
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import Process
from watchdog.runtime.hooks import Hooks

ROOT = Path(__file__).parents[3]
UNITS = Path("/etc/systemd/system")
HERE = Path("/srv/wgdashboard/src")
UNIT = "wg-dashboard.service"
PANEL_UNIT = f"""[Unit]
DefaultDependencies=no
[Service]
Type=forking
PIDFile={HERE}/gunicorn.pid
WorkingDirectory={HERE}
ExecStart={sys.executable} {HERE.parent}/gunicorn
Restart=always
TimeoutSec=120
StandardOutput=null
StandardError=null
"""
OTHER_UNIT = """[Unit]
DefaultDependencies=no
[Service]
ExecStart=wireguard-go -f wgu0
StandardOutput=null
StandardError=null
"""
FAILING_UNIT = """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/false
"""
KERNEL, USERSPACE = "wgk0", "wgu0"


@dataclass
class Stage:
    """The host: units, a kernel tunnel to another namespace, the panel and our target."""

    panel: FakePanel
    watch: Watch
    private_keys: dict[str, str]

    def configure_userspace(self) -> None:
        run("wg", "set", USERSPACE, "private-key", "/dev/stdin", stdin=self.private_keys[USERSPACE] + "\n")
        run("ip", "link", "set", USERSPACE, "up")


def write_unit(name: str, text: str) -> None:
    path = UNITS / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    run("systemctl", "daemon-reload")


def daemons() -> list[int]:
    """Return the pids of userspace daemons."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == "wireguard-go":
                found.append(int(comm.parent.name))
        except OSError:
            continue
    return sorted(found)


def cgroup_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")


@contextmanager
def packets() -> Iterator[Callable[[], tuple[int, int]]]:
    """Send five packets a second through the kernel's tunnel meanwhile; tell at the end how many went and came back."""
    argv = ["busybox", "ping", "-i", "0.2", "10.90.0.2"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    counted: list[int] = []
    try:
        yield lambda: (counted[0], counted[1])
        time.sleep(1.0)
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    words = said.replace(",", "").split()
    counted += [int(words[words.index("packets") - 1]), said.count(" bytes from ")]


def state_of_the_tunnel() -> tuple[int, float, int]:
    """Return the device's index, its peer's last handshake, and the bytes that came."""
    fields = run("wg", "show", KERNEL, "dump").splitlines()[1].split("\t")
    return int(Path(f"/sys/class/net/{KERNEL}/ifindex").read_text()), float(fields[4]), int(fields[5])


# -- the checks


def the_panel_is_found_in_its_unit(stage: Stage) -> None:
    process = stage.watch.settled()
    assert process.cgroup == f"/system.slice/{UNIT}", process
    assert (process.netns, process.daemons, process.respawned) == ("", 0, False), process
    assert process.master == int((HERE / "gunicorn.pid").read_text()), process
    assert len(process.tasks) == 4, process


def a_dead_thread_beside_a_kernel_tunnel_is_safe_to_restart(stage: Stage) -> None:
    for _ in range(3):  # in order, the panel is in order
        stage.panel.sample()
        assert stage.watch.look() == ()
        stage.watch.clock.skip(10.0)
    stage.panel.kill_thread()
    proposal = stage.watch.dead().proposal
    assert proposal is not None
    assert proposal.facts["tunnels_end"] is False, proposal.facts
    assert proposal.facts["raises"] == "", proposal.facts
    assert restart_risk(proposal.facts) is Risk.SAFE


def the_restart_is_systemds_and_the_tunnel_does_not_blink(stage: Stage) -> None:
    before, tunnel, drift = stage.watch.settled(), state_of_the_tunnel(), stage.watch.dead()
    with packets() as counted:
        time.sleep(1.0)
        ended = stage.watch.repair(drift, Risk.SAFE)
    assert ended.startswith("DONE the panel restarted"), ended
    assert f"systemctl restart {UNIT.removesuffix('.service')}" in ended, ended
    after, now = stage.watch.settled(), state_of_the_tunnel()
    assert after.master != before.master and after.master_began > before.master_began, (before, after)
    assert not Path(f"/proc/{before.master}").exists() and not Path(f"/proc/{before.worker}").exists()
    assert after.cgroup == before.cgroup
    assert now[0] == tunnel[0] and now[1] >= tunnel[1] > 0 and now[2] > tunnel[2], (tunnel, now)
    sent, back = counted()
    assert sent >= 5 and back >= sent - 1, f"{back} of {sent} packets came back"  # the last may be under way
    again = stage.watch.repair(drift, Risk.SAFE)
    assert again.startswith("DONE the panel has been restarted already"), again
    assert stage.watch.settled().master == after.master, "run twice, one effect"


def a_daemon_in_the_units_cgroup_is_a_danger_and_asks(stage: Stage) -> None:
    safe = stage.watch.dead()
    assert safe.proposal is not None and restart_risk(safe.proposal.facts) is Risk.SAFE
    (HERE / "raises").write_text(f"{USERSPACE}\n")
    run("systemctl", "restart", UNIT)  # a person's own restart: its autostart raises a userspace tunnel
    stage.configure_userspace()
    (daemon,) = daemons()
    assert cgroup_of(daemon) == f"/system.slice/{UNIT}"
    assert stage.watch.settled().daemons == 1
    facts = stage.watch.dead().proposal.facts  # type: ignore[union-attr]
    assert facts["tunnels_end"] is True, facts
    assert restart_risk(facts) is Risk.DESTRUCTIVE
    master = stage.watch.settled().master
    stale = replace(safe, proposal=replace(safe.proposal, facts={**safe.proposal.facts, "master": facts["master"]}))
    ended = stage.watch.repair(stale, Risk.SAFE)
    assert ended.startswith("LATER it has become dangerous since this was planned: tunnels may end"), ended
    assert stage.watch.settled().master == master and daemons() == [daemon], "nothing was sent"


def what_was_approved_does_kill_that_daemon(stage: Stage) -> None:
    (daemon,) = daemons()
    ended = stage.watch.repair(stage.watch.dead(), Risk.DESTRUCTIVE)
    assert ended.startswith("DONE the panel restarted"), ended
    (another,) = daemons()  # its autostart began one anew
    assert another != daemon and not Path(f"/proc/{daemon}").exists(), "the danger was real"
    assert stage.watch.settled().daemons == 1


def asked_anew(stage: Stage) -> Process:
    """Return the panel's processes when systemd has to be asked once more, which it is once a minute."""
    stage.watch.clock.skip(60.0)
    return stage.watch.settled()


def with_kill_mode_process_it_is_safe_and_the_daemon_lives_on(stage: Stage) -> None:
    stage.configure_userspace()
    poll("systemd says what ends with the unit", lambda: asked_anew(stage).kill_mode == "control-group")
    write_unit(f"{UNIT}.d/override.conf", "[Service]\nKillMode=process\n")  # what advise says
    (daemon,), before = daemons(), asked_anew(stage)
    assert (before.kill_mode, before.daemons) == ("process", 1)
    drift = stage.watch.dead()
    assert drift.proposal is not None
    assert drift.proposal.facts["tunnels_end"] is False and restart_risk(drift.proposal.facts) is Risk.SAFE
    ended = stage.watch.repair(drift, Risk.SAFE)
    assert ended.startswith("DONE the panel restarted"), ended
    assert stage.watch.settled().master != before.master and daemons() == [daemon], "the advice holds"
    (UNITS / f"{UNIT}.d/override.conf").unlink()
    run("systemctl", "daemon-reload")


def a_daemon_outside_the_unit_is_no_danger_and_lives_on(stage: Stage) -> None:
    (HERE / "raises").write_text("")
    run("systemctl", "restart", UNIT)  # ends the daemon in its cgroup
    poll("the daemon is gone", lambda: not daemons())
    write_unit("tunnel.service", OTHER_UNIT)
    run("systemctl", "start", "tunnel")
    poll("the daemon answers", lambda: answers(Path(f"/run/wireguard/{USERSPACE}.sock")))
    stage.configure_userspace()
    (daemon,) = daemons()
    assert cgroup_of(daemon) == "/system.slice/tunnel.service"
    drift = stage.watch.dead()
    assert drift.proposal is not None
    assert drift.proposal.facts["tunnels_end"] is False, drift.proposal.facts
    before = stage.watch.settled()
    ended = stage.watch.repair(drift, Risk.SAFE)
    assert ended.startswith("DONE the panel restarted"), ended
    assert stage.watch.settled().master != before.master and daemons() == [daemon]


def hooks_say_what_systemd_says(stage: Stage) -> None:
    del stage
    hooks = Hooks()
    try:
        hooks.run(UnitHook("nobody"), 60.0)
    except Refused as error:
        assert "systemd knows no unit 'nobody'" in str(error)
    else:
        raise AssertionError("a unit that is not there was restarted")
    write_unit("failing.service", FAILING_UNIT)
    try:
        hooks.run(UnitHook("failing"), 60.0)
    except Temporary as error:
        assert "systemctl restart failing ended with 1" in str(error)
    else:
        raise AssertionError("a unit that fails was called restarted")


CHECKS: tuple[Callable[[Stage], None], ...] = (
    the_panel_is_found_in_its_unit,
    a_dead_thread_beside_a_kernel_tunnel_is_safe_to_restart,
    the_restart_is_systemds_and_the_tunnel_does_not_blink,
    a_daemon_in_the_units_cgroup_is_a_danger_and_asks,
    what_was_approved_does_kill_that_daemon,
    with_kill_mode_process_it_is_safe_and_the_daemon_lives_on,
    a_daemon_outside_the_unit_is_no_danger_and_lives_on,
    hooks_say_what_systemd_says,
)


def command(argv: Sequence[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WgFailed(done.stderr)
    return done.stdout


def kernel_tunnel(far: Netns) -> tuple[str, str]:
    """Make a device here and its peer in ``far``; return our private key and the peer's public key."""
    (ours, our_public), (theirs, their_public) = new_key(), new_key()
    run("ip", "link", "add", KERNEL, "type", "wireguard")
    far.run("ip", "link", "add", "wgk1", "type", "wireguard")
    run("wg", "set", KERNEL, "listen-port", "51820", "private-key", "/dev/stdin", stdin=ours + "\n")
    far.run("wg", "set", "wgk1", "listen-port", "51821", "private-key", "/dev/stdin", stdin=theirs + "\n")
    run("wg", "set", KERNEL, "peer", their_public, "endpoint", "10.77.0.2:51821", "allowed-ips", "10.90.0.2/32")
    far.run("wg", "set", "wgk1", "peer", our_public, "endpoint", "10.77.0.1:51820", "allowed-ips", "10.90.0.1/32")
    run("ip", "address", "add", "10.90.0.1/24", "dev", KERNEL)
    run("ip", "link", "set", KERNEL, "up")
    far.run("ip", "address", "add", "10.90.0.2/24", "dev", "wgk1")
    far.run("ip", "link", "set", "wgk1", "up")
    run("busybox", "ping", "-c", "1", "-W", "60", "10.90.0.2")
    return ours, their_public


@contextmanager
def stage(far: Netns) -> Iterator[Stage]:
    ours, their_public = kernel_tunnel(far)
    private_keys = {KERNEL: ours, USERSPACE: new_key()[0]}
    clock = Skipping()
    folder = Path("/etc/wireguard")
    panel = FakePanel(
        DumpWorld(command), HERE, version="4.2.3", clock=clock, background=False, conf_path=folder,
        public_key_of=lambda key: public_key(base64.b64decode(key)),
    )  # fmt: skip
    panel.define(KERNEL, [(their_public, "far", ("10.90.0.2/32",))], private_key=ours)
    key_file = HERE / "key"
    key_file.write_text(KEY)
    settings = WgdashboardSettings.model_validate({
        "name": "vpn", "url": panel.url, "api_key_file": str(key_file), "directory": str(HERE), "frozen_after": "30s", "grace": "15s",
        "timeout": "60s", "old_panel_interval": "1s", "hooks": {"restart_panel": {"unit": UNIT.removesuffix(".service")}},
    })  # fmt: skip
    collector = WireguardCollector(WireguardSettings(deadline=60.0, device_deadline=30.0), clock)

    def actual() -> Actual:
        now = clock.now()
        return Actual(wireguard=Snapshot("wireguard", collector.collect(), now, now, 15.0), gate=Gate(open=True))

    with panel:
        watch = Watch(settings, actual, Hooks(), clock)
        yield Stage(panel, watch, private_keys)
        watch.target.close()


def begin() -> None:
    """Start the panel's unit; systemd and we begin at once."""
    HERE.mkdir(parents=True)
    (HERE / "raises").write_text("")
    (HERE.parent / "gunicorn").symlink_to(ROOT / "tests/support/gunicorn_stand_in.py")
    Path("/etc/wireguard").mkdir(exist_ok=True)
    write_unit(UNIT, PANEL_UNIT)
    run("systemctl", "start", UNIT)


def main(results: Path) -> int:
    begin()
    with netns("far") as far, results.open("a") as file:
        # the far end is a namespace beside this one
        run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", far.name)
        run("ip", "address", "add", "10.77.0.1/24", "dev", "v0")
        run("ip", "link", "set", "v0", "up")
        far.run("ip", "address", "add", "10.77.0.2/24", "dev", "v0")
        far.run("ip", "link", "set", "v0", "up")
        with stage(far) as made:
            for check in CHECKS:
                began, detail = time.monotonic(), ""
                try:
                    check(made)
                except Exception:  # noqa: BLE001  # told as this check's result
                    detail = traceback.format_exc()
                line = {"check": check.__name__, "ok": not detail, "detail": detail, "seconds": round(time.monotonic() - began, 2)}
                file.write(json.dumps(line) + "\n")
                file.flush()
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    sys.exit(main(Path(sys.argv[1])))
