"""Secrets that a test plants, and the places where none of them may turn up, in any spelling in which it could leak."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> frozenset[bytes]:
    """Return how a secret may stand in a text: as it is, in an address, in JSON, in base64 at each of its three offsets, in hex."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote_plus(secret).encode(), json.dumps(secret)[1:-1].encode(), raw.hex().encode()}
    for offset in range(3):
        packed = base64.b64encode(b"\0" * offset + raw)
        # the first and the last characters depend on what stands beside it
        first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        found |= {packed[first:last], packed[first:last].replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


def leaks(places: Mapping[str, bytes | str], planted: Iterable[str]) -> list[str]:
    """Return ``place: secret`` for each place in which a planted secret turns up."""
    known = {secret: spellings(secret) for secret in planted}
    assert all(len(secret) >= 8 for secret in known), "too short to be told from chance"
    return [
        f"{where}: {secret}"
        for where, text in places.items()
        for secret, written in known.items()
        if any(each in (text.encode() if isinstance(text, str) else text) for each in written)
    ]


def files_of(folder: Path, pattern: str) -> dict[str, bytes]:
    """Return the bytes of all files of a folder that match, by name."""
    return {file.name: file.read_bytes() for file in sorted(folder.glob(pattern)) if file.is_file()}
