"""The Client API of the fake panel; each status and text cites its recording (recordings/pterodactyl/client-*.json)."""

from __future__ import annotations

import uuid as uuids
from typing import TYPE_CHECKING, Any

from watchdog.panels.pterodactyl.fake import paging, shapes, tokens
from watchdog.panels.pterodactyl.fake.replies import NOTHING, Refused, Reply, Request, invalid, missing, said
from watchdog.panels.pterodactyl.fake.rows import Backup, Server

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.panel import FakePanel

SIGNALS = ("start", "stop", "restart", "kill")
LONGEST_NAME = 191
CONFLICTS = {
    "suspended": "This server is currently suspended and the functionality requested is unavailable.",  # client-backups-suspended.json
    "installing": "This server has not yet completed its installation process, please try again later.",  # client-backups-installing.json
    "install_failed": "This server has not yet completed its installation process, please try again later.",
    "reinstall_failed": "This server has not yet completed its installation process, please try again later.",  # by source
    "restoring_backup": "This server is currently restoring from a backup, please try again later.",  # client-backups-restoring.json
}
MAINTENANCE = "The node of this server is currently under maintenance and the functionality requested is unavailable."
TRANSFERRING = "This server is currently being transferred to a new machine, please try again later."


def servers(panel: FakePanel, request: Request, user: int, admin: bool) -> Reply:
    """List servers: ``admin-all`` is everything to a root admin and nothing to anybody else (client-servers-admin-all-as-owner.json)."""
    rows = list(panel.world.rows.servers.values())
    match request.query.get("type"):
        case "admin-all":
            rows = rows if admin else []
        case "admin":
            rows = [each for each in rows if each.owner != user] if admin else []
        case _:
            rows = [each for each in rows if each.owner == user]
    part, page, size = paging.cut(rows, request, 50, 100)  # client-servers-per-page-over-max.json
    kept = "&".join(word for word in request.raw_query.split("&") if word and not word.startswith("page="))
    shown = [shapes.server(each, panel.world, user) for each in part]
    return said(paging.listed(shown, len(rows), (page, size), f"{panel.app_url}/api/client", kept))


def server(panel: FakePanel, _request: Request, row: Server, user: int) -> Reply:
    """Show one server; no state of it is in the way (client-server-view-suspended.json)."""
    about = {"is_server_owner": row.owner == user, "user_permissions": list(shapes.PERMISSIONS)}
    return said(shapes.server(row, panel.world, user) | {"meta": about})


def admit(panel: FakePanel, row: Server) -> None:
    """Refuse with 409 what a server's state forbids, to root admins too (AuthenticateServerAccess.php@v1.11.8; client-backups-*.json)."""
    if panel.world.release.admits_admins:
        return
    text = CONFLICTS.get(row.status, "")
    if panel.world.node_of(row).maintenance:
        text = text or MAINTENANCE  # client-backups-maintenance.json
    if row.transferring:
        text = text or TRANSFERRING  # client-backups-transferring.json
    if text:
        raise Refused(409, "ServerStateConflictException", text)


def backups(panel: FakePanel, request: Request, row: Server) -> Reply:
    """List records; ``backup_count`` leaves failed ones out, links forget ``per_page`` (client-backups-list-default-page.json)."""
    rows = panel.world.backups_of(row)
    part, page, size = paging.cut(rows, request, 20, 50)  # client-backups-list-over-max.json
    url = f"{panel.app_url}/api/client/servers/{row.uuid}/backups"
    answer = paging.listed([shapes.backup(each, panel.world) for each in part], len(rows), (page, size), url)
    answer["meta"] = {"backup_count": len(_not_failed(rows)), **answer["meta"]}
    return said(answer)


def find(panel: FakePanel, row: Server, uuid: str) -> Backup:
    """Return a record of this server. Raises 404 (client-backup-one-deleted.json, client-backup-one-other_node.json)."""
    found = panel.world.backup(uuid)
    if found is None or found.server != row.id:
        raise missing()
    return found


def backup(panel: FakePanel, _request: Request, row: Server, uuid: str) -> Reply:
    """Show one record."""
    return said(shapes.backup(find(panel, row, uuid), panel.world))


