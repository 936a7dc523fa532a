"""The demo's VPN: a WGDashboard 4.2.3 whose sampling thread dies when a configuration is added at the wrong moment."""

from __future__ import annotations

import sqlite3
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchdog.collectors.wireguard.keys import public_key
from watchdog.demo.processes import PanelWithProcesses
from watchdog.demo.tunnels import PEOPLE, Tunnels
from watchdog.model.moments import Clock
from watchdog.panels.wgdashboard.fake import KEY, FakePanel, UapiWorld

TARGET = "vpn"
SPEED = 8.0
"""The fake panel sleeps ten seconds between two passes; here so much less."""
TEAM, GUESTS = "wg2", "wg3"
_RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Vpn:
    """The panel and the tunnels it should know."""

    panel: FakePanel
    tunnels: Tunnels

    def add_guests(self) -> None:
        """Let a person add a configuration during a pass: its dictionary changes its size, and the thread is gone (issue 762)."""
        self.panel.add_during_pass(GUESTS, _peers(GUESTS))

    def tells_the_truth(self) -> bool:
        """Whether the panel samples, and shows everybody who is awake as running."""
        awake = {person.device: set[str]() for person in PEOPLE}
        for person in PEOPLE:
            if person.asleep == 0:
                awake[person.device].add(person.key)
        return self.panel.thread_lives and all(self._running(name) == awake[name] for name in (TEAM, GUESTS))

    def _running(self, name: str) -> set[str]:
        try:
            return {str(row["id"]) for row in self.panel.store.rows(name) if row["status"] == _RUNNING}
        except sqlite3.OperationalError:
            return set()  # not known to it yet, or it writes just now

    def write_settings(self, folder: Path) -> Mapping[str, object]:
        """Write the API key into ``folder`` and return the settings of the target."""
        key = folder / "wgdashboard.key"
        key.touch(0o600)
        key.write_text(KEY + "\n", encoding="ascii")
        return {
            "name": TARGET,
            "url": self.panel.url,
            "api_key_file": str(key),
            "directory": str(self.panel.directory),
            "mode": "repair",
            "hooks": {"restart_panel": {"argv": [sys.executable, "-m", "watchdog.demo.hook", f"{self.panel.control_url}/restart"]}},
            "interval": "1s",
            "old_panel_interval": "1s",
            "frozen_after": "25s",
            "grace": "15s",
        }


@contextmanager
def vpn(folder: Path, clock: Clock, tunnels: Tunnels) -> Iterator[Vpn]:
    """Boot the panel over the fake daemons in ``folder``, which have to be there already."""
    directory = folder / "WGDashboard"
    directory.mkdir()
    world = UapiWorld(folder / "wg")
    made = PanelWithProcesses(
        world, directory, version="4.2.3", clock=clock, speed=SPEED, public_key_of=lambda key: public_key(b64decode(key))
    )  # fmt: skip
    made.define(TEAM, _peers(TEAM))
    with made:
        yield Vpn(made, tunnels)


def _peers(device: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(person.key, person.name or f"peer {person.number}", (person.range,)) for person in PEOPLE if person.device == device]
