"""What the fake panel answers: routes, permissions in the real order, and the bodies as they were recorded (recordings/sysreptor)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from watchdog.panels.sysreptor.fake.sealed import sealed
from watchdog.panels.sysreptor.fake.world import LEAST_KEY, Row, SysreptorWorld

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
PAGE: Final = 100
ADMIN: Final = "admin"
_AES_BYTES: Final = 32
DATABASE_DOWN: Final = (
    b'\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Server Error (500)</title>\n</head>\n<body>\n'
    b"  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n"
)
"""healthcheck_dbdown.json, byte by byte."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``headers`` have lower-case names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; with ``pieces`` it is streamed in chunks, and nobody knows its length."""

    status: int
    content_type: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    pieces: Generator[bytes, None, None] | None = None


class _Refused(Exception):
    """The request ends here, with this reply."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status)
        self.reply = reply(status, body)


def reply(status: int, body: object) -> Reply:
    """Return an answer of the API."""
    return Reply(status, JSON, json.dumps(body, separators=(",", ":")).encode())


def answer(world: SysreptorWorld, request: Request) -> Reply:
    """Return the answer to one request."""
    route = _ROUTES.get(request.path.rstrip("/"))  # the router takes both (``/?``)
    if route is None:
        return reply(404, {"detail": "Not found.", "code": "not_found"})
    try:
        return route(world, request)
    except _Refused as refused:
        return refused.reply


def _who(world: SysreptorWorld, request: Request) -> bool:
    """Return whether the caller is an admin or a system user. Raises for nobody (backup_noauth.json, backuplogs_badtoken.json)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise _Refused(401, {"detail": "Authentication credentials were not provided.", "code": "not_authenticated"})
    if token not in world.tokens:
        raise _Refused(401, {"detail": "Invalid token header format.", "code": "authentication_failed"})
    return world.tokens[token]


def _admin(world: SysreptorWorld, request: Request) -> None:
    if not _who(world, request):
        raise _Refused(403, {"detail": "You do not have permission to perform this action.", "code": "permission_denied"})


def _health(world: SysreptorWorld, _request: Request) -> Reply:
    world.health_calls += 1
    switches = world.switches
    well = switches.migrations_applied and not switches.database_strange
    if well:
        world.run_tasks()
    said = {"database": not switches.database_strange, "migrations": switches.migrations_applied, "cache": True}
    return reply(200 if well else 503, said)


def _settings(world: SysreptorWorld, request: Request) -> Reply:
    said: dict[str, Any] = {
        "languages": [],
        "license": {"type": _type(world), "error": world.licence_error},
        "features": {"websockets": True, "forgot_password": False},
    }
    if request.headers.get("authorization"):
        _who(world, request)
        said["features"] |= {"backup": bool(world.backup_key) and world.professional, "archiving": world.professional}
    return reply(200, said)


def _licence(world: SysreptorWorld, request: Request) -> Reply:
    _who(world, request)
    said: dict[str, Any] = {
        "error": world.licence_error, "type": _type(world), "users": 10 if world.professional else 3, "license_hash": None,
        "active_users": 1, "total_users": 1, "installation_id": "32fafc4d-a999-4bbe-81a9-5837005f6c32",
        "software_version": world.release.name, "database_version": "15.18", "plugins": [],
        "activation_info": {"created": "2026-11-20T18:15:32.764060Z", "license_hash": None, "last_activation_time": None},
    }  # fmt: skip
    if world.professional or world.licence_error:
        # an expired licence keeps its dates and says what is wrong with it (utils/license.py, decode_and_validate_license)
        said |= {"valid_from": "2020-01-01", "valid_until": world.valid_until}
    return reply(200, said)


def _type(world: SysreptorWorld) -> str:
    return "professional" if world.professional else "community"


