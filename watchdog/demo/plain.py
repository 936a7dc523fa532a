"""The demo's plain containers: a small shop by Compose, of which nobody but labels says that it should be kept well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from watchdog.collectors.docker.fake import FakeEngineWorld
from watchdog.panels.containers.fake import PlainHost
from watchdog.panels.containers.view import DEPENDS_ON, HEAL, PROJECT, SERVICE

TARGET: Final = "shop"
WEB: Final = "shop-web-1"
SIDE: Final = "shop-metrics-1"
_POLICY: Final = "unless-stopped"


@dataclass(frozen=True, slots=True)
class Shop:
    """A web server that is looked after, and one container that shares its network."""

    host: PlainHost

    def hang(self) -> None:
        """Let the web server answer nobody any more."""
        self.host.hang(WEB)

    def well(self) -> bool:
        """Whether the web server is healthy, and the one that shares its network was started after it."""
        web, side = self.host.world.get(WEB), self.host.world.get(SIDE)
        return bool(web.running and web.health == "healthy" and side.running and side.started_at > web.started_at)


def open_shop(engine: FakeEngineWorld) -> Shop:
    """Start the shop."""
    host = PlainHost(engine)
    web = host.serve(WEB, image="nginx:stable", restart_policy=_POLICY, labels=_service("web"))
    host.serve(
        SIDE,
        image="exporter:1",
        restart_policy=_POLICY,
        labels=_service("metrics", "web:service_healthy:true"),
        network_mode=f"container:{web}",
    )
    return Shop(host)


def write_settings() -> Mapping[str, object]:
    """Return the settings of the target."""
    return {
        "name": TARGET, "mode": "repair", "baseline": "repair", "allow": ["restart_container"], "interval": "1s", "quiet": "10s",
        "healthy_wait": "5s",
    }  # fmt: skip


def _service(name: str, needs: str = "") -> dict[str, str]:
    labels = {HEAL: "true", PROJECT: "shop", SERVICE: name}
    return labels | ({DEPENDS_ON: needs} if needs else {})
