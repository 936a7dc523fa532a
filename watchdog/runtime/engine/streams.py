"""Bodies that have no length: logs and exec output, multiplexed by Docker's 8-byte frame headers."""

from __future__ import annotations

import struct
from typing import Any

_HEADER = struct.Struct(">BxxxL")
_STREAMS = frozenset({0, 1, 2})


def read_up_to(answer: Any, limit: int, *, drain: bool = False) -> bytes:
    """Read at most ``limit`` bytes of a streamed answer; with ``drain`` read on to the end and drop the rest."""
    kept = bytearray()
    for piece in answer.iter_content(1 << 14):
        kept += piece[: limit - len(kept)]
        if len(kept) >= limit and not drain:
            break
    return bytes(kept)


def demultiplexed(raw: bytes) -> bytes:
    """Given frames (stream, length, payload; the last may be cut), return the payloads joined (Engine API, "attach": stream format)."""
    parts, at = [], 0
    while at + _HEADER.size <= len(raw):
        stream, length = _HEADER.unpack_from(raw, at)
        if stream not in _STREAMS:
            return raw  # not framed after all
        at += _HEADER.size
        parts.append(raw[at : at + length])
        at += length
    return b"".join(parts)
