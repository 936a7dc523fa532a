"""WGDashboard's rows of the crash table: the fake panel lives in the parent, a life of the program in each child.

The kernel's side is a file that the parent has written, for handshakes stand still here. "At most one restart per cause, then ask a person"
counts an attempt from its intent on, so a life that died between intent and hook leaves the restart to a person: that is an end too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.crash import Rig, Row, clock_of
from tests.support.wgdashboard_panel import key_of
from tests.support.wgdashboard_ward import FakeProc
from watchdog.model.approvals import ApprovalState
from watchdog.model.docker import Gate
from watchdog.model.hooks import ArgvHook
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode, RepairState
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.model.wireguard import Device, Peer, WireguardFacts
from watchdog.panels.mcsmanager.fake.restart import main as post
from watchdog.panels.wgdashboard import PANEL
from watchdog.panels.wgdashboard.fake import KEY, FakePanel, MemoryWorld, WorldPeer
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.target import WgdashboardTarget
from watchdog.reconciler.policy import Policy

SPEED = 12.0
NAMES = ("wg0", "wg1", "wg2")
POLICY = Policy(mode=Mode.REPAIR, baseline="repair")
REREAD = "/api/updateDashboardConfigurationItem"


class ControlHook:
    """Runs any hook by the fake panel's control port."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, hook: ArgvHook, seconds: float) -> None:
        assert post(f"{self.url}/restart") == 0


def rig(directory: Path) -> Rig:
    """Build one life: the real client, the real evidence, the real remedies."""
    told = json.loads((directory / "told").read_text())
    own = WgdashboardSettings.model_validate({
        "name": "vpn", "url": told["url"], "api_key_file": told["key"], "directory": told["directory"],
        "hooks": {"restart_panel": {"argv": ["restart-the-panel"]}}, "key_check": "30s",
        "timeout": told.get("timeout", "10s"),
    })  # fmt: skip
    hooks: Any = ControlHook(told["control"])
    target = WgdashboardTarget(own, Ports(clock_of(directory, SPEED), Silent(), hooks), Path(told["proc"]))
    devices = tuple(
        Device(name, "kernel", "", key, 51820, peers=tuple(Peer(each, "192.0.2.1:4000", tuple(ips), at) for each, ips, at in peers))
        for name, key, peers in told["devices"]
    )

    def actual(now: Moment) -> Actual:
        return Actual(wireguard=Snapshot("wireguard", WireguardFacts(devices, True), now, now, 15.0), gate=Gate(open=True))

    return Rig(PANEL, target, actual, POLICY, PANEL.needs(own), SPEED, rests)


def rests(status: Any) -> bool:
    """Judged, and either well and known to be so, or waiting for a person."""
    unfinished = [record for record in status.in_flight if record.state is not RepairState.VERIFIED]
    if status.last_result != "judged" or unfinished:
        return False
    asked = any(each.state is ApprovalState.WAITING for each in status.approvals)
    return asked or (not status.episodes and not status.unknown)


class Outside:
    """What the parent keeps alive over all lives of one directory."""

    def __init__(self, directory: Path, **fake: Any) -> None:
        self.clock = clock_of(directory, SPEED)
        self.world = MemoryWorld()
        self.panel = FakePanel(self.world, directory / "src", version="4.3.3", clock=self.clock, speed=SPEED, **fake)
        self.proc = FakeProc(directory / "proc", self.panel.directory)
        self.restart, self.panel.restart = self.panel.restart, self._restart  # type: ignore[method-assign]
        began = self.clock.now().wall - 40.0
        for number, name in enumerate(NAMES):
            peer = WorldPeer(key_of(name), "192.0.2.1:4000", (f"10.{number}.0.2/32",), began - number)
            self.panel.define(name, [(peer.public_key, name, peer.allowed_ips)])
            self.world.up(name, [peer])

    def show(self, master: int, worker: int, forked: float = 0.5) -> None:
        thread = next((int(line.rpartition(":")[2]) for line in reversed(self._log()) if "Thread #1 PID:" in line), 1)
        began = self.clock.now().mono - 2000.0
        self.proc.show(master, worker, began=began, forked=began + forked, tasks=(worker, thread))

    def told(self, key: Path) -> dict[str, Any]:
        shown = self.panel.worker.configurations
        devices = [
            (name, shown[name].public_key, [(each.public_key, each.allowed_ips, each.last_handshake) for each in self.world.show(name)])
            for name in NAMES
        ]  # fmt: skip
        return {
            "url": self.panel.url, "control": self.panel.control_url, "key": str(key), "proc": str(self.proc.root),
            "directory": str(self.panel.directory), "devices": devices,
        }  # fmt: skip

    def effects(self) -> list[str]:
        """Everything that was ever sent and changes something."""
        return [*["restart"] * self.panel.restarts, *["reread" for _ in self.panel.sent(REREAD)]]

    def _restart(self) -> None:
        self.restart()
        self.show(200, 201)

    def _log(self) -> list[str]:
        return [line for path in sorted((self.panel.directory / "log").glob("error_*")) for line in path.read_text().splitlines()]


OUTSIDES: dict[Path, Outside] = {}


def _row(name: str, prepare: Callable[[Outside], None], check: Callable[[Outside], None], **fake: Any) -> Row:
    @contextmanager
    def outside(directory: Path) -> Iterator[None]:
        key = directory / "key"
        key.write_text(KEY)
        made = OUTSIDES[directory] = Outside(directory, **fake)
        with made.panel:
            made.show(100, 101)
            (directory / "told").write_text(json.dumps(made.told(key)))
            prepare(made)
            yield

    return Row(name, "tests.panels.wgdashboard.crash_rows:rig", outside, lambda directory: OUTSIDES[directory].effects(),
               lambda directory: check(OUTSIDES[directory]), asks=True)  # fmt: skip


def _stale(outside: Outside) -> None:
    outside.panel.go_stale()
    outside.show(100, 150, forked=900.0)


def _lost(outside: Outside) -> None:
    (outside.panel.conf_path / "wg1.conf").unlink()


def _mended(outside: Outside) -> None:
    assert outside.panel.restarts <= 1
    assert outside.panel.thread_lives and outside.panel.booted


def _forgotten(outside: Outside) -> None:
    assert outside.panel.restarts == 0 and len(outside.panel.sent(REREAD)) <= 1


ROWS = (
    _row("restart_panel", _stale, _mended, keys_at_start=False),
    _row("reread", _lost, _forgotten),
)
