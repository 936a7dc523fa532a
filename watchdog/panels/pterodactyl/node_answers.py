"""The JSON shapes of what Wings answers us, and of what the panel answers Wings, turned into frozen values; a whitelist. Pure.

Part of the wire, like ``answers``. A server's configuration and environment hold its passwords and are never looked at (contract sections
2.4 and 3.2; recordings/pterodactyl/remote-servers-1.11.8.json).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from watchdog.errors import MalformedAnswer
from watchdog.panels.pterodactyl import answers
from watchdog.panels.pterodactyl.paging import Page
from watchdog.panels.pterodactyl.view import RemoteServer, StopType, WingsServer, WingsState
from watchdog.runtime import shapes
from watchdog.runtime.shapes import Json

_WINGS_STATES: Final = frozenset({"offline", "starting", "running", "stopping"})
_STOPS: Final = frozenset({"command", "stop", "signal"})
_LONGEST_VERSION: Final = 40


@dataclass(frozen=True, slots=True)
class WingsSystem:
    """What ``/api/system?v=2`` says: the version, and whether it could ask its Docker (None = an old answer, which asks nobody)."""

    version: str
    docker: bool | None


def system(body: object) -> WingsSystem:
    """Given Wings' ``/api/system``, with or without ``v=2``, return what counts."""
    whole = shapes.mapping(body, "system")
    version = shapes.text(whole, "version", "system").removeprefix("v")[:_LONGEST_VERSION]
    return WingsSystem(version, docker=True if isinstance(whole.get("docker"), dict) else None)


def wings_servers(body: object) -> tuple[WingsServer, ...]:
    """Given Wings' ``/api/servers`` (a bare list), return the servers, sorted. Their configuration is not looked at, but for the uuid."""
    found = (_wings_server(shapes.mapping(item, "servers[]")) for item in shapes.listing(body, "servers"))
    return tuple(sorted(found, key=lambda each: each.uuid))


def remote_servers(body: object) -> Page[RemoteServer]:
    """Given one page of the remote API's list, return the servers (Laravel's own paging: ``meta.total``, not ``meta.pagination``)."""
    whole = shapes.mapping(body, "remote servers")
    items = shapes.listing(shapes.member(whole, "data", "remote servers"), "remote servers.data")
    meta = shapes.mapping(shapes.member(whole, "meta", "remote servers"), "remote servers.meta")
    found = tuple(_remote_server(shapes.mapping(item, "remote servers[]")) for item in items)
    return Page(answers.bounded(meta, "total", "meta"), found)


def _wings_server(item: Json) -> WingsServer:
    state = shapes.text(item, "state", "server")
    if state not in _WINGS_STATES:
        raise MalformedAnswer("server.state is none of Wings' states")
    used = shapes.mapping(item.get("utilization") or {}, "server.utilization")
    network = shapes.mapping(used.get("network") or {}, "utilization.network")
    return WingsServer(
        uuid=answers.uuid(shapes.mapping(shapes.member(item, "configuration", "server"), "server.configuration"), "configuration"),
        state=cast(WingsState, state),
        suspended=shapes.flag(item, "is_suspended", "server"),
        memory_bytes=answers.count(used, "memory_bytes"),
        cpu=answers.amount(used, "cpu_absolute"),
        disk_bytes=answers.count(used, "disk_bytes"),
        rx=answers.count(network, "rx_bytes"),
        tx=answers.count(network, "tx_bytes"),
        uptime_ms=answers.count(used, "uptime"),
    )


def _remote_server(item: Json) -> RemoteServer:
    settings = shapes.mapping(shapes.member(item, "settings", "server"), "server.settings")
    process = shapes.mapping(item.get("process_configuration") or {}, "server.process_configuration")
    stop = shapes.optional_text(shapes.mapping(process.get("stop") or {}, "process_configuration.stop"), "type")
    return RemoteServer(
        uuid=answers.uuid(item, "server"),
        stop=cast(StopType, stop) if stop in _STOPS else "none",
        suspended=shapes.flag(settings, "suspended", "server.settings"),
    )
