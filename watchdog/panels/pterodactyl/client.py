"""The wire to one Pterodactyl: its panel, its nodes and the callback path; requests out, a frozen view back. No policy.

A look lists all servers and nodes, asks each Wings, tries the callback path, and reads the backups of as many servers as the panel's rate
limit allows (``sweep``). The panel's own failure is raised; a server's or a node's stands in that server or node. What a person's repair
needs fresh is asked for at once.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from watchdog.errors import Blind, NotFound, Refused, Temporary, WatchdogError
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl import console, panel_api, remote_api, wings_api
from watchdog.panels.pterodactyl.credentials import LocalConfiguration, LocalNode
from watchdog.panels.pterodactyl.naming import is_canary
from watchdog.panels.pterodactyl.nodes import Nodes
from watchdog.panels.pterodactyl.panel_api import OfOneServer, PanelApi
from watchdog.panels.pterodactyl.places import Places
from watchdog.panels.pterodactyl.remedies import PANEL_NAME
from watchdog.panels.pterodactyl.remote_api import RemoteApi
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.sweep import Sweep
from watchdog.panels.pterodactyl.view import (
    Backup,
    Callback,
    Disk,
    Limit,
    Power,
    PterodactylView,
    RemoteServer,
    Schedule,
    Server,
    VersionSource,
    Wings,
)
from watchdog.runtime.answers import Answer
from watchdog.runtime.http import Tls, counted

OPERATIONS: Final = (*panel_api.OPERATIONS, *wings_api.OPERATIONS, *remote_api.OPERATIONS, console.OPERATION)
"""Names of all our calls, for the count of requests."""
NODES_SECONDS: Final = 25.0
"""The most that the nodes may take in one look."""
LOOK_SECONDS: Final = 45.0
"""How long one look may take: less than the minute after which the house gives a reading up."""
SLICE_SECONDS: Final = 5.0
"""What a slice of the sweep may take at least."""
MINUTE: Final = 60.0
"""Seconds between two reads of the nodes, of the remote list and of the callback path."""
LARGEST_FILE: Final = 1 << 20
MOST_DISKS: Final = 10_000
_VERSION_LINE: Final = re.compile(r"""['"]version['"]\s*=>\s*['"](\d+\.\d+\.\d+[\w.+-]{0,30}|canary)['"]""")
_DOWNLOAD: Final = "/download/backup?token="


class PterodactylClient:
    """All calls of one target. ``view`` is for one thread; all others may be called from any."""

    def __init__(self, settings: PterodactylSettings, clock: Clock, instruments: Instruments) -> None:
        self._settings, self._clock = settings, clock
        observe = counted(instruments, PANEL_NAME, settings.name, OPERATIONS)
        tls = Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls)
        self._api = PanelApi(settings, clock, observe)
        self._configuration = LocalConfiguration(settings.node.config) if settings.node is not None else None
        self._remote = RemoteApi(self._local, clock, observe, settings.timeout, tls)
        self._nodes = Nodes(settings, self._api, clock, observe)
        self._sweep = Sweep(settings, self._api, clock)
        self._looking = threading.Lock()
        self._places = Places(self._api, clock)
        self._callback: tuple[float, Callback] | None = None
        self._remotes: tuple[float, tuple[RemoteServer, ...] | None, float, str] | None = None
        self._disks: dict[str, Disk] = {}

    def view(self) -> PterodactylView:
        """Read what the panel believes. Raises when its lists cannot be read; a part of a view is never returned."""
        # a look that the house gave up may still be at work; it ends, for every exchange does
        if not self._looking.acquire(timeout=LOOK_SECONDS):
            raise Temporary("the look before is still under way")
        try:
            return self._view()
        finally:
            self._looking.release()

    def _view(self) -> PterodactylView:
        began = self._clock.now()
        rows, servers = self._places.listed()
        local = self._local_or_none()
        nodes = self._nodes.asked(rows, servers, local, NODES_SECONDS)
        here = local.uuid if local is not None else ""
        callback, (remote, remote_at, remote_error) = self._callback_now(), self._remote_now()
        offline = frozenset(each.uuid for node in nodes for each in node.wings.servers or () if each.state in {"offline", "stopping"})
        until = min(began.mono + LOOK_SECONDS, self._clock.now().mono + max(self._settings.interval, SLICE_SECONDS))
        self._sweep.slice(servers, here, offline, until)
        filled = tuple(self._sweep.filled(server) for server in servers)
        read = [server.backups_at for server in filled if server.backups_at is not None]
        complete = len(read) == len(filled) and self._places.known <= {server.uuid for server in filled}
        version, source = self._version()
        return PterodactylView(
            at=began.wall, version=version, version_source=source, servers=filled, nodes=nodes, callback=callback,
            websockets=self._nodes.websockets(), remote=remote, remote_at=remote_at, remote_error=remote_error,
            complete=complete, records_since=min(read, default=began.wall) if complete else None,
            limits=tuple(Limit(api, budget.limit, budget.remaining) for api, budget in self._api.budgets),
        )  # fmt: skip

    def concern(self, servers: frozenset[str]) -> None:
        """Read the activity of these servers from the next look on, besides that of servers that are offline."""
        self._sweep.concern(servers)

    def record(self, server: str, backup: str) -> Backup:
        """Return one record as it is now. Raises NotFound when it was deleted, Blind (409) when nobody can tell."""
        self._sweep.urge(server)
        return self._api.backup(server, backup)

    def server(self, uuid: str) -> Server:
        """Return one server as it is now, with its node and its backups; ``blind`` says why these could not be read. Raises NotFound."""
        found = replace(self._api.server(uuid), node=self._places.node_of(uuid, oldest=0.0))
        at = self._clock.now().wall
        self._sweep.urge(uuid)
        try:
            return replace(found, backups=self._api.backups(uuid), backups_at=at)
        except OfOneServer as error:
            return replace(found, blind=error.word)

    def disk(self, server: str, backup: str) -> Disk:
        """Return where a backup lies: the operator's word, else by its download address, which leaves a line in the panel's activity."""
        if self._settings.disk != "auto":
            return self._settings.disk
        known = self._disks.get(backup)
        if known is not None:
            return known
        found = self._disk_of(server, backup)
        if found != "unknown" and len(self._disks) < MOST_DISKS:
            self._disks[backup] = found
        return found

    def probe(self) -> Callback:
        """Try the callback path now. Never raises."""
        return self._remote.probe() if self._configuration is not None else Callback(message="no node is configured on this host")

    def complete(self, backup: str, body: Mapping[str, object], seconds: float) -> Answer:
        """Report a local backup as Wings would, with the local node's token; return the answer of any status. See ``remote_api``."""
        return self._remote.complete(backup, body, seconds)

    def lock(self, server: str, backup: str, seconds: float) -> Backup:
        """Lock a record. The route turns the lock over, so it is looked at first; an unlucky second hand is undone once."""
        found = self.record(server, backup)
        for _ in range(2):
            if found.locked:
                return found
            found = self._api.lock(server, backup, seconds)
        if not found.locked:
            raise Temporary("lock: somebody else turns the same lock over")
        return found

    def create(self, server: str, name: str, seconds: float) -> Backup:
        """Have a backup made of a server, and return its pending record."""
        self._sweep.urge(server)
        return self._api.create(server, name, seconds)

    def delete(self, server: str, backup: str, seconds: float) -> None:
        """Delete a canary of our own making, record and archive. Raises Refused for any other, and for one that is pending or locked."""
        found = self.record(server, backup)
        if not is_canary(found.name) or found.locked or found.state not in {"complete", "failed"}:
            raise Refused(f"backup {backup} is no ended, unlocked canary of ours: it is not deleted")
        self._api.delete(server, backup, seconds)

    def power(self, server: str, signal: str, seconds: float) -> None:
        """Have the panel send start, stop, restart or kill."""
        self._api.power(server, signal, seconds)

    def newest_power(self, server: str) -> Power | None:
        """Return the newest power signal that went through the panel, ours included."""
        found, _ = self._api.powers(server)
        return found[-1] if found else None

    def schedules(self, server: str) -> tuple[Schedule, ...]:
        """Return a server's schedules as they are now."""
        return self._api.schedules(server)

    def wings(self, node: str) -> Wings:
        """Return what a node's Wings says now. Raises NotFound for a node that the panel does not have."""
        return self._wings_of(node).wings()

    def wings_power(self, server: str, action: str, seconds: float) -> None:
        """Send a power action to a server's Wings, past the panel."""
        self._wings_of(self._places.node_of(server)).power(server, action, seconds)

    def wings_sync(self, server: str, seconds: float) -> None:
        """Let a server's Wings read its settings anew."""
        self._wings_of(self._places.node_of(server)).sync(server, seconds)

    def remote_servers(self) -> tuple[RemoteServer, ...]:
        """Return the servers that the panel gives the local node now, all of them."""
        return self._remote.servers()

    def close(self) -> None:
        """Give back connections."""
        self._api.close()

    def _local(self) -> LocalNode:
        if self._configuration is None:
            raise Blind("no node is configured on this host")
        return self._configuration.node()

    def _local_or_none(self) -> LocalNode | None:
        try:
            return self._local()
        except WatchdogError:
            return None  # the evidence says why

    def _callback_now(self) -> Callback:
        now = self._clock.now().mono
        # what is not healthy is asked anew at each look: one lost answer must neither be counted as two looks nor stand for a minute
        if self._callback is None or self._callback[1].state != "healthy" or now - self._callback[0] >= MINUTE:
            self._callback = now, self.probe()
        return self._callback[1]

    def _remote_now(self) -> tuple[tuple[RemoteServer, ...] | None, float | None, str]:
        now = self._clock.now()
        if self._configuration is None:
            return None, None, "no node is configured on this host"
        if self._remotes is None or self._remotes[1] is None or now.mono - self._remotes[0] >= MINUTE:
            try:
                self._remotes = now.mono, self._remote.servers(), now.wall, ""
            except WatchdogError as error:
                self._remotes = now.mono, None, now.wall, str(error)
        return self._remotes[1:]

    def _wings_of(self, node: str) -> wings_api.WingsApi:
        row = self._places.row(node)
        if row is None:
            raise NotFound("the panel has no such node")
        return self._nodes.wings_api(row, self._local_or_none())

    def _disk_of(self, server: str, backup: str) -> Disk:
        address = self._api.download_address(server, backup)
        if address is None or _DOWNLOAD not in address:
            return "s3"
        row = self._places.row(self._places.node_of(server))
        return "wings" if row is not None and _same_address(address, row.address) else "unknown"

    def _version(self) -> tuple[str, VersionSource]:
        said = self._settings.panel_version.removeprefix("v")
        if self._settings.panel_config is not None:
            try:
                with self._settings.panel_config.open("rb") as file:
                    found = _VERSION_LINE.search(file.read(LARGEST_FILE).decode("utf-8", "replace"))
            except OSError:
                found = None
            if found is not None:
                return found[1], "config"
        return said, "settings" if said else ""


def _same_address(url: str, node: str) -> bool:
    """Whether ``url`` is on a node; a port that goes without saying may be left out of either."""
    return _plain(url.partition(_DOWNLOAD)[0]) == _plain(node)


def _plain(address: str) -> str:
    scheme, _, rest = address.partition("://")
    default = {"http": ":80", "https": ":443"}.get(scheme, "")
    return f"{scheme}://{rest.removesuffix('/').removesuffix(default)}".lower()


def connect(settings: PterodactylSettings, clock: Clock, instruments: Instruments) -> PterodactylClient:
    """Build the client of one target; no I/O yet, keys are read anew for each exchange."""
    return PterodactylClient(settings, clock, instruments)
