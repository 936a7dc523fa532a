"""Tunnels behind a WGDashboard as a small world, and a year of what is ordinary there (see ``keeper`` and ``ordinary``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.support import wgdashboard as wg
from tests.support.keeper import House
from tests.support.ordinary import Life
from watchdog.model.snapshots import Actual
from watchdog.panels.wgdashboard import PANEL as WGDASHBOARD
from watchdog.runtime.clock import SimulatedClock


class Tunnels(House):
    """A WGDashboard on this host, two peers for each tunnel; its thread samples every ten seconds as long as it lives."""

    panel = WGDASHBOARD

    def __init__(self, clock: SimulatedClock, count: int, name: str = "vpn") -> None:
        super().__init__(clock, wg.settings(name=name))
        self.scene = wg.scene(count, settings=self.settings, now=clock.now(), next_pass=clock.now().mono + 3.0)
        for conf in self.scene.confs:
            for each in conf.tunnels:
                each.handshake = clock.now().wall - 20.0 if each.keepalive else clock.now().wall - 50_000.0
        self.scene.sample()

    def actual(self) -> Actual:
        self._pass_by()
        return self.scene.actual()

    def view(self) -> Any:
        self._pass_by()
        return self.scene.view()

    def evidence(self, _actual: Actual) -> Any:
        return self.scene.evidence()

    def mend(self, repair: Any) -> None:
        self.scene.alive = True

    def peer(self, name: str) -> wg.Tunnel:
        """Return a peer that has just shaken hands."""
        return wg.Tunnel(name, self.clock.now().wall, ips=("10.77.0.9/32",))

    def goes_down(self) -> None:
        """Let the host go down."""
        self.scene.alive = False

    def comes_up(self) -> None:
        """Let all be there again: the kernel knows of no handshake until the peers come back."""
        self.scene.alive = True
        for conf in self.scene.confs:
            for each in conf.tunnels:
                each.handshake = self.clock.now().wall if each.keepalive else None
                each.shown, each.running = wg.NEVER, False

    def _pass_by(self) -> None:
        now = self.clock.now()
        seconds = now.mono - self.scene.now.mono
        if seconds > 3600.0:  # nobody looked meanwhile: only its newest passes matter
            self.scene.next_pass = now.mono - 60.0
        self.scene.pass_by(seconds)
        self.scene.now = now


class TunnelsLife(Life):
    """Tunnels behind WGDashboard: peers come and go."""

    house: Tunnels
    in_a_year: ClassVar[Mapping[str, int]] = {
        "peer_goes_home": 100, "peer_is_added_and_removed": 40, "tunnel_is_switched_off": 24, "reboot": 12, "panel_restart": 24,
        "panel_upgrade": 12, "slow_night": 10, "certificate_renewal": 6, "suspended": 30, "clock_set": 6, "we_are_restarted": 12,
    }  # fmt: skip

    def peer_goes_home(self) -> None:
        """A laptop is closed, and opened again the next morning."""
        tunnel = self.chance.choice([each for conf in self.house.scene.confs for each in conf.tunnels if each.keepalive])
        tunnel.keepalive = False
        self.awake(self.between(60.0, 900.0))
        tunnel.keepalive, tunnel.handshake = True, self.clock.now().wall

    def peer_is_added_and_removed(self) -> None:
        conf = self.chance.choice(self.house.scene.confs)
        conf.tunnels.append(self.house.peer(f"new-{self.chance.random()}"))
        self.awake(self.between(10.0, 600.0))
        conf.tunnels.pop()

    def tunnel_is_switched_off(self) -> None:
        conf = self.chance.choice(self.house.scene.confs)
        conf.up = conf.device = False
        self.awake(self.between(10.0, 900.0))
        conf.up = conf.device = True

    def reboot(self) -> None:
        self.house.goes_down()
        self.asleep(self.between(40.0, 240.0))
        self.keeper.reborn(self.house)
        self.out_of_reach(self.between(1.0, 40.0))
        self.house.comes_up()

    def panel_restart(self) -> None:
        self.house.scene.alive = False
        super().panel_restart()
        self.house.scene.alive = True

    def panel_upgrade(self) -> None:
        self.house.scene.alive = False
        self.out_of_reach(self.between(20.0, 200.0))
        self.house.scene.alive = True
        self.house.scene.version = self.chance.choice(["v4.2.3", "v4.2.5", "v4.3.1"])
