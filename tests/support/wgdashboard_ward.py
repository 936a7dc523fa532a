"""A whole target over the fake WGDashboard: real client over loopback, real evidence from its folder, pure rules, remedies, simulated time.

How to use it::

    with Ward(tmp_path, "4.2.3", count=5) as ward:
        ward.settle()                      # forty seconds in looks of five, a pass every ten
        ward.panel.add_during_pass("wg9")  # the seed bug
        ward.until("thread_dead")          # seconds it took
        ward.mend()                        # plans like the reconciler would, runs the remedy, returns the outcome
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.hand import Counting
from tests.support.looks import Looks
from tests.support.wgdashboard_panel import Stage
from watchdog.model.docker import Gate
from watchdog.model.drifts import Drift, Judgement
from watchdog.model.hooks import Hook
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.repairs import LedgerFacts, Outcome, PlannedRepair
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.model.wireguard import Device, Peer, WireguardFacts
from watchdog.panels.wgdashboard import PANEL
from watchdog.panels.wgdashboard.fake.world import WgFailed
from watchdog.panels.wgdashboard.target import WgdashboardTarget

PASS = 10.0
HOOK = {"argv": ["restart-the-panel"]}


@dataclass
class Hand(Counting):
    """An Act for tests whose sleep moves the ward's clock."""

    ward: Ward
    gate: bool = True

    def sleep(self, seconds: float) -> None:
        self.spend(seconds)
        self.ward.pass_by(seconds)

    def actual(self) -> Actual:
        return replace(self.ward.actual(), gate=Gate(open=self.gate))


class Hooks:
    """Runs a hook by restarting the fake panel, or whatever a test puts in its place; counts."""

    def __init__(self, deed: Callable[[], None]) -> None:
        self.deed = deed
        self.ran: list[Hook] = []

    def run(self, hook: Hook, seconds: float) -> None:
        self.ran.append(hook)
        self.deed()


class FakeProc:
    """A ``/proc`` in which gunicorn of one panel lives: a master and a worker, whose threads are told. ``show`` writes it anew."""

    def __init__(self, root: Path, directory: Path) -> None:
        self.root = root
        self.directory = directory
        (root / "self").mkdir(parents=True)
        (root / "network").write_text("")
        self._namespaces(root / "self")

    def show(
        self, master: int = 100, worker: int = 101, *, began: float = 10.0, forked: float = 10.5, tasks: tuple[int, ...] = (101, 102, 103),
        cgroup: str = "/system.slice/wg-dashboard.service", daemons: tuple[str, ...] = (), network: str = "network", zone: str = "UTC",
    ) -> None:  # fmt: skip
        """Write both processes, and one for each userspace daemon (the names of their cgroups)."""
        self.hide()
        self._process(master, 1, "gunicorn", cgroup, began, network, zone)
        self._process(worker, master, "gunicorn", cgroup, forked, network, zone)
        for task in tasks:
            folder = self.root / str(worker) / "task" / str(task + 5000)
            folder.mkdir(parents=True)
            (folder / "status").write_text(f"Name:\tgunicorn\nNSpid:\t{task + 5000}\t{task}\n")
        for number, where in enumerate(daemons, 900):
            self._process(number, 1, "wireguard-go", where, began, network, zone)

    def hide(self) -> None:
        """Let no process be there."""
        for entry in self.root.iterdir():
            if entry.name.isdigit():
                shutil.rmtree(entry)

    def _process(self, pid: int, parent: int, name: str, cgroup: str, began: float, network: str, zone: str) -> None:
        folder = self.root / str(pid)
        folder.mkdir(parents=True)
        (folder / "cmdline").write_bytes(b"/venv/bin/python\0/venv/bin/gunicorn\0" if name == "gunicorn" else name.encode() + b"\0wg0\0")
        (folder / "comm").write_text(f"{name}\n")
        (folder / "cwd").symlink_to(self.directory)
        (folder / "stat").write_text(f"{pid} ({name} (x) y) S {parent} " + "0 " * 17 + f"{int(began * os.sysconf('SC_CLK_TCK'))} 0 0")
        (folder / "cgroup").write_text(f"0::{cgroup or '/'}\n")
        (folder / "environ").write_bytes(f"SECRET=never\0TZ={zone}\0".encode())
        (self.root / network).touch()
        self._namespaces(folder, network)

    def _namespaces(self, folder: Path, network: str = "network") -> None:
        (folder / "ns").mkdir()
        (folder / "ns" / "net").symlink_to(self.root / network)
        (folder / "ns" / "pid").symlink_to(self.root / "network")


