"""Builders for WGDashboard's tests: a small world of tunnels, a panel that samples it or does not, and the pure rules over both.

``Scene`` is a world in simulated time: ``step`` lets seconds pass in looks of five, the thread samples every ten as long as it lives, and
each look is judged by ``detect`` with the memory of the one before.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.looks import LOOK, Looks
from watchdog.model.docker import Gate
from watchdog.model.drifts import Drift, Judgement
from watchdog.model.hooks import UnitHook
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.model.wireguard import Device, WireguardFacts
from watchdog.model.wireguard import Peer as KernelPeer
from watchdog.panels.wgdashboard.drift import detect
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import NOTHING, ConfFile, Evidence, Ini, Journal, Process
from watchdog.panels.wgdashboard.view import Access, Configuration, Handshake, Job, Peer, Sampling, WgdashboardView

START = Moment(1_800_000_000.0, 50_000.0)
PASS = 10.0
UNIT = UnitHook("wg-dashboard")
NEVER = Handshake(Sampling.NEVER_SAMPLED)


def key_of(text: str) -> str:
    """Return a public key that is always the same for a text."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def settings(**changes: Any) -> WgdashboardSettings:
    """Return settings with a hook; ``changes`` lie over them."""
    plain: dict[str, Any] = {
        "name": "vpn", "url": "http://127.0.0.1:10086", "api_key_file": "/run/key", "hooks": {"restart_panel": {"unit": UNIT.unit}},
    }  # fmt: skip
    return WgdashboardSettings.model_validate(plain | changes)


@dataclass
class Tunnel:
    """One peer in the world: what the kernel has of it, and what the panel's thread last wrote of it."""

    name: str
    handshake: float | None
    key: str = ""
    ips: tuple[str, ...] = ("10.0.0.2/32",)
    keepalive: bool = True
    in_kernel: bool = True
    in_panel: bool = True
    in_file: bool = True
    restricted: bool = False
    shown: Handshake = NEVER
    running: bool = False
    panel_ips: tuple[str, ...] | None = None
    file_ips: tuple[str, ...] | None = None
    jobs: tuple[Job, ...] = ()
    rx: int = 0

    def sampled(self, now: float, threshold: float) -> None:
        """Write what one pass of the thread writes; a peer that the kernel does not have is left as it is."""
        if not self.in_kernel:
            return
        if self.handshake is None:
            self.shown, self.running = Handshake(Sampling.NO_HANDSHAKE), False
        else:
            age = int(now - self.handshake)
            self.shown, self.running = Handshake(Sampling.AGED, age, f"{age} s"), age < threshold


@dataclass
class Conf:
    """One configuration of the world."""

    name: str
    tunnels: list[Tunnel]
    up: bool = True
    device: bool = True
    kind: str = "kernel"
    device_error: str | None = None
    error: str = ""
    unknown: bool = False
    listed: bool = True
    changed_at: float = START.wall - 86_400.0
    has_file: bool = True
    save_config: bool = True
    protocol: str = "wg"
    breaks: bool = False
    addresses: tuple[str, ...] = ("10.0.0.1/24",)

    @property
    def key(self) -> str:
        return key_of(f"server {self.name}")