def create(panel: FakePanel, request: Request, row: Server) -> Reply:
    """Create a record and call Wings inside one transaction (InitiateBackupService.php@v1.11.8): case B lives between the two."""
    world, fields = panel.world, request.fields
    name = str(fields.get("name") or "")
    if len(name) > LONGEST_NAME:  # client-backup-create-bad.json
        raise invalid(("name", "max", f"The name may not be greater than {LONGEST_NAME} characters."))
    with world.lock:
        _throttle(panel, row)
        if not row.backup_limit or len(_not_failed(world.backups_of(row))) >= row.backup_limit:  # client-backup-create-limit.json
            text = f"Cannot create a new backup, this server has reached its limit of {row.backup_limit} backups."
            raise Refused(400, "TooManyBackupsException", text)
        now = world.now()
        shown = str(shapes.atom(now, world.zone))[:19].replace("T", " ")
        ignored = tuple(line for line in str(fields.get("ignored") or "").split("\n") if line)
        record = Backup(
            str(uuids.uuid4()), row.id, name or f"Backup at {shown}", locked=bool(fields.get("is_locked", False)), ignored=ignored,
            disk="s3" if world.switches.s3_default else "wings", created_at=now, committed=False,
        )  # fmt: skip
        world.rows.backups[record.uuid] = record
    try:
        body = {"adapter": record.disk, "uuid": record.uuid, "ignore": "\n".join(ignored)}
        panel.wings(row).post(f"/api/servers/{row.uuid}/backup", body)
    except Refused:
        with world.lock:  # client-backups-after-create-unreachable.json: the transaction rolled back
            world.rows.backups.pop(record.uuid, None)
        raise
    if world.switches.hold_commit is not None:
        world.switches.hold_commit.wait()
    with world.lock:
        record.committed = True
        world.note(row.id, "server:backup.start", api=True, name=record.name, locked=record.locked)
    return said(shapes.backup(record, world))


def _throttle(panel: FakePanel, row: Server) -> None:
    most, seconds = panel.world.throttle
    now = panel.world.now()
    # soft-deleted rows count: withTrashed (BackupRepository.php); failed ones do not
    recent = [each for each in panel.world.rows.backups.values() if each.server == row.id and each.created_at > now - seconds]
    recent = [each for each in recent if each.successful or each.completed_at is None]
    if seconds and len(recent) >= most:  # client-backup-create-throttled.json: the route's limit is untouched
        wait = max(0, int(recent[-1].created_at + seconds - now))
        text = f"Only {most} backups may be generated within a {seconds:.0f} second span of time."
        raise Refused(429, "TooManyRequestsHttpException", text, headers={"Retry-After": str(wait)})


def lock(panel: FakePanel, _request: Request, row: Server, uuid: str) -> Reply:
    """Toggle the lock (client-backup-lock.json, client-backup-unlock.json)."""
    with panel.world.lock:
        found = find(panel, row, uuid)
        panel.world.note(row.id, f"server:backup.{'unlock' if found.locked else 'lock'}", api=True, name=found.name)
        found.locked = not found.locked
        return said(shapes.backup(found, panel.world))


def delete(panel: FakePanel, _request: Request, row: Server, uuid: str) -> Reply:
    """Delete the archive on the node and the record, pending ones too (DeleteBackupService.php; client-backup-delete-locked.json)."""
    found = find(panel, row, uuid)
    if found.locked and found.successful:
        raise Refused(400, "BackupLockedException", "Cannot delete a backup that is marked as locked.")
    if found.disk == "wings":
        panel.wings(row).delete(f"/api/servers/{row.uuid}/backup/{uuid}")
    with panel.world.lock:
        found.deleted = True
        panel.world.note(row.id, "server:backup.delete", api=True, name=found.name, failed=not found.successful)
    return NOTHING


def download(panel: FakePanel, _request: Request, row: Server, uuid: str) -> Reply:
    """Sign a download, whatever the record's state; where it leads tells the disk (client-backup-download-*.json)."""
    found, world = find(panel, row, uuid), panel.world
    node = world.node_of(row)
    if found.disk == "s3" and not world.switches.s3_configured:
        raise Refused(500, "InvalidArgumentException")  # client-backup-download-s3.json
    url = f"http://127.0.0.1:9/b/{row.uuid}/{uuid}.tar.gz?X-Amz-Expires=300&X-Amz-Signature=0"  # client-backup-download-s3-configured.json
    if found.disk == "wings":
        now = world.now()
        claims = tokens.claims(panel.app_url, node.address, f"1{row.uuid}", now, 900) | {"backup_uuid": uuid, "server_uuid": row.uuid}
        url = f"{node.address}/download/backup?token={tokens.signed(claims, node.token)}"
    world.note(row.id, "server:backup.download", api=True, name=found.name)  # client-activity.json
    return said({"object": "signed_url", "attributes": {"url": url}})


