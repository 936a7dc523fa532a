"""A stage for the wire of Pterodactyl: the fake panel over a simulated clock, and clients of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Self

from tests.support.instruments import Noted
from watchdog.model.panels import REQUESTS
from watchdog.panels.pterodactyl import client
from watchdog.panels.pterodactyl.client import PterodactylClient
from watchdog.panels.pterodactyl.fake import ADMIN_KEY, FakePanel, Node, PanelWorld
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.runtime.clock import SimulatedClock

RECORDINGS = Path(__file__).parents[1] / "recordings/pterodactyl"


def recorded(name: str) -> Any:
    """Return one recorded answer."""
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


class WireStage:
    """A panel of one release with one node called node-a. Nothing listens on that node's port unless a test puts a Wings there."""

    def __init__(self, folder: Path, release: str = "1.11.8") -> None:
        self.folder = folder
        self.clock = SimulatedClock()
        self.world = PanelWorld(self.clock, release)
        self.node = self.world.add_node("node-a", port=1)
        self.panel = FakePanel(self.world)
        self.instruments = Noted([REQUESTS])
        self.config = folder / "config.yml"
        self.write_config()
        self.token = folder / "token"
        self.token.write_text(ADMIN_KEY + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.panel.close()

    def write_config(self, node: Node | None = None, **more: object) -> None:
        """Write what Wings has as its configuration, of this stage's node unless told."""
        whom = node or self.node
        told = {"uuid": whom.uuid, "token_id": whom.token_id, "token": whom.token, "remote": self.panel.url}
        self.config.write_text(json.dumps(told | {"api": {"host": "0.0.0.0", "port": whom.port}} | more))

    def settings(self, **more: Any) -> PterodactylSettings:
        """Return settings for this panel, with its node on this host."""
        told: dict[str, Any] = {"name": "game", "url": self.panel.url, "token_file": self.token, "node": {"config": self.config}}
        return PterodactylSettings(**(told | more))

    def client(self, **more: Any) -> PterodactylClient:
        """Return a client for this panel."""
        return client.connect(self.settings(**more), self.clock, self.instruments)

    def count(self) -> Counter[str]:
        """Return how often each operation was counted, with its result: ``backups ok``."""
        return Counter({f"{row[3]} {row[4]}": int(value) for row, value in self.instruments.values.items() if value})

    def asked(self, prefix: str = "/") -> int:
        """Return how many requests came in whose path begins so."""
        return sum(request.path.startswith(prefix) for request in list(self.panel.seen))