@dataclass
class Scene(Looks):
    """A panel on this host with ``confs``; in order unless told otherwise."""

    confs: list[Conf]
    version: str = "v4.2.3"
    settings: WgdashboardSettings = field(default_factory=settings)
    now: Moment = START
    alive: bool = True
    access: Access = Access.GRANTED
    evidence_on: bool = False
    ini: Ini | None = field(default_factory=lambda: Ini(True, "", "/etc/wireguard", "", (), "sqlite"))
    journal: Journal | None = field(default_factory=Journal)
    process: Process | None = field(default_factory=lambda: Process(
        100, 101, 10.0, 11.0, frozenset({101, 102, 103}), "", "/system.slice/wg-dashboard.service", 0, utc_offset=0.0,
    ))  # fmt: skip
    session_lost: Moment | None = None
    facts: LedgerFacts = field(default_factory=LedgerFacts)
    born: float = 0.0
    netns: str = ""
    wireguard_error: str | None = None
    wireguard_age: float = 0.0
    no_wireguard: bool = False
    answers_off: bool = False
    ordered: bool = True
    between: Callable[[Scene], None] | None = None
    next_pass: float = START.mono + 3.0
    cache: float = 0.0
    kept: dict[str, Configuration] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        return self.view().threshold

    def tunnel(self, name: str) -> Tunnel:
        """Return the peer called ``name``."""
        return next(each for conf in self.confs for each in conf.tunnels if each.name == name)

    def conf(self, name: str) -> Conf:
        """Return the configuration called ``name``."""
        return next(each for each in self.confs if each.name == name)

    def sample(self) -> None:
        """Do one pass of the thread: it ends at the first configuration that breaks it."""
        threshold = 120.0 if self.version.startswith("v4.2") else 180.0
        for conf in self.confs:
            if conf.up and not conf.unknown and conf.listed:
                if conf.breaks:
                    if self.journal is not None:
                        passes = self.journal.broken_passes + 1
                        self.journal = replace(self.journal, broken_passes=passes, broken_at=self.now.wall, broken_by="OSError")
                    return
                for tunnel in conf.tunnels:
                    tunnel.sampled(self.now.wall, threshold)

    def actual(self) -> Actual:
        devices = tuple(
            Device(conf.name, conf.kind, self.netns, conf.key, 51820, peers=() if conf.device_error else tuple(
                KernelPeer(each.key or key_of(each.name), "192.0.2.1:4000", each.ips, each.handshake, each.rx)
                for each in conf.tunnels if each.in_kernel
            ), error=conf.device_error)
            for conf in self.confs if conf.device
        )  # fmt: skip
        good = Moment(self.now.wall - self.wireguard_age, self.now.mono - self.wireguard_age)
        snapshot = Snapshot("wireguard", WireguardFacts(devices, True), self.now, good, 15.0, error=self.wireguard_error)
        return Actual(wireguard=None if self.no_wireguard else snapshot, gate=Gate(open=True))

    def _configuration(self, conf: Conf) -> Configuration:
        if conf.error or conf.unknown:
            return Configuration(conf.name, self.now, error=conf.error, unknown=conf.unknown)

        def peer(each: Tunnel) -> Peer:
            return Peer(
                conf.name, each.key or key_of(each.name), each.name, each.running, each.shown, None,
                frozenset(each.ips if each.panel_ips is None else each.panel_ips), rx_bytes=each.rx, restricted=each.restricted,
                jobs=each.jobs,
            )  # fmt: skip

        listed = [each for each in conf.tunnels if each.in_panel]
        peers = tuple(sorted((peer(each) for each in listed if not each.restricted), key=lambda each: each.public_key))
        restricted = tuple(sorted((peer(each) for each in listed if each.restricted), key=lambda each: each.public_key))
        running = sum(each.running for each in peers)
        return Configuration(
            conf.name, self.now, conf.up, conf.protocol, conf.addresses, 51820, conf.key, conf.save_config, len(peers), running, peers,
            restricted,
        )  # fmt: skip

    def view(self) -> WgdashboardView:
        found = []
        for conf in self.confs if not self.answers_off else ():
            if not conf.listed:
                continue
            kept = self.kept.get(conf.name)
            if kept is None or self.now.mono - kept.read_at.mono >= self.cache or kept.error:
                kept = self._configuration(conf)
            self.kept[conf.name] = kept
            found.append(kept)
        return WgdashboardView(
            self.version, self.access, None if self.answers_off else tuple(found), "panel", self.ordered, self.session_lost, 1
        )  # fmt: skip

    def evidence(self) -> Evidence:
        if not self.evidence_on:
            return NOTHING
        files = {
            conf.name: ConfFile(conf.name, conf.changed_at, {
                each.key or key_of(each.name): frozenset(each.ips if each.file_ips is None else each.file_ips)
                for each in conf.tunnels if each.in_file
            })
            for conf in self.confs if conf.has_file
        }  # fmt: skip
        return Evidence(self.ini, self.now.wall - 3.0, self.journal, self.process, files)

    def look(self) -> Judgement:
        """Judge this very moment and remember."""
        view = self.view()
        judgement = detect(self.settings, self.actual(), view, self.evidence(), self.facts, self.now, self.born)
        self.facts = replace(self.facts, memory=judgement.memory)
        return judgement

    def moment(self) -> Moment:
        """Return the simulated now."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass without looking."""
        self.now = Moment(self.now.wall + seconds, self.now.mono + seconds)
        for conf in self.confs:
            for each in conf.tunnels:
                if each.keepalive and each.handshake is not None and self.now.wall - each.handshake >= 125.0:
                    each.handshake = self.now.wall
        while self.next_pass <= self.now.mono:
            self.next_pass += PASS
            if self.alive:
                self.sample()
        if self.between is not None:
            self.between(self)

    def only(self, kind: str, seconds: float = 60.0) -> Drift:
        """Step for so long, and return the one drift there must be."""
        judgement = self.step(seconds)
        assert [drift.kind for drift in judgement.drifts] == [kind], judgement
        return judgement.drifts[0]

    def kinds(self, seconds: float = 60.0) -> set[str]:
        """Return all kinds of drift that any look within so many seconds finds."""
        found: set[str] = set()
        for _ in range(round(seconds / LOOK)):
            found |= {drift.kind for drift in self.step().drifts}
        return found


def scene(count: int = 3, **changes: Any) -> Scene:
    """Return a panel with ``count`` configurations, two peers each: one online with keepalive, one that left long ago."""
    confs = [
        Conf(f"wg{number}", [
            Tunnel(f"on-{number}", START.wall - 3.0 * number - 7.0, ips=(f"10.{number}.0.2/32",)),
            Tunnel(f"off-{number}", START.wall - 50_000.0 - number, ips=(f"10.{number}.0.3/32",), keepalive=False),
        ])
        for number in range(count)
    ]  # fmt: skip
    made = Scene(confs, **changes)
    made.sample()
    return made
