"""A stage for WGDashboard's client and fake: a world in memory, the fake panel over it on loopback, a clock that moves when told."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from tests.support.instruments import Noted
from watchdog.model.panels import METRICS
from watchdog.panels.wgdashboard import client
from watchdog.panels.wgdashboard.client import WgdashboardClient
from watchdog.panels.wgdashboard.fake import KEY, FakePanel, MemoryWorld, WorldPeer
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.runtime.clock import SimulatedClock


def key_of(word: str | int) -> str:
    """Return the public key that stands for ``word``."""
    return base64.b64encode(hashlib.sha256(str(word).encode()).digest()).decode("ascii")


@dataclass(frozen=True)
class Reply:
    """One answer as it came."""

    status: int
    type: str
    body: bytes
    cookies: str

    def json(self) -> Any:
        return json.loads(self.body)


class Stage:
    """``count`` configurations wg0, wg1, ... that are up, two peers each ("a" and "b" of all: one key in many configurations).

    Passes of the fake happen when ``panel.sample()`` is called. ``more`` lies over the settings, ``fake`` over the fake's arguments.
    """

    def __init__(
        self, folder: Path, version: str = "4.3.3", count: int = 3, *, fake: Mapping[str, Any] | None = None, up: bool = True, **more: Any
    ) -> None:
        self.clock = SimulatedClock()
        self.world = MemoryWorld()
        self.noted = Noted(METRICS)
        arguments = {"version": version, "clock": self.clock, "speed": 100.0, "background": False, **(fake or {})}
        self.panel = FakePanel(self.world, folder / "src", **arguments)
        self.names = [f"wg{number}" for number in range(count)]
        for number, name in enumerate(self.names):
            self.panel.define(name, [(key_of(who), f"{who}-{number}", (f"10.{number}.0.{place}/32",)) for place, who in enumerate("ab", 2)])
            if up:
                self.raise_device(name)
        self.key_file = folder / "api.key"
        self.key_file.write_text(KEY + "\n")
        plain: dict[str, Any] = {
            "name": "vpn",
            "url": self.panel.url,
            "api_key_file": str(self.key_file),
            "directory": str(folder / "src"),
            "timeout": "60s",
        }
        self.settings = WgdashboardSettings.model_validate(plain | more)
        self.client = self.connect()

    def connect(self) -> WgdashboardClient:
        """Return a client that knows nothing yet."""
        return client.connect(self.settings, self.clock, self.noted)

    def raise_device(self, name: str) -> None:
        """Let the kernel have a device with both peers."""
        number = int(name.removeprefix("wg"))
        self.world.up(
            name, [WorldPeer(key_of(who), f"192.0.2.{place}:51820", (f"10.{number}.0.{place}/32",)) for place, who in enumerate("ab", 2)]
        )

    def shake_hands(self, name: str, who: str = "a", ago: float = 0.0) -> None:
        """Let a peer shake hands, ``ago`` seconds before now."""
        self.world.handshake(name, key_of(who), self.clock.now().wall - ago)

    def one_pass(self, seconds: float = 10.3) -> bool:
        """Let the time of one period pass, then the pass; return whether the thread lives on."""
        self.clock.advance(seconds)
        return self.panel.sample()

    def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None, *, key: str = KEY, cookie: str = ""
    ) -> Reply:
        """Send one request as it is."""
        connection = http.client.HTTPConnection(urlsplit(self.panel.url).netloc, timeout=60)
        headers = ({"wg-dashboard-apikey": key} if key else {}) | ({"Cookie": cookie} if cookie else {})
        content = None if body is None else json.dumps(body)
        connection.request(method, self.panel.prefix + path + (f"?{urlencode(query)}" if query else ""), content, headers)
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.headers["content-type"], answer.read(), answer.headers.get("set-cookie", ""))
        connection.close()
        return reply

    def __enter__(self) -> Self:
        self.panel.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.panel.close()