def restore(panel: FakePanel, request: Request, row: Server, uuid: str) -> Reply:
    """Begin a restore: a failed record passes (BackupController.php; client-backup-restore-pending.json)."""
    found = find(panel, row, uuid)
    if not found.successful and found.completed_at is None:
        raise Refused(400, "BadRequestHttpException", "This backup cannot be restored at this time: not completed or failed.")
    body = {"adapter": found.disk, "truncate_directory": bool(request.fields.get("truncate")), "download_url": ""}
    before, row.status = row.status, "restoring_backup"
    try:
        panel.wings(row).post(f"/api/servers/{row.uuid}/backup/{uuid}/restore", body)
    except Refused:
        row.status = before
        raise
    panel.world.note(row.id, "server:backup.restore", api=True, name=found.name, truncate=body["truncate_directory"])
    return NOTHING


def resources(panel: FakePanel, _request: Request, row: Server) -> Reply:
    """Show what Wings says, 20 seconds old at most; without Wings it is always 504 (client-resources-unreachable.json)."""
    return said({"object": "stats", "attributes": panel.cached(row, lambda: _resources(panel, row))})


def _resources(panel: FakePanel, row: Server) -> dict[str, Any]:
    try:
        known = panel.wings(row).get(f"/api/servers/{row.uuid}")
    except Refused:
        raise unreachable() from None
    usage = known.get("utilization", {})
    network = usage.get("network", {})
    return {
        "current_state": known.get("state", "stopped"), "is_suspended": known.get("is_suspended", False),
        "resources": {
            "memory_bytes": usage.get("memory_bytes", 0), "cpu_absolute": usage.get("cpu_absolute", 0),
            "disk_bytes": usage.get("disk_bytes", 0), "network_rx_bytes": network.get("rx_bytes", 0),
            "network_tx_bytes": network.get("tx_bytes", 0), "uptime": usage.get("uptime", 0),
        },
    }  # fmt: skip


def power(panel: FakePanel, request: Request, row: Server) -> Reply:
    """Send a power signal on to Wings: 204 says that Wings took it, no more (client-power-start.json)."""
    signal = request.fields.get("signal")
    if signal is None:
        raise invalid(("signal", "required", "The signal field is required."))
    if signal not in SIGNALS:
        raise invalid(("signal", "in", "The selected signal is invalid."))  # client-power-bad-signal.json
    panel.wings(row).post(f"/api/servers/{row.uuid}/power", {"action": signal})
    panel.world.note(row.id, f"server:power.{signal}", api=True, actor=panel.user_of(request))  # PowerController.php
    return NOTHING


def schedules(panel: FakePanel, _request: Request, row: Server) -> Reply:
    """List schedules, in one piece (client-schedules.json)."""
    rows = [each for each in panel.world.rows.schedules.values() if each.server == row.id]
    return said({"object": "list", "data": [shapes.schedule(each, panel.world) for each in rows]})


def activity(panel: FakePanel, request: Request, row: Server) -> Reply:
    """List activity, oldest first, filtered by a part of the event's name (client-activity-backups.json).

    ``sort=-timestamp`` turns it round, as the panel's own page asks for it (ActivityLogController.php: allowedSorts; from source only).
    """
    wanted = request.query.get("filter[event]", "")
    rows = [each for each in panel.world.rows.activity if each.server == row.id and wanted in each.event]
    if request.query.get("sort") == "-timestamp":
        rows.reverse()
    with_actor = "actor" in request.query.get("include", "").split(",")
    part, page, size = paging.cut(rows, request, 25, 100)
    kept = "&".join(word for word in request.raw_query.split("&") if word and not word.startswith("page="))
    url = f"{panel.app_url}/api/client/servers/{row.uuid}/activity"
    return said(paging.listed([shapes.activity(each, panel.world, actor=with_actor) for each in part], len(rows), (page, size), url, kept))


def websocket(panel: FakePanel, _request: Request, row: Server) -> Reply:
    """Sign a token of ten minutes for Wings' websocket (WebsocketController.php; from source only)."""
    world = panel.world
    node = world.node_of(row)
    claims = tokens.claims(panel.app_url, node.address, f"1{row.uuid}", world.now(), 600)
    claims |= {"server_uuid": row.uuid, "permissions": list(shapes.PERMISSIONS), "user_uuid": str(uuids.UUID(int=1)), "user_id": 1}
    socket = node.address.replace("https://", "wss://").replace("http://", "ws://")
    return said({"data": {"token": tokens.signed(claims, node.token), "socket": f"{socket}/api/servers/{row.uuid}/ws"}})


def unreachable() -> Refused:
    """Return what a node that cannot be reached makes of a call (client-power-unreachable.json)."""
    text = "Could not establish a connection to the machine running this server. Please try again."
    return Refused(504, "DaemonConnectionException", text)


def _not_failed(rows: list[Backup]) -> list[Backup]:
    return [each for each in rows if each.successful or each.completed_at is None]
