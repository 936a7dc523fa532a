"""What Wings calls: completions, upload URLs, its servers (recordings/pterodactyl/remote-*.json; contract section 3).

This is where the bug of 1.11.6 is: its lookup names a column that does not exist, so both routes of backups fail after they have checked
the token and the body.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from watchdog.panels.pterodactyl.fake import paging, shapes
from watchdog.panels.pterodactyl.fake.replies import NOTHING, UNEXPECTED, Refused, Reply, Request, invalid, missing, said
from watchdog.panels.pterodactyl.fake.rows import Backup, Node

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.panel import FakePanel

COMPLETED = "Cannot update the status of a backup that is already marked as completed."
_BOOLEANS = (True, False, 0, 1, "0", "1")


def authenticated(panel: FakePanel, request: Request) -> Node:
    """Return the node whose token this is (DaemonAuthenticate.php; remote-400-*.json, remote-401-*.json, remote-403-*.json)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        text = "Access to this endpoint must include an Authorization header."
        raise Refused(401, "HttpException", text, headers={"WWW-Authenticate": "Bearer"})
    parts = token.split(".")
    if len(parts) != 2 or not all(parts):  # noqa: PLR2004  # id and secret
        raise Refused(400, "BadRequestHttpException", "The Authorization header provided was not in a valid format.")
    node = next((each for each in panel.world.rows.nodes.values() if each.token_id == parts[0]), None)
    if node is None or not hmac.compare_digest(node.token, parts[1]):
        raise Refused(403, "AccessDeniedHttpException", "You are not authorized to access this resource.")
    return node


def complete(panel: FakePanel, request: Request, uuid: str, node: Node) -> Reply:
    """Take a completion, in the order of BackupStatusController.php@v1.11.8 (contract section 3.4)."""
    world, body = panel.world, request.fields
    _validate(body)
    record = _lookup(panel, uuid, node)
    if record.successful:
        raise Refused(400, "BadRequestHttpException", COMPLETED)  # remote-repeat-1.11.8.json, remote-failed-after-success-1.11.8.json
    if world.switches.hold_completion is not None:
        world.switches.hold_completion.wait()  # the guard above is not atomic: two at once were both answered 204 (contract section 3.4)
    good = body["successful"] in (True, 1, "1")
    with world.lock:
        if good and world.switches.s3_default and not record.upload_id:
            # remote-success-s3-default-1.11.8.json: rolled back
            raise Refused(400, "DisplayException", "Cannot complete backup request: no upload_id present on model.")
        record.successful, record.completed_at = good, world.now()
        # remote-prefixed-checksum-1.11.8.json: a prefix that was sent is stored too
        record.checksum = f"{body['checksum_type']}:{body['checksum']}" if good else None
        record.bytes = int(float(body["size"])) if good else 0
        record.locked = record.locked and good  # a failure unlocks (client-backup-one-failed-was-locked.json)
        world.note(record.server, f"server:backup.{'complete' if good else 'fail'}", api=False, name=record.name)
        lost = world.switches.lose_completions > 0
        world.switches.lose_completions -= int(lost)
    return Reply(204, b"", "", lost=lost)


def upload(panel: FakePanel, request: Request, uuid: str, node: Node) -> Reply:
    """Sign the parts of an upload to S3 (BackupRemoteUploadController.php); of an unknown uuid it is the probe of contract section 3.6."""
    size = request.query.get("size", "")
    if not size or size == "0":  # remote-probe-nosize-1.11.8.json
        raise Refused(400, "BadRequestHttpException", 'A non-empty "size" query parameter must be provided.')
    record = _lookup(panel, uuid, node)
    if record.completed_at is not None:  # remote-probe-completed-1.11.8.json
        raise Refused(409, "ConflictHttpException", "This backup is already in a completed state.")
    if not panel.world.switches.s3_default:  # remote-probe-pending-wings-default-1.11.8.json
        raise Refused(400, "BadRequestHttpException", "The configured backup adapter is not an S3 compatible adapter.")
    record.upload_id = f"upload-{uuid}"  # it mutates (contract section 3.2)
    part = f"http://127.0.0.1:9/b/{uuid}.tar.gz?partNumber=1&uploadId={record.upload_id}"
    return said({"parts": [part], "part_size": 5 << 30})


