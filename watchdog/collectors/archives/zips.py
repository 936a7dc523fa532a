"""The check of a zip: end, directory, every entry's own header, nothing missing between them (level 1), every content (level 2)."""

from __future__ import annotations

import struct

from watchdog.collectors.archives.findings import Broken, Finding, Notes, Survivors
from watchdog.collectors.archives.meanings import Hosted
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.talk import SILENT, Talk
from watchdog.collectors.archives.zip_directory import Walk, zip64_field
from watchdog.collectors.archives.zip_end import FULL32, find_end
from watchdog.collectors.archives.zip_reading import Reader
from watchdog.collectors.archives.zip_salvage import salvage

_LOCAL = struct.Struct("<4s5H3L2H")
_STREAMED = 0x08
MAX_SALVAGE_STEPS = 200_000


def check_zip(source: Source, start: int = 0) -> Finding:
    """Given an open zip whose first entry is believed to begin at ``start``, return what its structure proves."""
    notes = Notes()
    count: int | None = None
    try:
        count = Walk(source, find_end(source, notes), notes).run()
    except Broken as broken:
        notes.add(broken.reason, f"{broken}{_salvage(source, start)}")
    return notes.finding("zip", 1, count)


def read_zip(source: Source, start: int, memory: int, talk: Talk = SILENT, hosted: Hosted | None = None) -> Finding:
    """Given an open zip as above, return what all its bytes prove. ``memory``: bytes that a decoder may use.

    Places to go on from stand behind each entry. ``hosted`` is the meaning that is fed as they are read.
    """
    notes = Notes()
    reader = Reader(source, memory, talk, hosted)
    count: int | None = None
    survivors: Survivors | None = None
    broken: Broken | None = None
    try:
        count = Walk(source, find_end(source, notes), notes, reader).run()
        survivors = reader.survivors
    except Broken as error:
        broken = error
        notes.add(error.reason, str(error))
    reader.conclude(notes)
    if broken is not None and broken.reason not in ("crlf_mangled", "split", "needs_newer", "encrypted_directory"):
        talk.so_far(notes.finding("zip", 2, count))
        survivors = salvage(source, start, memory)
    return notes.finding("zip", 2, count, survivors.salvage() if survivors is not None else None)


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
