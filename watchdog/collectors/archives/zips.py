"""The structural check of a zip (level 1): end, directory, every entry's own header, nothing missing between them."""

from __future__ import annotations

import struct

from watchdog.collectors.archives.findings import Broken, Finding, Notes
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.zip_directory import Walk, zip64_field
from watchdog.collectors.archives.zip_end import FULL32, find_end

_LOCAL = struct.Struct("<4s5H3L2H")
_STREAMED = 0x08
MAX_SALVAGE_STEPS = 200_000


def check_zip(source: Source, start: int = 0) -> Finding:
    """Given an open zip whose first entry is believed to begin at ``start``, return what its structure proves."""
    notes = Notes()
    count: int | None = None
    try:
        end = find_end(source, notes)
        walk = Walk(source, end, notes)
        count = walk.run()
    except Broken as broken:
        notes.add(broken.reason, f"{broken}{_salvage(source, start)}")
    return notes.finding("zip", 1, count)


def _salvage(source: Source, start: int) -> str:
    """Say how much a forward scan would save: entries whose own headers tell where they end. Data are not read."""
    at, whole, saved, rest = start, 0, 0, ""
    while whole < MAX_SALVAGE_STEPS:
        raw = source.at(at, _LOCAL.size)
        if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
            break
        _, _, flags, _, _, _, _, packed, unpacked, n, m = _LOCAL.unpack(raw)
        if flags & _STREAMED:
            rest = "; the next entry was written as a stream: only unpacking tells where it ends"
            break
        if packed == FULL32:
            wide = zip64_field(source.at(at + _LOCAL.size + n, m)) or b""
            skip = 8 if unpacked == FULL32 else 0
            packed = int.from_bytes(wide[skip : skip + 8], "little")
        at += _LOCAL.size + n + m + packed
        if at > source.size:
            break
        whole, saved = whole + 1, saved + packed
    survives = f"; by their own headers {whole} entries ({saved} bytes packed) are still whole" if whole else ""
    return survives + rest
