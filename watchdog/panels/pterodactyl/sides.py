"""Containers of the local node's servers on our engine, and how well they can be seen. Pure.

Contract section 5.1: a server's container is called by its uuid, an installation's ``{uuid}_installer``; both bear labels that Wings sets.
Our engine is the node's when it has such a container of a server that the panel has there; what was proven once holds as long as the
engine is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from watchdog.model.docker import Container, ContainerEvent, DockerFacts
from watchdog.panels.pterodactyl.view import PterodactylView

LABELS: Final = ("Service", "ContainerType")
"""Label keys that must be in the Docker snapshot."""
BRANDS: Final = {"pterodactyl": "Pterodactyl", "pelican": "Pelican"}
SERVER: Final = "server_process"
INSTALLER: Final = "server_installer"
INSTALLER_SUFFIX: Final = "_installer"
Standing = Literal["running", "exited", "missing", "other"]


@dataclass(frozen=True, slots=True)
class Engine:
    """Wings' containers on our engine, by name. ``reason`` is a short stable word for why they prove nothing now, "" = they do."""

    ident: str = ""
    servers: Mapping[str, Container] = field(default_factory=dict)
    installers: Mapping[str, Container] = field(default_factory=dict)
    events: Mapping[str, tuple[ContainerEvent, ...]] = field(default_factory=dict)
    events_since: float | None = None
    reason: str = ""
    message: str = ""
    proven: bool = False

    @property
    def clear(self) -> bool:
        """Whether a container that is not here is nowhere."""
        return not self.reason

    def standing(self, server: str) -> Standing:
        """Return how a server's container is; ``other`` = paused, restarting and kin."""
        found = self.servers.get(server)
        if found is None:
            return "missing"
        if found.state in ("exited", "dead", "created"):
            return "exited"
        return "running" if found.running else "other"


def engine_of(flavour: str, docker: DockerFacts | None, view: PterodactylView, node: str, known: str) -> Engine:
    """Return what our engine shows of ``node`` (uuid); ``known`` is the id of the engine that was proven to be its before."""
    if not node:
        return Engine(reason="unplaced", message="no node of this host is proven")
    if docker is None:
        return Engine(reason="docker_stale", message="what is known of Docker is missing, failed or old")
    own = [each for each in docker.containers if each.labels.get("Service") == BRANDS[flavour]]
    servers = {each.name: each for each in own if each.labels.get("ContainerType") == SERVER}
    installers = {
        each.name.removesuffix(INSTALLER_SUFFIX): each for each in own if each.labels.get("ContainerType") == INSTALLER
    }  # fmt: skip
    here = {server.uuid for server in view.servers if server.node == node}
    proven = bool(here & (servers.keys() | installers.keys())) or (bool(known) and known == docker.engine_id)
    events: dict[str, list[ContainerEvent]] = {}
    for event in docker.events:
        events.setdefault(event.name, []).append(event)
    reason, message = "", ""
    if not proven:
        reason = "unplaced"
        message = "our Docker has shown no container of a server of this node yet: that it is the node's is not proven"
    heard = {name: tuple(each) for name, each in events.items()}
    return Engine(docker.engine_id, servers, installers, heard, docker.events_since, reason, message, proven)
