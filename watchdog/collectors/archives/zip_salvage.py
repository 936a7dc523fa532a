"""What survives of a zip whose directory is lost or lies: one walk forward over the entries' own headers, every content read.

A panel that writes its database first leaves it whole in a cut archive (contracts/sysreptor.md section 3, salvage).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from isal import isal_zlib

from watchdog.collectors.archives.findings import Broken, Survivors
from watchdog.collectors.archives.pieces import Pieces
from watchdog.collectors.archives.source import CHUNK, Source
from watchdog.collectors.archives.zip_content import LZMA, STORED, Content, copy, readable_method, unpack
from watchdog.collectors.archives.zip_directory import DESCRIPTORS, zip64_field
from watchdog.collectors.archives.zip_end import FULL32, plausible

_LOCAL = struct.Struct("<4s5H3L2H")
_MAGIC, _DIRECTORY, _DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
_STREAMED, _LZMA_MARKED = 0x08, 0x02
_LONGEST = 24
_NEXT = (_MAGIC, _DIRECTORY)
_MOST_RETURNS = 16


@dataclass(frozen=True, slots=True)
class _Header:
    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    unpacked: int


def salvage(source: Source, start: int, memory: int) -> Survivors:
    """Given a zip whose first entry is believed to begin at ``start``, return what is whole in it, each entry with its right CRC."""
    survivors = Survivors()
    pieces = Pieces(source, start)
    returns = [_MOST_RETURNS]
    while _next(pieces):
        try:
            header = _header(pieces)
            if readable_method(header.flags, header.method) is not None:
                if not header.flags & _STREAMED:
                    pieces.go(min(source.size, pieces.at + header.packed))
                continue
            size = _whole(pieces, header, memory, source.size, returns)
        except Broken:
            continue  # the next header may still lie ahead
        if size is not None:
            survivors.add(header.name, size)
    return survivors


def _next(pieces: Pieces) -> bool:
    """Go on to the next header that can be one. Return whether there is one before the directory."""
    near = pieces.peek(_LOCAL.size)
    if near.startswith(_MAGIC) and plausible(near):
        return True
    while len(block := pieces.peek(CHUNK)) >= _LOCAL.size:
        at = block.find(b"PK")
        while 0 <= at <= len(block) - _LOCAL.size:
            if block.startswith(_DIRECTORY, at) and pieces.at + at > 0:
                return False
            if block.startswith(_MAGIC, at) and plausible(block[at : at + _LOCAL.size]):
                pieces.go(pieces.at + at)
                return True
            at = block.find(b"PK", at + 1)
        if len(block) < CHUNK:
            return False
        pieces.go(pieces.at + len(block) - _LOCAL.size + 1)
    return False


def _header(pieces: Pieces) -> _Header:
    _, _, flags, method, _, _, crc, packed, unpacked, n, m = _LOCAL.unpack(pieces.exactly(_LOCAL.size, "a header"))
    name, extra = pieces.exactly(n, "a name"), pieces.exactly(m, "an extra field")
    wide = zip64_field(extra) or b""
    if unpacked == FULL32 and len(wide) >= 8:  # noqa: PLR2004  (one 64-bit number)
        unpacked, wide = int.from_bytes(wide[:8], "little"), wide[8:]
    if packed == FULL32 and len(wide) >= 8:  # noqa: PLR2004
        packed = int.from_bytes(wide[:8], "little")
    return _Header(name, flags, method, crc, packed, unpacked)


def _whole(pieces: Pieces, header: _Header, memory: int, size: int, returns: list[int]) -> int | None:
    """Read one entry's content. Return its size when it is whole, None when it is not; what follows is looked at next."""
    marked = bool(header.flags & _LZMA_MARKED)
    if not header.flags & _STREAMED:
        if pieces.at + header.packed > size:
            return None
        stop = pieces.at + header.packed
        try:
            content = _sized(pieces, header, memory, marked=marked)
        finally:
            pieces.go(max(stop, pieces.at))
        return content.unpacked if (content.crc, content.unpacked) == (header.crc, header.unpacked) else None
    if header.method == STORED:
        return _until_descriptor(pieces, returns)
    content = unpack(pieces, header.method, None, None, memory, marked=marked)
    tail = pieces.peek(_LONGEST)
    return content.unpacked if _described(tail, content.crc, content.packed, content.unpacked) else None


def _sized(pieces: Pieces, header: _Header, memory: int, *, marked: bool) -> Content:
    if header.method == STORED:
        return copy(pieces, header.packed)
    if not header.packed and not header.unpacked:
        return Content(0, 0, 0)
    return unpack(pieces, header.method, header.packed, header.unpacked, memory, marked=marked or header.method != LZMA)


def _described(tail: bytes, crc: int | None, packed: int, unpacked: int) -> bool:
    """Whether ``tail`` begins with a descriptor of these sizes and this CRC (None = any)."""
    for length, skip, shape in DESCRIPTORS:
        if len(tail) >= length and (not skip or tail.startswith(_DESCRIPTOR)):
            mask = FULL32 if length == skip + 12 else (1 << 64) - 1
            found, *sizes = struct.unpack_from(shape, tail, skip)
            if sizes == [packed & mask, unpacked & mask] and crc in (None, found):
                return True
    return False


def _until_descriptor(pieces: Pieces, returns: list[int]) -> int | None:
    """Take stored bytes of unknown length: they end where a descriptor stands that has their CRC and their length.

    When none does, they end before the first header behind a descriptor, as far as ``returns`` allows to go back so often.
    """
    crc = count = 0
    other: int | None = None
    while True:
        block = pieces.peek(CHUNK)
        last = len(block) < CHUNK
        limit = len(block) - (0 if last else _LONGEST + 4)
        taken = 0
        at = block.find(_DESCRIPTOR)
        while 0 <= at <= limit:
            crc, count, taken = isal_zlib.crc32(block[taken:at], crc), count + at - taken, at
            tail = block[at : at + _LONGEST + 4]
            whole = _described(tail, crc, count, count)
            if whole or _described(tail, None, count, count):
                pieces.go(pieces.at + at)
                return count if whole else None
            if other is None and (tail.startswith(_NEXT, 16) or tail.startswith(_NEXT, 24)):
                other = pieces.at + at
            at = block.find(_DESCRIPTOR, at + 1)
        if last:
            _go_back(pieces, other, pieces.at + len(block), returns)
            return None
        crc, count = isal_zlib.crc32(block[taken:limit], crc), count + limit - taken
        pieces.go(pieces.at + limit)


def _go_back(pieces: Pieces, other: int | None, stop: int, returns: list[int]) -> None:
    if other is None or not returns[0]:
        pieces.go(stop)
    else:
        returns[0] -= 1
        pieces.go(other)
