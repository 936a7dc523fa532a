"""Which server is on which node: the Client API has the servers and tells no node's uuid, the Application API has the nodes' ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from watchdog.errors import Throttled
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl.answers import NodeRow
from watchdog.panels.pterodactyl.panel_api import SERVERS_A_PAGE, PanelApi
from watchdog.panels.pterodactyl.view import Server

EVERY: Final = 60.0
"""Seconds between two reads of the nodes and of who is on them."""
NEWCOMER: Final = 10.0
"""How old that must be before a server that it does not have has it read again."""
OLDEST: Final = 900.0
"""How long it may be kept while the Application API has no room for us."""
MANY: Final = 1000
"""From so many servers on their list is not read in every look."""


class Places:
    """The lists of one panel. Safe to use from many threads: each list is replaced whole."""

    def __init__(self, api: PanelApi, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._servers: tuple[float, tuple[Server, ...]] | None = None
        self._places: tuple[float, Mapping[str, int], tuple[NodeRow, ...]] | None = None

    @property
    def known(self) -> frozenset[str]:
        """Return all servers of the Application API: of one that the Client API keeps from us, records may exist."""
        return frozenset(self._places[1]) if self._places is not None else frozenset()

    def listed(self) -> tuple[tuple[NodeRow, ...], tuple[Server, ...]]:
        """Return all nodes, and all servers with their nodes. Raises when either list cannot be read whole."""
        places, rows = self._read()
        servers = self._server_rows()
        if any(server.uuid not in places for server in servers) and self._age() >= NEWCOMER:
            places, rows = self._read(NEWCOMER)
        return rows, tuple(replace(server, node=_node_of(server.uuid, places, rows)) for server in servers)

    def node_of(self, server: str, oldest: float = EVERY) -> str:
        """Return the uuid of a server's node, "" = not known; what was read more than ``oldest`` seconds ago is read anew."""
        return _node_of(server, *self._read(oldest))

    def row(self, node: str) -> NodeRow | None:
        """Return the node with this uuid, None = there is none."""
        return next((row for row in self._read()[1] if row.uuid == node), None)

    def _server_rows(self) -> tuple[Server, ...]:
        """Return all servers; of thousands the list is read less often, so that it takes a quarter of our requests at most."""
        now = self._clock.now().mono
        kept = self._servers
        if kept is not None and len(kept[1]) > MANY and now - kept[0] < len(kept[1]) / SERVERS_A_PAGE / (self._api.client.pace / 4):
            return kept[1]
        servers = self._api.servers()
        self._servers = now, servers
        return servers

    def _read(self, oldest: float = EVERY) -> tuple[Mapping[str, int], tuple[NodeRow, ...]]:
        kept = self._places
        if kept is not None and self._age() < oldest:
            return kept[1:]
        try:
            rows, places = self._api.nodes(), self._api.places()
        except Throttled:
            if kept is None or not oldest > 0 or self._age() > OLDEST:
                raise
            return kept[1:]
        self._places = self._clock.now().mono, places, rows
        return places, rows

    def _age(self) -> float:
        return self._clock.now().mono - self._places[0] if self._places is not None else OLDEST


def _node_of(server: str, places: Mapping[str, int], rows: Sequence[NodeRow]) -> str:
    number = places.get(server)
    return next((row.uuid for row in rows if row.id == number), "")
