"""The Application API of the fake panel (recordings/pterodactyl/application-*.json). It knows nothing of backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchdog.panels.pterodactyl.fake import paging, shapes
from watchdog.panels.pterodactyl.fake.replies import NOTHING, Refused, Reply, Request, missing, said
from watchdog.panels.pterodactyl.fake.rows import Node, Server

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.panel import FakePanel

MOST = 1_000_000
"""``paginate($request->query('per_page') ?? 50)``: no bound (ServerController.php)."""


def nodes(panel: FakePanel, request: Request) -> Reply:
    """List nodes (application-nodes.json)."""
    rows = list(panel.world.rows.nodes.values())
    part, page, size = paging.cut(rows, request, 50, MOST)
    shown = [shapes.node(each, panel.world) for each in part]
    return said(paging.listed(shown, len(rows), (page, size), f"{panel.app_url}/api/application/nodes"))


def node(panel: FakePanel, number: str) -> Reply:
    """Show one node (application-node-one.json)."""
    return said(shapes.node(_node(panel, number), panel.world))


def configuration(panel: FakePanel, number: str) -> Reply:
    """Show Wings' configuration, without envelope, tokens in clear (application-node-configuration-account-key.json)."""
    return said(shapes.configuration(_node(panel, number), panel.app_url))


def servers(panel: FakePanel, request: Request) -> Reply:
    """List servers; links forget ``per_page`` (application-servers-page2.json)."""
    rows = list(panel.world.rows.servers.values())
    part, page, size = paging.cut(rows, request, 50, MOST)
    shown = [shapes.application_server(each, panel.world) for each in part]
    return said(paging.listed(shown, len(rows), (page, size), f"{panel.app_url}/api/application/servers"))


def server(panel: FakePanel, request: Request, number: str) -> Reply:
    """Show one server (application-404.json); ``include=transfer`` has no handler (application-server-include-transfer.json)."""
    row = _server(panel, number)
    if "transfer" in request.query.get("include", ""):
        raise Refused(500, "TypeError")
    return said(shapes.application_server(row, panel.world))


def suspend(panel: FakePanel, number: str, action: str) -> Reply:
    """Suspend or unsuspend, and let Wings know (SuspensionService.php); that Wings cannot be reached undoes it."""
    row = _server(panel, number)
    with panel.world.lock:
        before, row.status = row.status, "suspended" if action == "suspend" else ""
    try:
        panel.wings(row).post(f"/api/servers/{row.uuid}/sync", {})
    except Refused:
        row.status = before
        raise
    return NOTHING


def _node(panel: FakePanel, number: str) -> Node:
    found = panel.world.rows.nodes.get(int(number)) if number.isdigit() else None
    if found is None:
        raise missing()
    return found


def _server(panel: FakePanel, number: str) -> Server:
    found = panel.world.rows.servers.get(int(number)) if number.isdigit() else None
    if found is None:
        raise missing()
    return found