def servers(panel: FakePanel, request: Request, node: Node) -> Reply:
    """List this node's servers (remote-servers-1.11.8.json); page 0 and page 1 are one page."""
    rows = [each for each in panel.world.rows.servers.values() if each.node == node.id]
    part, page, size = paging.cut(rows, request, 50, 1_000_000)
    shown = [{"uuid": each.uuid, **shapes.remote_server(each)} for each in part]
    return said(paging.remote(shown, len(rows), (page, size), f"{panel.app_url}/api/remote/servers"))


def server(panel: FakePanel, _request: Request, uuid: str, _node: Node) -> Reply:
    """Show one server, of any node (remote-server-other-node-1.11.8.json)."""
    row = panel.world.server(uuid)
    if row is None:
        raise missing()
    return said(shapes.remote_server(row))


def reset(panel: FakePanel, _request: Request, node: Node) -> Reply:
    """Set this node's installing and restoring servers to normal, as Wings asks at boot; not backups (remote-servers-reset-1.11.8.json)."""
    with panel.world.lock:
        for each in panel.world.rows.servers.values():
            if each.node == node.id and each.status in {"installing", "restoring_backup"}:
                each.status = ""
    return NOTHING


def restored(panel: FakePanel, _request: Request, uuid: str, _node: Node) -> Reply:
    """Take the end of a restore: the server's status becomes normal whatever it was (contract section 3.2)."""
    record = panel.world.backup(uuid)
    if record is None:
        raise missing()
    with panel.world.lock:
        panel.world.rows.servers[record.server].status = ""
        panel.world.note(record.server, "server:backup.restore-complete", api=False, name=record.name)
    return NOTHING


def installed(panel: FakePanel, request: Request, uuid: str, _node: Node) -> Reply:
    """Take the end of an installation; the node is not looked at (contract section 5.1)."""
    row = panel.world.server(uuid)
    if row is None:
        raise missing()
    row.status = "" if request.fields.get("successful") else "install_failed"
    return NOTHING


def accepted(_panel: FakePanel, _request: Request, _node: Node) -> Reply:
    """Take what we keep no account of (activity of consoles)."""
    return NOTHING


def _lookup(panel: FakePanel, uuid: str, node: Node) -> Backup:
    release = panel.world.release
    if release.broken_lookup:
        text = UNEXPECTED
        if panel.world.switches.debug:  # remote-probe-random-1.11.6-debug.json
            text = (
                "SQLSTATE[42S22]: Column not found: 1054 Unknown column 'node_id' in 'WHERE' (Connection: mysql, SQL: select * from "  # noqa: S608  # shown
                f"`backups` where `node_id` = {node.id} and `uuid` = {uuid} and `backups`.`deleted_at` is null limit 1)"
            )
        raise Refused(500, "QueryException", text)
    record = panel.world.backup(uuid)
    if record is None:
        raise missing()  # remote-deleted-1.11.8.json, remote-not-a-uuid-1.11.8.json, remote-success-before-commit-1.11.8.json
    if panel.world.rows.servers[record.server].node != node.id and release.wrong_node != "accepted":
        if release.wrong_node == "error":
            raise Refused(500, "Error")  # remote-wrong-node-1.11.8.json
        raise Refused(403, "HttpForbiddenException", "You do not have permission to access that backup.")
    return record


def _validate(body: Any) -> None:
    findings: list[tuple[str, str, str]] = []
    successful = body.get("successful")
    if successful is None or successful == "":
        raise invalid(("successful", "required", "The successful field is required."))  # remote-empty-body-1.11.8.json
    if isinstance(successful, list | dict) or successful not in _BOOLEANS:
        findings.append(("successful", "boolean", "The successful field must be true or false."))
    required = not findings and successful in (True, 1, "1")
    for name, words in (("checksum", "checksum"), ("checksum_type", "checksum type")):
        value = body.get(name)
        if value is not None and value != "" and not isinstance(value, str):
            findings.append((name, "string", f"The {words} must be a string."))
        if (required and value in (None, "", [])) or (findings and value == []):
            told = "true" if required else str(successful)
            findings.append((name, "required_if", f"The {words} field is required when successful is {told}."))
    size = body.get("size")
    if size is not None and not _numeric(size):
        findings.append(("size", "numeric", "The size must be a number."))
    if required and size in (None, ""):
        findings.append(("size", "required_if", "The size field is required when successful is true."))
    if findings:
        raise invalid(*findings)


def _numeric(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True
