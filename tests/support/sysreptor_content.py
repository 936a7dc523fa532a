"""What lies in a SysReptor backup, as (name, bytes) in the order of contract section 1.3, and its way through the meaning."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from watchdog.model.archives import Meant
from watchdog.panels.sysreptor import meaning

STARTED = datetime(2026, 11, 20, 2, 0, 0, 335123, tzinfo=UTC)
FINISHED = STARTED + timedelta(seconds=61, microseconds=7)
OWN_ROW = "734df7d6-072e-4c3a-962e-b6da554fa119"


def us(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def in_row(when: datetime) -> str:
    """Return a time as a row has it: cut to milliseconds."""
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z"


def row(model: str, pk: object, **fields: object) -> dict:
    return {"model": model, "pk": pk, "fields": fields}


def log_row(pk: str, kind: str, when: datetime) -> dict:
    return row("api_utils.backuplog", pk, created=in_row(when), updated=in_row(when), type=kind, user=None)


def usual_rows(started: datetime = STARTED, own: str = OWN_ROW) -> list[dict]:
    return [
        row("users.pentestuser", "u-1", username="admin", password="x"),
        row("pentests.pentestproject", "p-1", name="A customer"),
        row("pentests.uploadedimage", "i-1", file="aa/bbbbbb-1-picture.png", name="picture.png"),
        row("pentests.uploadedasset", "a-1", file="ab/bbbbbb-2-logo.svg", name="logo.svg"),
        row("pentests.uploadedprojectfile", "f-1", file="ac/bbbbbb-3-notes.txt", name="notes.txt"),
        row("pentests.projectnotebookexcalidrawfile", "x-1", file="ad/bbbbbb-4-drawing"),
        row("pentests.archivedproject", "z-1", file="ae/bbbbbb-5-archive"),
        row("pentests.historicaluploadedimage", 7, file="af/bbbbbb-6-deleted.png", name="deleted.png"),
        log_row("e3cbdab2-c22e-470c-9931-e69c87e27ffd", "setup", started - timedelta(days=9)),
        log_row("730fe09d-8de5-4f42-a5e2-4caf9686877b", "backup_started", started - timedelta(days=1)),
        log_row(own, "backup_started", started),
    ]


USUAL_FILES = {
    "uploadedimages/aa/bbbbbb-1-picture.png": b"\x89PNG....",
    "uploadedassets/ab/bbbbbb-2-logo.svg": b"<svg/>",
    "uploadedfiles/ac/bbbbbb-3-notes.txt": b"notes",
    "uploadedfiles/ad/bbbbbb-4-drawing": b"{}",
    "archivedfiles/ae/bbbbbb-5-archive": b"\xc2YPT....",
}
APPS = ("users", "pentests", "api_utils", "contenttypes", "sessions")


def migrations(apps: Iterable[str] = APPS, *, applied: bool = True) -> dict:
    current = [{"app_label": app, "migration_name": "0001_initial"} for app in apps]
    return {"format": "migrations/v1", "current": current, "all": [{**each, "applied": applied} for each in current]}


def jsonl(rows: Iterable[dict]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def contents(version: str = "2026.61", rows: list[dict] | None = None, **other: bytes | None) -> dict[str, bytes]:
    """Return a whole backup; ``other`` replaces entries by the first part of their name, None leaves one out."""
    found = {
        "VERSION": version.encode(),
        "migrations.json": json.dumps(migrations()).encode(),
        "configurations.json": json.dumps({"format": "configurations/v1", "configurations": [{"name": "A", "value": "secret"}]}).encode(),
        "backup.jsonl": jsonl(usual_rows() if rows is None else rows),
        **USUAL_FILES,
        "stats.json": json.dumps({"started": STARTED.isoformat(), "finished": FINISHED.isoformat()}).encode(),
    }
    for start, content in other.items():
        name = next(each for each in found if each.partition(".")[0] == start)
        if content is None:
            del found[name]
        else:
            found[name] = content
    return found


def pieces(content: bytes, most: int, seed: int = 1) -> Iterator[bytes]:
    """Yield ``content`` in pieces of random sizes, none empty."""
    chance, at = random.Random(seed), 0
    while at < len(content):
        end = at + chance.randint(1, most)
        yield content[at:end]
        at = end


def meant(entries: dict[str, bytes], *, most: int = 1 << 20, sizes: bool = True) -> Meant:
    """Lead entries past a new meaning as level 2 does."""
    judge = meaning.begin()
    for name, content in entries.items():
        reader = judge.entry(name, len(content) if sizes else None)
        if reader is not None:
            for piece in pieces(content, most):
                reader.feed(piece)
            reader.end()
    return judge.end()
