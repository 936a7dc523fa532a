"""The zip dialect of the panel's backups, written as a stream that never looks back (zipstream-ng; contract section 1.3, byte dialect).

Flag bit 3 and a data descriptor on every entry, CRC 0 in the local header. What is given as bytes: local sizes 0, a 16-byte descriptor.
What is given piece by piece: a zip64 extra of 20 bytes in the local header, sizes 0xFFFFFFFF, version 45, a 24-byte descriptor; and yet
plain sizes in the central directory, without an extra. No comment: the end record is exactly the last 22 bytes. Compared byte by byte with
what zipstream-ng 1.8.0, 1.9.2 and 1.9.3 make of the same entries (docs/panels/sysreptor.md).
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

STORED, DEFLATED = 0, 8
_LEVEL: Final = 3
_DESCRIPTOR: Final = 0x08
_UTF8: Final = 0x800
_FULL: Final = 0xFFFFFFFF
_ATTRIBUTES: Final = 0o600 << 16
_UNIX: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry to be written. ``content`` is bytes, or an iterable of pieces whose size nobody knows before."""

    name: str
    content: bytes | Iterable[bytes]
    method: int = DEFLATED


@dataclass(frozen=True, slots=True)
class _Written:
    name: bytes
    flags: int
    method: int
    when: tuple[int, int]
    crc: int
    packed: int
    size: int
    offset: int
    version: int


def stream(entries: Iterable[Entry], at: float) -> Iterator[bytes]:
    """Given entries and the time they are said to be of (UNIX seconds, UTC), yield the archive."""
    written: list[_Written] = []
    offset = 0
    for entry in entries:
        for piece in _entry(entry, offset, _dos(at), written):
            offset += len(piece)
            yield piece
    directory = b"".join(map(_central, written))
    yield directory
    yield struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(written), len(written), len(directory), offset, 0)


def _entry(entry: Entry, offset: int, when: tuple[int, int], written: list[_Written]) -> Iterator[bytes]:
    name = entry.name.encode()
    flags = _DESCRIPTOR | (0 if entry.name.isascii() else _UTF8)
    known = isinstance(entry.content, bytes)
    version = 20 if known else 45
    extra = b"" if known else struct.pack("<HHQQ", 1, 16, 0, 0)
    sizes = 0 if known else _FULL
    header = (b"PK\x03\x04", version, flags, entry.method, *when, 0, sizes, sizes, len(name), len(extra))
    yield struct.pack("<4s5H3L2H", *header) + name + extra
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15) if entry.method == DEFLATED else None
    crc = size = packed = 0
    pieces: Iterable[bytes] = (entry.content,) if isinstance(entry.content, bytes) else entry.content
    for piece in pieces:
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        out = packer.compress(piece) if packer else piece
        packed += len(out)
        if out:
            yield out
    if packer and (rest := packer.flush()):
        packed += len(rest)
        yield rest
    yield struct.pack("<4sL2L" if known else "<4sL2Q", b"PK\x07\x08", crc, packed, size)
    written.append(_Written(name, flags, entry.method, when, crc, packed, size, offset, version))


def _central(each: _Written) -> bytes:
    made = (_UNIX << 8) | each.version
    head = (b"PK\x01\x02", made, each.version, each.flags, each.method, *each.when, each.crc, each.packed, each.size)
    return struct.pack("<4s6H3L5H2L", *head, len(each.name), 0, 0, 0, 0, _ATTRIBUTES, each.offset) + each.name


def _dos(at: float) -> tuple[int, int]:
    when = time.gmtime(at)
    clock = when.tm_hour << 11 | when.tm_min << 5 | when.tm_sec // 2
    return clock, (when.tm_year - 1980) << 9 | when.tm_mon << 5 | when.tm_mday
