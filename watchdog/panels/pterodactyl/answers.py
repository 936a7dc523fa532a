"""The JSON shapes of the panel's answers, turned into frozen values; a whitelist, so nothing secret comes along. Pure.

Part of the wire: only these modules know what an answer looks like. Every function raises MalformedAnswer naming the field when an answer
has not the promised shape (contract sections 1, 2.4, 3.2 and 7; recordings/pterodactyl). A server's environment holds its passwords and is
never looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from watchdog.errors import MalformedAnswer
from watchdog.panels.pterodactyl.paging import Page
from watchdog.panels.pterodactyl.view import Backup, Resources, Schedule, Server
from watchdog.runtime import shapes
from watchdog.runtime.answers import Answer
from watchdog.runtime.shapes import Json

NO_CODE: Final = ""
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CODE: Final = re.compile(r"[A-Za-z]{1,80}")

_LARGEST: Final = 2.0**63
_CONTAINER_WORDS: Final = frozenset({
    "created", "starting", "running", "restarting", "exited", "paused", "dead", "removing", "stopping", "offline", "missing", "none",
})  # fmt: skip
"""What Pelican puts in place of a status that is null: its container's (Server::condition, ContainerStatus.php)."""

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node as the Application API lists it; ``address`` is where the panel expects its Wings ("" = not usable)."""

    id: int
    uuid: str
    name: str
    address: str
    maintenance: bool


def code_of(answer: Answer) -> str:
    """Return the code of an error answer, such as ``QueryException``; "" when it is not the panel's envelope (section 1.1)."""
    try:
        whole = json.loads(answer.body)
    except (ValueError, RecursionError):
        return NO_CODE
    errors = whole.get("errors") if isinstance(whole, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else NO_CODE


def servers(body: object) -> Page[Server]:
    """Given one page of the Client API's list, return the servers, without their node: its uuid is known to the Application API only."""
    return _page(body, "servers", server)


def server(item: Json) -> Server:
    """Given a server's attributes in the Client API, return the server without its node."""
    limits = shapes.mapping(shapes.member(item, "limits", "server"), "server.limits")
    features = shapes.mapping(item.get("feature_limits") or {}, "server.feature_limits")
    return Server(
        uuid=uuid(item, "server"),
        identifier=shapes.identifier(item, "identifier"),
        name=label(item, "name", "server"),
        node="",
        status=_status(item),
        transferring=shapes.flag(item, "is_transferring", "server"),
        maintenance=shapes.optional_flag(item, "is_node_under_maintenance") or False,
        backup_limit=shapes.optional_number(features, "backups") or 0,
        memory_mib=shapes.optional_number(limits, "memory") or 0,
        swap_mib=shapes.optional_number(limits, "swap") or 0,
        disk_mib=shapes.optional_number(limits, "disk") or 0,
        cpu_percent=shapes.optional_number(limits, "cpu") or 0,
        io=shapes.optional_number(limits, "io") or 0,
    )


def one_server(body: object) -> Server:
    """Given the answer of ``/api/client/servers/{uuid}``, return the server without its node."""
    return server(attributes(shapes.mapping(body, "answer"), "server"))


def backups(body: object, owner: str) -> Page[Backup]:
    """Given one page of a server's backups, return the records."""
    return _page(body, "backups", lambda item: backup(item, owner))


def one_backup(body: object, owner: str) -> Backup:
    """Given the answer of one backup, return the record."""
    return backup(attributes(shapes.mapping(body, "answer"), "backup"), owner)


def backup(item: Json, owner: str) -> Backup:
    """Given a backup's attributes, return the record (section 1.3)."""
    ignored = item.get("ignored_files")
    return Backup(
        uuid=uuid(item, "backup"),
        name=label(item, "name", "backup"),
        server=owner,
        successful=shapes.flag(item, "is_successful", "backup"),
        locked=shapes.optional_flag(item, "is_locked") or False,
        checksum=shapes.optional_text(item, "checksum") or None,
        bytes=bounded(item, "bytes", "backup"),
        created_at=moment(item, "created_at", "backup"),
        completed_at=optional_moment(item, "completed_at", "backup"),
        ignored=tuple(str(each)[: shapes.LONGEST_NAME] for each in ignored) if isinstance(ignored, list) else (),
    )


def schedules(body: object, owner: str) -> tuple[Schedule, ...]:
    """Given the answer of a server's schedules (not paged), return them."""
    whole = shapes.mapping(body, "schedules")
    items = shapes.listing(shapes.member(whole, "data", "schedules"), "schedules.data")
    return tuple(_schedule(attributes(shapes.mapping(item, "schedules[]"), "schedule"), owner) for item in items)


def resources(body: object) -> Resources:
    """Given the answer of a server's resources, return them."""
    item = attributes(shapes.mapping(body, "answer"), "stats")
    used = shapes.mapping(shapes.member(item, "resources", "stats"), "stats.resources")
    return Resources(
        state=shapes.optional_text(item, "current_state"),
        memory_bytes=count(used, "memory_bytes"),
        cpu=amount(used, "cpu_absolute"),
        disk_bytes=count(used, "disk_bytes"),
        rx=count(used, "network_rx_bytes"),
        tx=count(used, "network_tx_bytes"),
        uptime_ms=count(used, "uptime"),
    )


def signed_url(body: object) -> str:
    """Given the answer of a download, return the address. It holds a token: never keep or show it."""
    return shapes.text(attributes(shapes.mapping(body, "answer"), "signed_url"), "url", "signed_url")


def console(body: object) -> tuple[str, str]:
    """Given the answer of ``/websocket``, return the address and the token (P: WebsocketController.php). Never keep or show the token."""
    item = shapes.mapping(shapes.member(shapes.mapping(body, "answer"), "data", "answer"), "answer.data")
    return shapes.text(item, "socket", "data"), shapes.text(item, "token", "data")


def nodes(body: object) -> Page[NodeRow]:
    """Given one page of the Application API's nodes, return them."""
    return _page(body, "nodes", _node)


def places(body: object) -> Page[tuple[str, int]]:
    """Given one page of the Application API's servers, return the uuid of each and the id of its node."""
    return _page(body, "application servers", lambda item: (uuid(item, "server"), shapes.number(item, "node", "server")))


def node_token(body: object) -> tuple[str, str]:
    """Given a node's configuration, return its uuid and its token. Never keep or show the token in a value that is printed."""
    whole = shapes.mapping(body, "configuration")
    return uuid(whole, "configuration"), shapes.text(whole, "token", "configuration")


def uuid(item: Json, where: str) -> str:
    """Return the field ``uuid``, which must be a canonical one in lower case: it becomes the name of a file."""
    value = shapes.text(item, "uuid", where)
    if _UUID.fullmatch(value) is None:
        raise MalformedAnswer(f"{where}.uuid is not a canonical uuid")
    return value


def label(item: Json, key: str, where: str) -> str:
    """Return a field that a person wrote, fit to be shown: printable and not endless."""
    value = shapes.text(item, key, where)[: shapes.LONGEST_NAME]
    return value if value.isprintable() else "".join(letter if letter.isprintable() else " " for letter in value)


def bounded(item: Json, key: str, where: str) -> int:
    """Return a field that is a whole number of a size that can be counted with."""
    value = shapes.number(item, key, where)
    if not abs(value) < _LARGEST:
        raise MalformedAnswer(f"{where}.{key} is no number of anything")
    return value


def moment(item: Json, key: str, where: str) -> float:
    """Return a field that is a time with its offset, as UNIX seconds (ATOM, in the panel's APP_TIMEZONE)."""
    value = shapes.text(item, key, where)
    try:
        at = datetime.fromisoformat(value)
        seconds = at.timestamp()
    except (ValueError, OverflowError, OSError):
        raise MalformedAnswer(f"{where}.{key} is not a time") from None
    if at.tzinfo is None:
        raise MalformedAnswer(f"{where}.{key} is a time without its offset")
    return seconds


def optional_moment(item: Json, key: str, where: str) -> float | None:
    """Return a field that is a time or null; raises for anything else: a missing time must not look like a pending backup."""
    return None if shapes.member(item, key, where) is None else moment(item, key, where)


def _page(body: object, where: str, read: Callable[[Json], ItemT]) -> Page[ItemT]:
    whole = shapes.mapping(body, where)
    items = shapes.listing(shapes.member(whole, "data", where), f"{where}.data")
    meta = shapes.mapping(shapes.member(whole, "meta", where), f"{where}.meta")
    pagination = shapes.mapping(shapes.member(meta, "pagination", where), f"{where}.meta.pagination")
    found = tuple(read(attributes(shapes.mapping(item, f"{where}[]"), where)) for item in items)
    return Page(bounded(pagination, "total", "pagination"), found)


def attributes(item: Json, where: str) -> Json:
    """Return what an object of the panel's envelope holds."""
    return shapes.mapping(shapes.member(item, "attributes", where), f"{where}.attributes")


def _status(item: Json) -> str:
    value = shapes.member(item, "status", "server")
    if value is None or (isinstance(value, str) and value in _CONTAINER_WORDS):
        return "suspended" if item.get("is_suspended") is True else ""
    return shapes.name(value, "server.status")


def _schedule(item: Json, owner: str) -> Schedule:
    related = shapes.mapping(item.get("relationships") or {}, "schedule.relationships")
    listed = shapes.mapping(related.get("tasks") or {}, "schedule.tasks")
    tasks = [
        attributes(shapes.mapping(task, "tasks[]"), "task") for task in shapes.listing(listed.get("data") or [], "schedule.tasks.data")
    ]
    return Schedule(
        id=shapes.number(item, "id", "schedule"),
        server=owner,
        name=label(item, "name", "schedule"),
        active=shapes.flag(item, "is_active", "schedule"),
        processing=shapes.flag(item, "is_processing", "schedule"),
        last_run_at=optional_moment(item, "last_run_at", "schedule"),
        next_run_at=optional_moment(item, "next_run_at", "schedule"),
        only_when_online=shapes.optional_flag(item, "only_when_online") or False,
        queued=tuple((shapes.number(task, "id", "task"), amount(task, "time_offset")) for task in tasks if task.get("is_queued") is True),
        powers=tuple(shapes.optional_text(task, "payload") for task in tasks if task.get("action") == "power"),
    )


def _node(item: Json) -> NodeRow:
    scheme, host = shapes.text(item, "scheme", "node"), shapes.text(item, "fqdn", "node")
    strange = scheme not in {"http", "https"} or not host.isprintable() or any(letter in host for letter in "/?#@ ")
    # Pelican tells apart where Wings listens and where it is reached (Node.php)
    port = shapes.optional_number(item, "daemon_connect") or shapes.number(item, "daemon_listen", "node")
    return NodeRow(
        id=shapes.number(item, "id", "node"),
        uuid=uuid(item, "node"),
        name=label(item, "name", "node"),
        address="" if strange else f"{scheme}://{host}:{port}",
        maintenance=shapes.optional_flag(item, "maintenance_mode") or False,
    )


def count(item: Json, key: str) -> int:
    """Return a field that is a whole number; 0 when there is none."""
    return int(amount(item, key))


def amount(item: Json, key: str) -> float:
    """Return a field that is a number; 0 when there is none."""
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        return 0.0
    return float(value)
