"""The manifest of an archive in parts, ``NAME.parts.json``: which parts, in which order, with which checksums.

``{"format": "panel-watchdog-parts/v1", "name": ..., "bytes": ..., "sha256": ..., "parts": [{"name", "bytes", "sha256"}, ...]}``; checksums
are SHA-256 in lower-case hex, parts lie beside the manifest.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchdog.errors import MalformedAnswer, Refused
from watchdog.runtime.partfile import SUFFIX, translated

FORMAT: Final = "panel-watchdog-parts/v1"
END: Final = ".parts.json"
MOST_PARTS: Final = 10_000
OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MANIFEST_BYTES: Final = 8 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: a file beside the manifest, its bytes, their SHA-256 in lower-case hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says: the whole archive's ``name``, bytes and SHA-256, and its parts in order."""

    name: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


def manifest_text(manifest: Manifest) -> str:
    """Return ``manifest`` as it is written."""
    parts = [{"name": part.name, "bytes": part.size, "sha256": part.sha256} for part in manifest.parts]
    told = {"format": FORMAT, "name": manifest.name, "bytes": manifest.size, "sha256": manifest.sha256, "parts": parts}
    return json.dumps(told, indent=1) + "\n"


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at ``path``. Raises MalformedAnswer when it is none, Refused or Temporary when it cannot be read."""
    with translated(path):
        descriptor = os.open(path, OPEN)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Refused(f"{path.name} is no regular file")
            text = file.read(MANIFEST_BYTES + 1)
    if len(text) > MANIFEST_BYTES:
        raise MalformedAnswer(f"{path.name} is larger than a manifest can be")
    return understood(text, path.name)


def understood(text: bytes, what: str) -> Manifest:
    """Return what ``text`` says. Raises MalformedAnswer that names it as ``what``."""
    try:
        match json.loads(text):
            case {
                "format": str() as format_, "name": str() as name, "bytes": int() as size, "sha256": str() as sha256,
                "parts": list() as rows,
            }:  # fmt: skip
                parts = tuple(_part(row, what) for row in rows)
            case _:
                raise MalformedAnswer(f"{what} is no manifest of parts")
    except (ValueError, RecursionError):
        raise MalformedAnswer(f"{what} is no JSON") from None
    if format_ != FORMAT:
        raise MalformedAnswer(f"{what} is of the format '{format_[:50]}', not {FORMAT}")
    names = [name, *(part.name for part in parts)]
    if not all(map(_plain, names)) or len(set(names)) != len(names):
        raise MalformedAnswer(f"{what} names a file twice, or in another folder")
    if not 0 < len(parts) <= MOST_PARTS or sum(part.size for part in parts) != size or not _SHA256.fullmatch(sha256):
        raise MalformedAnswer(f"{what} does not add up: its parts are not the whole")
    return Manifest(name, size, sha256, parts)


def _part(row: Any, what: str) -> Part:
    match row:
        case {"name": str() as name, "bytes": int() as size, "sha256": str() as sha256} if size >= 0 and _SHA256.fullmatch(sha256):
            return Part(name, size, sha256)
    raise MalformedAnswer(f"{what} has a part without name, bytes or checksum")


def _plain(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return bool(name) and name not in (".", "..") and "/" not in name and "\0" not in name and not name.endswith(SUFFIX)
