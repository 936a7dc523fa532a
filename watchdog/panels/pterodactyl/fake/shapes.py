"""The shapes of the panel's answers, value by value as its transformers write them (recordings/pterodactyl)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_DNS, uuid5
from zoneinfo import ZoneInfo

from watchdog.panels.pterodactyl.fake.rows import Activity, Backup, Node, Schedule, Server, Task
from watchdog.panels.pterodactyl.fake.world import PanelWorld

STARTUP: Final = "java -Xms128M -XX:MaxRAMPercentage=95.0 -Dterminal.jline=false -Dterminal.ansi=true -jar {{SERVER_JARFILE}}"
IMAGE: Final = "ghcr.io/pterodactyl/yolks:java_21"
EGG: Final = "7ddc7c56-acf9-4d22-a3e0-dbf6968e48b1"
VARIABLES: Final = (
    ("Minecraft Version", "MINECRAFT_VERSION", "latest", "nullable|string|max:20"),
    ("Server Jar File", "SERVER_JARFILE", "server.jar", r"required|regex:/^([\w\d._-]+)(\.jar)$/"),
    ("Build Number", "BUILD_NUMBER", "latest", "required|string|max:20"),
)
PERMISSIONS: Final = ("*", "admin.websocket.errors", "admin.websocket.install", "admin.websocket.transfer")


def atom(at: float | None, zone: str) -> str | None:
    """Return ISO 8601 with the offset of APP_TIMEZONE."""
    return None if at is None else datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")


def backup(row: Backup, world: PanelWorld) -> dict[str, Any]:
    """Return a record (BackupTransformer.php; client-backups-list.json)."""
    attributes: dict[str, Any] = {
        "uuid": row.uuid, "is_successful": row.successful, "is_locked": row.locked, "name": row.name, "ignored_files": list(row.ignored),
        "checksum": row.checksum, "bytes": row.bytes,
        "created_at": atom(row.created_at, world.zone), "completed_at": atom(row.completed_at, world.zone),
    }  # fmt: skip
    if world.release.name == "pelican":
        attributes["is_scheduled"] = False
    return {"object": "backup", "attributes": attributes}


def server(row: Server, world: PanelWorld, user: int) -> dict[str, Any]:
    """Return a server of the Client API (client-server-view.json)."""
    node = world.node_of(row)
    variables = [
        {"name": name, "description": "(text)", "env_variable": variable, "default_value": usual, "server_value": None, "is_editable": True,
         "rules": rules}
        for name, variable, usual, rules in VARIABLES
    ]  # fmt: skip
    place = {"id": row.id, "ip": "203.0.113.5", "ip_alias": None, "port": row.allocation_port, "notes": None, "is_default": True}
    attributes = {
        "server_owner": row.owner == user, "identifier": row.identifier, "internal_id": row.id, "uuid": row.uuid, "name": row.name,
        "node": node.name, "is_node_under_maintenance": node.maintenance, "sftp_details": {"ip": node.fqdn, "port": 2022},
        "description": "",
        "limits": _limits(row), "invocation": STARTUP.replace("{{SERVER_JARFILE}}", "server.jar"), "docker_image": IMAGE,
        "egg_features": ["eula", "java_version", "pid_limit"], "feature_limits": _features(row), "status": row.status or None,
        "is_suspended": row.status == "suspended", "is_installing": row.status in {"installing", "install_failed"},
        "is_transferring": row.transferring,
        "relationships": {
            "allocations": {"object": "list", "data": [{"object": "allocation", "attributes": place}]},
            "variables": {"object": "list", "data": [{"object": "egg_variable", "attributes": each} for each in variables]},
        },
    }  # fmt: skip
    return {"object": "server", "attributes": attributes}


def application_server(row: Server, world: PanelWorld) -> dict[str, Any]:
    """Return a server of the Application API (application-servers.json)."""
    created = atom(row.created_at, world.zone)
    container = {
        "startup_command": STARTUP, "image": IMAGE, "installed": int(row.status not in {"installing", "install_failed"}),
        "environment": environment(row),
    }  # fmt: skip
    attributes = {
        "id": row.id, "external_id": None, "uuid": row.uuid, "identifier": row.identifier, "name": row.name, "description": "",
        "status": row.status or None, "suspended": row.status == "suspended", "limits": _limits(row), "feature_limits": _features(row),
        "user": row.owner, "node": row.node, "allocation": row.id, "nest": 1, "egg": 5, "container": container,
        "updated_at": created, "created_at": created,
    }  # fmt: skip
    return {"object": "server", "attributes": attributes}


def node(row: Node, world: PanelWorld) -> dict[str, Any]:
    """Return a node without its tokens (application-node-one.json)."""
    mine = [each for each in world.rows.servers.values() if each.node == row.id]
    created = atom(row.created_at, world.zone)
    attributes = {
        "id": row.id, "uuid": row.uuid, "public": True, "name": row.name, "description": None, "location_id": 1, "fqdn": row.fqdn,
        "scheme": row.scheme, "behind_proxy": False, "maintenance_mode": row.maintenance, "memory": row.memory, "memory_overallocate": 0,
        "disk": row.disk, "disk_overallocate": 0, "upload_size": 100, "daemon_listen": row.port, "daemon_sftp": 2022,
        "daemon_base": "/var/lib/pterodactyl/volumes", "created_at": created, "updated_at": created,
        "allocated_resources": {"memory": sum(each.memory for each in mine), "disk": sum(each.disk for each in mine)},
    }  # fmt: skip
    return {"object": "node", "attributes": attributes}


def configuration(row: Node, url: str) -> dict[str, Any]:
    """Return what Wings is to be configured with, tokens in clear (application-node-configuration.json)."""
    certificates = f"/etc/letsencrypt/live/{row.fqdn}"
    ssl = {"enabled": row.scheme == "https", "cert": f"{certificates}/fullchain.pem", "key": f"{certificates}/privkey.pem"}
    return {
        "debug": False, "uuid": row.uuid, "token_id": row.token_id, "token": row.token,
        "api": {"host": "0.0.0.0", "port": row.port, "ssl": ssl, "upload_limit": 100},  # noqa: S104  # what the panel writes
        "system": {"data": "/var/lib/pterodactyl/volumes", "sftp": {"bind_port": 2022}}, "allowed_mounts": [], "remote": url,
    }  # fmt: skip


def schedule(row: Schedule, world: PanelWorld) -> dict[str, Any]:
    """Return a schedule with its tasks (client-schedules.json, client-schedules-queue-dead.json)."""
    minute, hour, day, month, weekday = row.cron
    tasks = [_task(each, number, row, world) for number, each in enumerate(row.tasks, 1)]
    attributes = {
        "id": row.id, "name": row.name,
        "cron": {"day_of_week": weekday, "day_of_month": day, "month": month, "hour": hour, "minute": minute},
        "is_active": row.active, "is_processing": row.processing, "only_when_online": row.only_when_online,
        "last_run_at": atom(row.last_run_at, world.zone), "next_run_at": atom(row.next_run_at, world.zone),
        "created_at": atom(row.created_at, world.zone), "updated_at": atom(row.updated_at, world.zone),
        "relationships": {"tasks": {"object": "list", "data": tasks}},
    }  # fmt: skip
    return {"object": "server_schedule", "attributes": attributes}


def activity(row: Activity, world: PanelWorld, *, actor: bool = False) -> dict[str, Any]:
    """Return one line of the activity log (client-activity-backups.json): the backup's uuid is not in it.

    With ``actor`` its relation of that name, as ``include=actor`` asks for it (ActivityLogTransformer.php: includeActor; from source only).
    """
    attributes = {
        "id": row.id, "batch": None, "event": row.event, "is_api": row.api, "ip": row.ip, "description": None,
        "properties": dict(row.properties), "has_additional_metadata": bool(set(dict(row.properties)) - {"name"}),
        "timestamp": atom(row.at, world.zone),
    }  # fmt: skip
    if actor:
        user = {"object": "user", "attributes": {"uuid": str(uuid5(NAMESPACE_DNS, row.actor)), "username": row.actor}}
        attributes["relationships"] = {"actor": user if row.actor else {"object": "null_resource", "attributes": None}}
    return {"object": "activity_log", "attributes": attributes}


def remote_server(row: Server) -> dict[str, Any]:
    """Return what Wings is told of a server (remote-server-one-1.11.8.json)."""
    port = str(row.allocation_port)
    replaced = [("server-ip", "0.0.0.0"), ("server-port", port), ("query.port", port)]  # noqa: S104  # of a server.properties
    settings = {
        "uuid": row.uuid, "meta": {"name": row.name, "description": ""}, "suspended": row.status == "suspended",
        "environment": environment(row), "invocation": STARTUP, "skip_egg_scripts": False,
        "build": {"memory_limit": row.memory, "swap": row.swap, "io_weight": row.io, "cpu_limit": row.cpu, "threads": None,
                  "disk_space": row.disk, "oom_disabled": True},
        "container": {"image": IMAGE, "oom_disabled": True, "requires_rebuild": False},
        "allocations": {"force_outgoing_ip": False, "default": {"ip": "203.0.113.5", "port": row.allocation_port},
                        "mappings": {"203.0.113.5": [row.allocation_port]}},
        "mounts": [], "egg": {"id": EGG, "file_denylist": []},
    }  # fmt: skip
    process = {
        "startup": {"done": [")! For help, type "], "user_interaction": [], "strip_ansi": False},
        "stop": {"type": row.stop_type, "value": row.stop_value if row.stop_type != "stop" else ""},
        "configs": [
            {"parser": "properties", "file": "server.properties",
             "replace": [{"match": match, "replace_with": text} for match, text in replaced]},
        ],
    }  # fmt: skip
    return {"settings": settings, "process_configuration": process}


def environment(row: Server) -> dict[str, Any]:
    """Return a server's variables (remote-server-one-1.11.8.json)."""
    return {
        "MINECRAFT_VERSION": "latest", "SERVER_JARFILE": "server.jar", "DL_PATH": "", "BUILD_NUMBER": "latest", "STARTUP": STARTUP,
        "P_SERVER_LOCATION": "lab", "P_SERVER_UUID": row.uuid, "P_SERVER_ALLOCATION_LIMIT": 0,
    }  # fmt: skip


def _limits(row: Server) -> dict[str, Any]:
    return {
        "memory": row.memory, "swap": row.swap, "disk": row.disk, "io": row.io, "cpu": row.cpu, "threads": None, "oom_disabled": True,
    }  # fmt: skip


def _features(row: Server) -> dict[str, int]:
    return {"databases": 0, "allocations": 0, "backups": row.backup_limit}


def _task(row: Task, number: int, of: Schedule, world: PanelWorld) -> dict[str, Any]:
    attributes = {
        "id": row.id, "sequence_id": number, "action": row.action, "payload": row.payload, "time_offset": row.time_offset,
        "is_queued": row.queued, "continue_on_failure": False,
        "created_at": atom(of.created_at, world.zone), "updated_at": atom(row.updated_at or of.created_at, world.zone),
    }  # fmt: skip
    return {"object": "schedule_task", "attributes": attributes}
