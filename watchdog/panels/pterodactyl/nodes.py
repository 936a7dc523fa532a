"""Asks each node: its Wings, whether the panel reaches it (contract section 5.3), and whether a browser would reach a console there.

The nodes are asked side by side: one that hangs costs the others nothing but a bounded wait.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from watchdog.errors import BadSettings, Throttled, WatchdogError
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl import console
from watchdog.panels.pterodactyl.answers import NodeRow
from watchdog.panels.pterodactyl.credentials import LocalNode, Token
from watchdog.panels.pterodactyl.panel_api import PanelApi
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.view import Node, Server, Websocket, Wings
from watchdog.panels.pterodactyl.wings_api import WingsApi
from watchdog.runtime.answers import Observe
from watchdog.runtime.fan import side_by_side
from watchdog.runtime.wire import Tls

REACH_EVERY: Final = 60.0
REACH_SECONDS: Final = 20.0
"""How long the panel may take to find out that a Wings does not answer; by default it waits for 15 s."""
CONSOLE_EVERY: Final = 300.0
SECOND_OPINION: Final = 2
"""A console that does not open is tried again at the next look, so that no single try makes a drift."""
TOKENS_EVERY: Final = 600.0
"""How long a node's token of the panel is believed, and how long after a failure it is not asked for again."""
HUNG: Final = "it did not answer within the look"


@dataclass(slots=True)
class _Known:
    """What one node said last, and when it was asked (mono seconds)."""

    wings: Wings
    reaches: bool | None = None
    reached_wall: float | None = None
    reached_at: float | None = None
    websocket: Websocket | None = None
    websocket_at: float | None = None
    websocket_failures: int = 0


class Nodes:
    """The nodes of one target. Only ``wings_api`` may be called from another thread than the one that looks."""

    def __init__(self, settings: PterodactylSettings, api: PanelApi, clock: Clock, observe: Observe) -> None:
        self._settings, self._api, self._clock, self._observe = settings, api, clock, observe
        self._tls = Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls)
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._tokens: dict[int, tuple[float, Token | None]] = {}

    def asked(self, rows: Sequence[NodeRow], servers: Sequence[Server], local: LocalNode | None, seconds: float) -> tuple[Node, ...]:
        """Return all nodes as they are now; what had not answered after ``seconds`` is unknown, and its older answers stay."""
        began = self._clock.now().wall
        known = self._known = {row.uuid: self._known.get(row.uuid) or _Known(Wings()) for row in rows}
        found = side_by_side(lambda row: self._ask(row, servers, local, known[row.uuid]), rows, seconds)
        return tuple(node or self._late(row, local, known[row.uuid], began) for row, node in zip(rows, found, strict=True))

    def websockets(self) -> tuple[Websocket, ...]:
        """Return how the way to a console was on each node when it was last tried."""
        return tuple(known.websocket for known in self._known.values() if known.websocket is not None)

    def wings_api(self, row: NodeRow, local: LocalNode | None) -> WingsApi:
        """Return the way to one node's Wings, with its token if we may have it. Raises BadSettings when its address cannot be used."""
        settings = self._settings
        if local is not None and local.uuid == row.uuid:
            configured = settings.node.url if settings.node is not None else None
            return self._wings(configured or local.address or row.address, local.token)
        return self._wings(row.address, self._token(row))

    def _wings(self, address: str, token: Token | None) -> WingsApi:
        return WingsApi(address, token, self._clock, self._observe, self._settings.wings_timeout, self._tls)

    def _ask(self, row: NodeRow, servers: Sequence[Server], local: LocalNode | None, known: _Known) -> Node:
        before = known.wings
        known.wings = wings = self._wings_now(row, local, known)
        if (wings.reachable or False, wings.servers is not None) > (before.reachable or False, before.servers is not None):
            known.websocket_failures = 0  # it answers again: what its console did meanwhile says nothing of now
        if wings.reachable and wings.servers is None and wings.error and not _is_local(row, local):
            self._doubt(row)
        candidate = next((server for server in servers if server.node == row.uuid and not server.conflicted), None)
        if candidate is not None and not row.maintenance:
            self._reach(candidate, known)
            if self._settings.watch.websocket:
                self._try_console(candidate, local, known)
        return _node(row, local, wings, known)

    def _late(self, row: NodeRow, local: LocalNode | None, known: _Known, began: float) -> Node:
        """Return a node that was not done in time: what its Wings has said in this look counts, if anything."""
        said = known.wings.at is not None and known.wings.at >= began
        wings = known.wings if said else Wings(known.wings.version, error=HUNG, at=began)
        return _node(row, local, wings, known)

    def _wings_now(self, row: NodeRow, local: LocalNode | None, known: _Known) -> Wings:
        try:
            return self.wings_api(row, local).wings(known.wings)
        except BadSettings as error:  # one node with a strange address must not blind the others
            return Wings(error=str(error), at=self._clock.now().wall)

    def _reach(self, server: Server, known: _Known) -> None:
        now = self._clock.now()
        if known.reached_at is not None and now.mono - known.reached_at < REACH_EVERY:
            return
        known.reached_at = now.mono
        try:
            known.reaches = self._api.resources(server.uuid, REACH_SECONDS) is not None
        except WatchdogError:
            known.reaches = None
        known.reached_wall = now.wall

    def _try_console(self, server: Server, local: LocalNode | None, known: _Known) -> None:
        now = self._clock.now().mono
        believed = known.websocket is not None and (known.websocket.state == "works" or known.websocket_failures >= SECOND_OPINION)
        if believed and known.websocket_at is not None and now - known.websocket_at < CONSOLE_EVERY:
            return
        known.websocket_at = now
        origin = self._settings.watch.origin or (local.remote if local is not None else self._settings.url)
        known.websocket = console.tried(
            self._api, server, origin, self._clock, self._observe, self._settings.wings_timeout, self._tls
        )  # fmt: skip
        known.websocket_failures = 0 if known.websocket.state == "works" else known.websocket_failures + 1

    def _token(self, row: NodeRow) -> Token | None:
        if not self._settings.node_tokens:
            return None
        now = self._clock.now().mono
        with self._lock:
            kept = self._tokens.get(row.id)
        if kept is not None and now - kept[0] < TOKENS_EVERY:
            return kept[1]
        try:
            uuid, secret = self._api.node_token(row.id)
            token = Token("", secret) if uuid == row.uuid else None
        except Throttled:
            return kept[1] if kept is not None else None
        except WatchdogError:
            token = None
        with self._lock:
            self._tokens[row.id] = now, token
        return token

    def _doubt(self, row: NodeRow) -> None:
        """Ask for a token anew at the next look if Wings has refused the one we have for more than a minute."""
        with self._lock:
            kept = self._tokens.get(row.id)
            if kept is not None and self._clock.now().mono - kept[0] > REACH_EVERY:
                del self._tokens[row.id]


def _is_local(row: NodeRow, local: LocalNode | None) -> bool:
    return local is not None and local.uuid == row.uuid


def _node(row: NodeRow, local: LocalNode | None, wings: Wings, known: _Known) -> Node:
    return Node(
        row.id, row.uuid, row.name, row.address, row.maintenance, _is_local(row, local), wings, known.reaches, known.reached_wall
    )  # fmt: skip
