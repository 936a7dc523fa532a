"""Wings' HTTP API (router/router.go@v1.11.11, contract section 2.4; texts and statuses seen on the real 1.11.11)."""

from __future__ import annotations

import hmac
import json
import re
import uuid as uuids
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchdog.panels.pterodactyl.fake import tokens
from watchdog.panels.pterodactyl.fake.environment import OFFLINE, Environment, PowerFailure

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.wings import FakeWings

JSON, TEXT = "application/json; charset=utf-8", "text/plain"
ACTIONS: Final = ("start", "stop", "restart", "kill")
NO_TOKEN = "The required authorization heads were not present in the request."  # noqa: S105  # a text
WRONG_TOKEN = "You are not authorized to access this endpoint."  # noqa: S105  # a text
NO_SERVER = "The requested resource does not exist on this instance."
NO_BACKUP = "The requested backup was not found on this server."
UNEXPECTED = "An unexpected error was encountered while processing this request"
SECRET: Final = "rcon-secret-of-the-fake"  # noqa: S105  # so that a test can look for it where it must not be
_OVERHEAD: Final = 1.1


@dataclass(frozen=True, slots=True)
class WingsReply:
    """One answer; ``file`` is streamed."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


class WingsRefusal(Exception):
    """The request ends with this status and this error."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.reply = WingsReply(status, json.dumps({"error": error}).encode(), JSON, headers or {})


def said(body: object, status: int = 200) -> WingsReply:
    """Return JSON without an envelope."""
    return WingsReply(status, json.dumps(body).encode())


