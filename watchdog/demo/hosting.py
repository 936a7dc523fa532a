"""The demo's game hosting: a Pterodactyl panel with one node, whose Wings lost one backup and finished another that nobody was told of."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.collectors.docker.fake import FakeEngineWorld
from watchdog.model.moments import Clock, Moment
from watchdog.panels.pterodactyl.fake import ADMIN_KEY, EngineContainers, FakePanel, FakeWings, PanelWorld, Server

TARGET: Final = "hosting"
GOOD: Final = "7b0f7a3b-1111-4222-8333-944455556660"
LOST: Final = "0f6a9c0e-6d1b-4a55-9d0e-3a1f4c6b7d10"
"""Made while the panel was 1.11.6: Wings got 500 for 30 seconds and deleted the archive (case A)."""
UNTOLD: Final = "5c0f7a3b-1111-4222-8333-944455556666"
"""Wings was restarted between the archive and its callback (case F)."""
GHOST: Final = "Paper"
_HOUR, _MINUTE = 3600.0, 60.0
_SETTLED: Final = 200.0
_COMPLETE, _FAILED = True, False


class Past:
    """A clock that goes behind the real one by ``behind`` seconds; waiting brings it nearer at once, until it is ``behind`` no more."""

    def __init__(self, clock: Clock, behind: float) -> None:
        self.behind = behind
        self._clock = clock

    def now(self) -> Moment:
        """Return that moment."""
        now = self._clock.now()
        return Moment(now.wall - self.behind, max(1.0, now.mono - self.behind))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let seconds of the past go by at once; of the present, wait for them."""
        if not self.behind:
            return self._clock.wait(event, seconds)
        self.behind = max(0.0, self.behind - seconds)
        return event.is_set()


@dataclass(frozen=True, slots=True)
class Hosting:
    """The panel and its node."""

    world: PanelWorld
    panel: FakePanel
    wings: FakeWings
    server: Server
    canary: Server

    def haunt(self) -> None:
        """Let the server run, Wings lose its console, and its container go: Wings says running for ever."""
        running = self.wings.servers[self.server.uuid]
        running.power("start")
        running.lose_stream()
        self.wings.containers.kill(self.server.uuid)

    def exorcised(self) -> bool:
        """Whether the server runs, in Wings' belief and in truth."""
        return self.wings.servers[self.server.uuid].state == "running" and self.wings.containers.state(self.server.uuid) == "running"

    def told(self) -> bool:
        """Whether the panel has the finished backup as complete, and its archive is there."""
        record = self.world.rows.backups[UNTOLD]
        return record.successful and self.wings.path_of(self.server.uuid, UNTOLD).is_file()

    def given_up(self) -> bool:
        """Whether the panel has the lost backup as failed."""
        record = self.world.rows.backups[LOST]
        return not record.successful and record.completed_at is not None

    def write_settings(self, folder: Path) -> Mapping[str, object]:
        """Write the key into ``folder`` and return the settings of the target."""
        key = folder / "pterodactyl.key"
        key.touch(0o600)
        key.write_text(ADMIN_KEY + "\n", encoding="ascii")
        wings = self.wings
        return {
            "name": TARGET,
            "url": self.panel.url,
            "token_file": str(key),
            "mode": "repair",
            "baseline": "repair",
            "allow": ["power_restart", "power_start"],
            "interval": "2s",
            "owner": True,
            "panel_version": "1.11.8",
            "expect": {GHOST: "running"},
            "guard": {"enabled": True, "watch": "10s"},
            "canary": {"enabled": True, "server": self.canary.uuid, "at": "* * * * *", "tidy": True},
            "node": {
                "config": str(wings.config), "backups": str(wings.backups), "log": str(wings.log_file), "states": str(wings.states),
                "volumes": str(wings.volumes), "proc": str(wings.proc), "zone": "UTC",
            },
        }  # fmt: skip


@contextmanager
def hosting(folder: Path, clock: Clock, engine: FakeEngineWorld) -> Iterator[Hosting]:
    """Start the panel and the node in ``folder``/hosting, with an hour of history behind them."""
    past = Past(clock, _HOUR)
    world = PanelWorld(past)
    node = world.add_node("node-1")
    server = world.add_server(GHOST, node)
    canary = world.add_server("Terraria", node)
    world.throttle = (2, 0.0)  # a canary each minute is more than the usual throttle lets through
    world.add_schedule(server)
    containers = EngineContainers(engine)
    with FakePanel(world) as panel, FakeWings(folder / "hosting", panel, node, past, containers=containers, live=True) as wings:
        wings.manual = True
        _backup(world, wings, server, GOOD, "nightly")
        past.behind = _HOUR - 10 * _MINUTE
        world.upgrade("1.11.6")
        _backup(world, wings, server, LOST, "before the update")
        world.upgrade("1.11.8")
        past.behind = _HOUR / 2
        _backup(world, wings, server, UNTOLD, "after the update", to="checksum")
        past.behind = _SETTLED
        wings.restart()
        past.behind = 0.0
        wings.manual = False
        yield Hosting(world, panel, wings, server, canary)


def _backup(world: PanelWorld, wings: FakeWings, server: Server, uuid: str, name: str, to: str = "done") -> None:
    world.add_backup(server, uuid, name=name)
    wings.begin_backup(server.uuid, uuid).advance(to)
