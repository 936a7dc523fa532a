"""The rows and files of a fake installation, made anew and always the same. Names and shapes as in contract section 1.3."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

TASKS: Final = ("clear_sessions", "fetch_notifications", "create_notifications", "cleanup_unreferenced_images_and_files")
"""Some of the panel's periodic tasks (tasks/tasks.py, notifications/tasks.py, pentests/tasks.py)."""
FINDINGS: Final = 40
"""Findings per project."""
_WHEN: Final = "2026-01-02T03:04:05.678Z"
_APPS: Final = ("users", "pentests", "api_utils", "tasks", "notifications", "contenttypes", "auth", "sessions", "ai")


def migrations() -> Mapping[str, Any]:
    """Return ``migrations.json``."""
    every = [{"app_label": app, "migration_name": "0001_initial"} for app in _APPS]
    return {"format": "migrations/v1", "current": every, "all": [each | {"applied": True} for each in every]}


def configurations() -> Mapping[str, Any]:
    """Return ``configurations.json``; the real one holds secrets in clear."""
    return {"format": "configurations/v1", "configurations": [{"name": "ARCHIVING_THRESHOLD", "value": 2}]}


def log_row(row: str, created: datetime, kind: str) -> Mapping[str, Any]:
    """Return a row of the log as the dump has it: the time is cut to milliseconds."""
    when = created.strftime("%Y-%m-%dT%H:%M:%S.") + f"{created.microsecond // 1000:03d}Z"
    return _object("api_utils.backuplog", row, created=when, updated=when, type=kind, user=None)


def lines(projects: int, log: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield ``backup.jsonl`` line by line."""
    user = _id("user")
    yield _line(_object("users.pentestuser", user, username="admin", is_superuser=True, created=_WHEN))
    for at in range(projects):
        yield from map(_line, _project(at, user))
    yield from map(_line, log)


def files(projects: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file."""
    for at in range(projects):
        yield f"uploadedimages/{_path('image', at)}", b"\x89PNG\r\n\x1a\n" + _noise(f"image {at}", 60_000)
    yield f"uploadedassets/{_path('asset', 0)}", b"h1 { color: #333 }\n" * 400
    for at in range(projects):
        yield f"uploadedfiles/{_path('file', at)}", b"nmap -sV 192.0.2.1\n" * 900
    yield f"archivedfiles/{_path('archive', 0)}", b"\xc2YPT" + _noise("archive", 30_000)


def _project(at: int, user: str) -> Iterator[Mapping[str, Any]]:
    project = _id(f"project {at}")
    if not at:
        design = _id("design")
        yield _object("pentests.projecttype", design, created=_WHEN, name="Calzone Report")
        yield _object("pentests.uploadedasset", _id("asset"), linked_object=design, name="style.css", file=_path("asset", 0))
        yield _object("pentests.archivedproject", _id("archived"), name="Of last year", file=_path("archive", 0))
    yield _object("pentests.pentestproject", project, created=_WHEN, name=f"Test of customer {at}", members=[user])
    yield _object("pentests.uploadedimage", _id(f"image {at}"), linked_object=project, name="scheme.png", file=_path("image", at))
    yield _object("pentests.uploadedprojectfile", _id(f"file {at}"), linked_object=project, name="scan.txt", file=_path("file", at))
    for number in range(FINDINGS):
        text = f"What was found as number {number}: " + _noise(f"{at} {number}", 400).hex()
        yield _object("pentests.pentestfinding", _id(f"finding {at} {number}"), project=project, data={"title": text})


def _object(model: str, key: str, **fields: Any) -> Mapping[str, Any]:
    return {"model": model, "pk": key, "fields": fields}


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=True).encode() + b"\n"


def _path(kind: str, at: int) -> str:
    name = _id(f"{kind} of {at}")
    return f"{name[:2]}/{name[2:8]}-{name[9:]}"


def _id(what: str) -> str:
    return str(uuid.UUID(hashlib.md5(what.encode(), usedforsecurity=False).hexdigest()))


def _noise(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)
