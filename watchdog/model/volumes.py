"""The names in a Duplicati destination: volumes of three kinds, and the list of all volumes with their checksums.

Source: contracts/duplicati.md, "Verifying a destination folder without Duplicati".
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["dblock", "dindex", "dlist", "list", "part", "manifest"]
LIST_END = "-verification.json"
_NAME = re.compile(
    r"(?P<prefix>[^-/]+)-(?:(?P<letter>[bBiI])(?P<id>[0-9A-Fa-f]{32})|(?P<time>\d{8}T\d{6}Z))"
    r"\.(?P<kind>dblock|dindex|dlist)\.(?P<packing>[^.]+)(?:\.(?P<encryption>.+))?",
)
_LETTERS = {"dblock": "b", "dindex": "i", "dlist": ""}
# digest lengths in bytes: Duplicati names no algorithm in its list, and lets the user choose one
ALGORITHMS = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
USUAL = "sha256"


@dataclass(frozen=True, slots=True)
class VolumeName:
    """What a file's name says.

    ``kind`` is dblock (content), dindex (what is in one dblock), dlist (the files of one backup) or list (all volumes, with checksums); our
    own archives in parts have the kinds part and manifest;
    ``at`` is UNIX seconds of a dlist's backup; ``packing`` is ``zip`` unless configured; ``encryption`` is ``aes``, ``gpg`` or "".
    """

    name: str
    prefix: str
    kind: Kind
    at: float | None = None
    packing: str = ""
    encryption: str = ""


@functools.lru_cache(maxsize=1 << 15)
def volume_name(name: str) -> VolumeName | None:
    """Given a file's name without folder, return what Duplicati means by it; None when it is none of its names."""
    if name.endswith(LIST_END):
        prefix = name.removesuffix(LIST_END)
        return VolumeName(name, prefix, "list") if prefix and "-" not in prefix else None
    found = _NAME.fullmatch(name)
    if found is None or (found["letter"] or "").lower() != _LETTERS[found["kind"]]:
        return None
    at = _time(found["time"]) if found["time"] else None
    if found["time"] and at is None:
        return None
    kind: Kind = "dblock" if found["kind"] == "dblock" else "dindex" if found["kind"] == "dindex" else "dlist"
    return VolumeName(name, found["prefix"], kind, at, found["packing"].lower(), (found["encryption"] or "").lower())


def _time(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