def _log(world: SysreptorWorld, request: Request) -> Reply:
    _admin(world, request)
    rows = world.rows
    backwards, after = False, None
    if "cursor" in request.query:
        backwards, after = _position(request.query["cursor"])
    if backwards and after is not None:
        newer = [row for row in rows if row.created > after]
        shown, more_before, more_after = newer[-PAGE:], len(newer) > PAGE, True
    else:
        older = [row for row in rows if after is None or row.created < after]
        shown, more_before, more_after = older[:PAGE], after is not None, len(older) > PAGE
    base = f"http://{request.headers.get('host', 'localhost')}{request.path}?"
    following = base + urlencode({"cursor": _cursor(shown[-1].created)}) if more_after and shown else None
    previous = base + urlencode({"cursor": _cursor(shown[0].created, reverse=True)}) if more_before and shown else None
    return reply(200, {"next": following, "previous": previous, "results": [_row(row) for row in shown]})


def _row(row: Row) -> Mapping[str, object]:
    created = row.created.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"id": row.id, "created": created, "type": row.type, "user": row.user}


def _cursor(at: datetime, *, reverse: bool = False) -> str:
    """Return where a page begins, as Django REST framework writes it (backuplogs_paged_1.json)."""
    when = quote(at.strftime("%Y-%m-%d %H:%M:%S.%f+00:00"), safe=" ").replace(" ", "+")
    return base64.b64encode((("r=1&" if reverse else "") + f"p={when}").encode()).decode()


def _position(cursor: str) -> tuple[bool, datetime]:
    try:
        said = parse_qs(base64.b64decode(cursor, validate=True).decode("ascii"))
        return said.get("r") == ["1"], datetime.fromisoformat(said["p"][0]).astimezone(UTC)
    except (ValueError, KeyError):
        raise _Refused(404, {"detail": "Invalid cursor", "code": "not_found"}) from None


def _backup(world: SysreptorWorld, request: Request) -> Reply:
    """Check who asks, then the licence, then the method and the body (contract section 1.2)."""
    _admin(world, request)
    if not world.professional:
        raise _Refused(403, {"detail": "Professional license required", "code": "license"})  # backup_community.json
    if request.method != "POST":
        raise _Refused(405, {"detail": f'Method "{request.method}" not allowed.', "code": "method_not_allowed"})
    said = _body(request)
    aes = _keys(world, said)
    if said.get("check") in (True, "true", "1"):
        return Reply(200, "")
    pieces = world.backup(ADMIN)
    name = f"backup-{world.now().isoformat()}.zip"
    if aes is not None:
        name, kind, pieces = f"{name}.crypt", HTML, sealed(pieces, aes)
    else:
        kind = "application/zip"
    return Reply(200, kind, headers=(("Content-Disposition", f"attachment; filename={name}"),), pieces=pieces)


def _body(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    try:
        said = json.loads(request.body or b"{}")
    except ValueError:
        raise _Refused(400, {"detail": "JSON parse error", "code": "parse_error"}) from None
    return said if isinstance(said, dict) else {}


def _keys(world: SysreptorWorld, said: Mapping[str, Any]) -> bytes | None:
    """Check the backup key and return the AES key, as BackupSerializer does. Raises for each fault."""
    faults: dict[str, Sequence[str]] = {}
    if "key" not in said:
        faults["key"] = ["This field is required."]
    elif not world.backup_key or len(world.backup_key) < LEAST_KEY:
        faults["key"] = ["Backup key not set or too short (min 20 chars)"]
    elif said["key"] != world.backup_key:
        faults["key"] = ["Invalid backup key"]
    aes: bytes | None = None
    if said.get("aes_key"):
        try:
            aes = base64.b64decode(said["aes_key"], validate=True)
            if len(aes) != _AES_BYTES:
                faults["aes_key"] = ["Invalid key length: must be a 256-bit AES key"]
        except ValueError:
            faults["aes_key"] = ["Invalid base64 encoding"]
    if faults:
        raise _Refused(400, faults)
    return aes


_ROUTES: Final[Mapping[str, Callable[[SysreptorWorld, Request], Reply]]] = {
    "/api/public/utils/healthcheck": _health,
    "/api/v1/utils/healthcheck": _health,
    "/api/public/utils/settings": _settings,
    "/api/v1/utils/settings": _settings,
    "/api/v1/utils/license": _licence,
    "/api/v1/utils/backuplogs": _log,
    "/api/v1/utils/backup": _backup,
}