def answer(wings: FakeWings, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> WingsReply:
    """Return the answer to one request, the websocket's apart."""
    if (method, path) == ("GET", "/download/backup"):
        return _download(wings, query.get("token", ""))
    try:
        route, words = _find(method, path)
        _admit(wings, headers)
        if route is None:
            return WingsReply(404, b"404 page not found", TEXT)  # wings-404-route.json
        return route(wings, query, json.loads(body) if body else {}, *words)
    except WingsRefusal as refusal:
        return refusal.reply
    except ValueError:  # wings-power-bad-json.json: text/plain, with JSON in it
        return _unexpected(400, "text/plain; charset=utf-8")


def _unexpected(status: int = 500, content_type: str = JSON) -> WingsReply:
    """Return what an error inside is told as (wings-system-docker-down.json); the id is the one in X-Request-Id."""
    request = str(uuids.uuid4())
    return WingsReply(status, json.dumps({"error": UNEXPECTED, "request_id": request}).encode(), content_type, {"X-Request-Id": request})


def server_of(wings: FakeWings, uuid: str) -> Environment:
    """Return a server that Wings has loaded. Raises 404 (middleware.go, ServerExists)."""
    found = wings.servers.get(uuid)
    if found is None:
        raise WingsRefusal(404, NO_SERVER)
    return found


def _admit(wings: FakeWings, headers: Mapping[str, str]) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise WingsRefusal(401, NO_TOKEN, {"WWW-Authenticate": "Bearer"})
    if not hmac.compare_digest(token, wings.token):  # the token alone: "id.token" is wrong here
        raise WingsRefusal(403, WRONG_TOKEN)


def _find(method: str, path: str) -> tuple[Callable[..., WingsReply] | None, tuple[str, ...]]:
    for known, pattern, route in ROUTES:
        if known == method and (found := re.fullmatch(pattern, path)):
            return route, found.groups()
    return None, ()


def _system(wings: FakeWings, query: Mapping[str, str], _fields: Any) -> WingsReply:
    if wings.docker_away():  # it asks Docker first, whatever the version asked for (system/system.go)
        return _unexpected()
    plain = {"architecture": "amd64", "cpu_count": 8, "kernel_version": "6.1.0", "os": "linux", "version": wings.version}
    if query.get("v") != "2":
        return said(plain)
    running = sum(wings.containers.state(uuid) == "running" for uuid in wings.servers)
    known = sum(wings.containers.state(uuid) != "missing" for uuid in wings.servers)
    docker = {
        "version": "26.1.0", "cgroups": {"driver": "systemd", "version": "2"},
        "containers": {"total": known, "running": running, "paused": 0, "stopped": known - running},
        "storage": {"driver": "overlay2", "filesystem": "extfs"}, "runc": {"version": "abc123"},
    }  # fmt: skip
    system = {
        "architecture": "amd64", "cpu_threads": 8, "memory_bytes": 33_554_432_000, "kernel_version": "6.1.0",
        "os": "Debian GNU/Linux 12 (bookworm)", "os_type": "linux",
    }  # fmt: skip
    return said({"version": wings.version, "docker": docker, "system": system})


def _servers(wings: FakeWings, _query: Mapping[str, str], _fields: Any) -> WingsReply:
    return said([_shown(wings, each) for each in wings.servers.values()])


def _server(wings: FakeWings, _query: Mapping[str, str], _fields: Any, uuid: str) -> WingsReply:
    return said(_shown(wings, server_of(wings, uuid)))


def _power(wings: FakeWings, _query: Mapping[str, str], fields: Any, uuid: str) -> WingsReply:
    server, action = server_of(wings, uuid), fields.get("action")
    if action not in ACTIONS:
        text = 'The power action provided was not valid, should be one of "stop", "start", "restart", "kill"'
        raise WingsRefusal(422, text)
    if action in {"start", "restart"} and server.suspended:
        raise WingsRefusal(400, "Cannot start or restart a server that is suspended.")
    wings.later(lambda: server.power(action))
    return WingsReply(202)


def _sync(wings: FakeWings, _query: Mapping[str, str], _fields: Any, uuid: str) -> WingsReply:
    try:
        server_of(wings, uuid).sync()
    except PowerFailure:
        return _unexpected()
    return WingsReply(204)


def _backup(wings: FakeWings, _query: Mapping[str, str], fields: Any, uuid: str) -> WingsReply:
    server = server_of(wings, uuid)
    if fields.get("adapter") not in {"wings", "s3"}:  # wings-backup-create-bad.json
        return _unexpected()
    wings.begin_backup(server.uuid, str(fields["uuid"]), str(fields["adapter"]), str(fields.get("ignore") or ""))
    return WingsReply(202)


def _restore(wings: FakeWings, _query: Mapping[str, str], _fields: Any, uuid: str, backup: str) -> WingsReply:
    server = server_of(wings, uuid)
    if not wings.path_of(uuid, backup).is_file():
        raise WingsRefusal(404, NO_BACKUP)
    server.restoring = True
    wings.later(lambda: server.restore(wings.path_of(uuid, backup), backup))
    return WingsReply(202)


def _delete(wings: FakeWings, _query: Mapping[str, str], _fields: Any, uuid: str, backup: str) -> WingsReply:
    server_of(wings, uuid)
    path = wings.path_of(uuid, backup)
    if not path.is_file():
        raise WingsRefusal(404, NO_BACKUP)
    wings.remove(path)
    return WingsReply(204)


def _download(wings: FakeWings, token: str) -> WingsReply:
    """Stream an archive for a signed token, once (router_download.go)."""
    claims = tokens.read(token, wings.token)
    if claims is None or float(claims.get("exp", 0)) < wings.clock.now().wall:
        return _unexpected()
    once = str(claims.get("unique_id"))
    if str(claims.get("server_uuid")) not in wings.servers or once in wings.used:
        return said({"error": "The requested resource was not found on this server."}, 404)
    wings.used.add(once)
    path = wings.path_of(str(claims.get("server_uuid")), str(claims.get("backup_uuid")))
    if not path.is_file():
        return said({"error": NO_BACKUP}, 404)
    named = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return WingsReply(200, b"", "application/octet-stream", named, path)


def _shown(wings: FakeWings, server: Environment) -> dict[str, Any]:
    settings = server.settings
    uses = {"memory_bytes": 0, "cpu": 0.0, "rx": 0, "tx": 0, **wings.usage.get(server.uuid, {})}
    up = server.state != OFFLINE
    now = wings.clock.now().wall
    utilization = {
        "memory_bytes": uses["memory_bytes"] if up else 0,
        "memory_limit_bytes": int(settings["build"]["memory_limit"] * (1 << 20) * _OVERHEAD), "cpu_absolute": uses["cpu"] if up else 0,
        "network": {"rx_bytes": uses["rx"] if up else 0, "tx_bytes": uses["tx"] if up else 0},
        "uptime": int((now - server.started_at) * 1000) if up and server.started_at else 0, "state": server.state,
        "disk_bytes": sum(path.stat().st_size for path in wings.volume(server.uuid).rglob("*") if path.is_file()),
    }  # fmt: skip
    environment = {**settings["environment"], "RCON_PASSWORD": SECRET}
    build = {**settings["build"], "threads": settings["build"]["threads"] or ""}
    kept = {name: settings[name] for name in ("uuid", "meta", "invocation", "skip_egg_scripts", "allocations", "mounts", "egg")}
    configuration = {  # wings-server-one.json
        **kept, "suspended": server.suspended, "environment": environment, "labels": None, "build": build, "crash_detection_enabled": True,
        "container": {"image": settings["container"]["image"]},
    }  # fmt: skip
    return {
        "state": server.state, "is_suspended": server.suspended, "utilization": utilization, "configuration": configuration,
    }  # fmt: skip


ROUTES: Final[tuple[tuple[str, str, Callable[..., WingsReply]], ...]] = (
    ("GET", "/api/system", _system),
    ("GET", "/api/servers", _servers),
    ("GET", "/api/servers/([^/]+)", _server),
    ("POST", "/api/servers/([^/]+)/power", _power),
    ("POST", "/api/servers/([^/]+)/sync", _sync),
    ("POST", "/api/servers/([^/]+)/backup", _backup),
    ("POST", "/api/servers/([^/]+)/backup/([^/]+)/restore", _restore),
    ("DELETE", "/api/servers/([^/]+)/backup/([^/]+)", _delete),
)