class Ward(Stage, Looks):
    """The stage with a target. The kernel's side is the fake's world, with the public keys that the panel shows."""

    def __init__(self, folder: Path, version: str = "4.3.3", count: int = 3, **more: Any) -> None:
        hook = more.pop("hook", HOOK)
        place = {"hooks": {"restart_panel": hook}, "key_check": "30s"} if hook else {"key_check": "30s"}
        super().__init__(folder, version, count, **(place | more))
        self.kind = "kernel"
        self.proc = FakeProc(folder / "proc", self.panel.directory)
        self.hooks = Hooks(self.panel.restart)
        self.target = self.begin()
        self.facts = LedgerFacts()
        self.next_pass = self.clock.now().mono + 3.0
        self.lively: set[tuple[str, str]] = set()

    def begin(self) -> WgdashboardTarget:
        """Return a target as a new life of ours has it."""
        return WgdashboardTarget(self.settings, Ports(self.clock, self.noted, self.hooks), self.proc.root)

    def __exit__(self, *more: object) -> None:
        self.target.close()
        super().__exit__(*more)

    def keep_alive(self, name: str, who: str = "a") -> None:
        """Let a peer shake hands now and every two minutes from now on."""
        self.lively.add((name, who))
        self.shake_hands(name, who)

    def actual(self) -> Actual:
        """Return what our WireGuard collector would say of the fake's world now."""
        devices = []
        shown = self.panel.worker.configurations
        for name in sorted(self.panel.world.interfaces() if not hasattr(self.world, "names") else self.world.names()):
            try:
                peers = self.world.show(name)
            except WgFailed:
                continue
            devices.append(Device(name, self.kind, "", shown[name].public_key if name in shown else "", 51820, peers=tuple(
                Peer(each.public_key, each.endpoint or None, each.allowed_ips, each.last_handshake or None, each.rx_bytes, each.tx_bytes)
                for each in peers
            )))  # fmt: skip
        now = self.clock.now()
        return Actual(wireguard=Snapshot("wireguard", WireguardFacts(tuple(devices), True), now, now, 15.0), gate=Gate(open=True))

    def moment(self) -> Moment:
        """Return the simulated now."""
        return self.clock.now()

    def pass_by(self, seconds: float) -> None:
        """Let time pass: handshakes are renewed, the panel's thread does its passes if it lives."""
        self.clock.advance(seconds)
        now = self.clock.now()
        for name, who in self.lively:
            self.shake_hands(name, who, ago=(now.wall % 120.0) % 110.0)
        while self.next_pass <= now.mono:
            self.next_pass += PASS
            self.panel.sample()

    def look(self) -> Judgement:
        """Look once, as the reconciler does, and remember."""
        view, actual = self.target.view(), self.actual()
        judgement = self.target.detect(actual, view, self.target.evidence(actual), self.facts, self.clock.now())
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement

    def drift(self, kind: str) -> Drift:
        """Return the drift of a kind that the next look finds."""
        return next(drift for drift in self.step().drifts if drift.kind == kind)

    def plan(self, drift: Drift) -> PlannedRepair:
        """Return the repair that a drift asks for, at the risk that it has."""
        assert drift.proposal is not None, drift
        remedy = next(each for each in PANEL.remedies if each.name == drift.proposal.remedy)
        return PlannedRepair(drift.proposal, remedy.risk(drift.proposal.facts), (drift.key,))

    def run(self, repair: PlannedRepair, hand: Hand | None = None) -> Outcome:
        """Carry out a repair, and note it as the ledger would."""
        key = (repair.proposal.remedy, repair.proposal.object)
        self.facts = replace(self.facts, last_remedy_at={**self.facts.last_remedy_at, key: self.clock.now().wall})
        return self.target.repair(repair, hand or Hand(self))
