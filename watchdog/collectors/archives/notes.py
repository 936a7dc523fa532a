"""Notes of rehearsals: ``NAME.watchdog.rehearsal.json`` beside an archive, as ``panel-watchdog rehearse`` leaves them.

Read by every look, also in the child that looks at a mount which may hang: small, and nothing of it is believed before it is held to its
shape. Whether a note speaks of the archive that lies there now is for others to compare (``rehearsed``).
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from typing import Final, Literal, NamedTuple

SUFFIX: Final = ".watchdog.rehearsal.json"
UNFINISHED: Final = SUFFIX + ".new"
MOST_BYTES: Final = 256 << 10
UNREADABLE, MALFORMED = "unreadable", "malformed"
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_SHA1 = re.compile(r"[0-9a-f]{40}")
_LARGEST = 1 << 63
_FAILED, _LETTERS = 5, 60


class Note(NamedTuple):
    """What one note says: ``at`` is UNIX seconds, ``failed`` names the steps that failed.

    ``device`` to ``mtime_ns`` are the identity of the archive that was rehearsed, ``sha1`` its checksum ("" = notes of old have none).
    """

    verdict: Literal["good", "bad", "unverifiable"]
    kind: Literal["content", "full"]
    at: float
    sha1: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    failed: tuple[str, ...] = ()


def read_note(archive: str) -> Note | str | None:
    """Return the note beside the file ``archive``; a word when there is one that says nothing, None when there is none."""
    try:
        descriptor = os.open(archive + SUFFIX, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError:
        return UNREADABLE
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return UNREADABLE
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            text = file.read(MOST_BYTES + 1)
    except OSError:
        return UNREADABLE
    finally:
        os.close(descriptor)
    return understood(text) if len(text) <= MOST_BYTES else MALFORMED


def understood(text: bytes) -> Note | str:
    """Return what a note says, or MALFORMED."""
    try:
        match json.loads(text):
            case {
                "verdict": "good" | "bad" | "unverifiable" as verdict, "kind": "content" | "full" as kind, "at": int() | float() as at,
                "identity": {"device": int() as device, "inode": int() as inode, "size": int() as size, "mtime_ns": int() as mtime},
                "steps": list() as steps, **more,
            }:  # fmt: skip
                failed = tuple(_name(step) for step in steps if isinstance(step, dict) and step.get("ok") is False)[:_FAILED]
                return _sound(Note(verdict, kind, float(at), _text(more.get("sha1")), device, inode, size, mtime, failed))
    except (ValueError, RecursionError, OverflowError):
        pass
    return MALFORMED


def from_wire(told: object) -> Note | str:
    """Return the note that a child told as a JSON list, or its word."""
    match told:
        case "unreadable":
            return UNREADABLE
        case [
            "good" | "bad" | "unverifiable" as verdict, "content" | "full" as kind, int() | float() as at, str() as sha1,
            int() as device, int() as inode, int() as size, int() as mtime, list() as failed,
        ]:  # fmt: skip
            return _sound(Note(verdict, kind, float(at), sha1, device, inode, size, mtime, tuple(map(str, failed[:_FAILED]))))
    return MALFORMED


def _text(told: object) -> str:
    """Return a text as it is; "" for nothing, what no checksum can be for anything else."""
    return told if isinstance(told, str) else "" if told is None else "?"


def _sound(note: Note) -> Note | str:
    numbers = (note.device, note.inode, note.size, note.mtime_ns)
    fits = all(not isinstance(number, bool) and -_LARGEST <= number < _LARGEST for number in numbers)
    known = note.sha1 == "" or _SHA1.fullmatch(note.sha1) is not None
    return note if fits and known and math.isfinite(note.at) and note.at > 0 else MALFORMED


def _name(step: dict[str, object]) -> str:
    return "".join(char if char.isprintable() else "?" for char in str(step.get("name", ""))[:_LETTERS])
