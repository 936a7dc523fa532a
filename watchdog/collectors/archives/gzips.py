"""The check of a gzip, and of the tar inside it: unpacked in pieces, every member's CRC and size, nothing behind.

Headers and trailers are read here and only the raw deflate goes to ISA-L: its own gzip mode fails on a header that is split over two
pieces (isal 1.9), and says the same word for a wrong CRC and a wrong size.
Sources: RFC 1952; contracts/pterodactyl.md 2.2 (a cut trailer and trailing bytes pass ordinary tools).
"""

from __future__ import annotations

import struct
from typing import cast

from isal import igzip_lib, isal_zlib

from watchdog.collectors.archives.findings import Broken, Finding, Notes
from watchdog.collectors.archives.inside import Inside, look_inside, unpack
from watchdog.collectors.archives.meanings import Hosted
from watchdog.collectors.archives.pieces import Pieces
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.talk import SILENT, Place, Talk

MAGIC = b"\x1f\x8b"
IsalError = cast(type[Exception], igzip_lib.error)  # its stub declares an instance
_HCRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0


class _Counted:
    """Passes unpacked bytes on and keeps a member's CRC and size."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self.crc = self.count = 0

    def feed(self, content: bytes) -> None:
        self.crc, self.count = isal_zlib.crc32(content, self.crc), self.count + len(content)
        self._inside.feed(content)


def check_gzip(source: Source, level: int = 1, talk: Talk = SILENT, *, expect_tar: bool, hosted: Hosted | None = None) -> Finding:
    """Given an open gzip, return what it proves. ``expect_tar``: its name promises a tar inside.

    Places to go on from stand behind each member; a single one has none.
    """

    def read(inside: Inside, notes: Notes) -> None:
        at, number = 0, 1
        if talk.resume is not None:
            at, number = talk.resume["at"], talk.resume["number"]
            inside.go_on(talk.resume["inside"])
            notes.add("resumed", f"the first {number - 1} members were read before a restart; there is no checksum of the whole file")
        _members(Pieces(source, at), inside, source.size, number, talk)

    return look_inside("gzip", source, level, read, expect_tar=expect_tar, hosted=hosted)


def _members(pieces: Pieces, inside: Inside, size: int, number: int, talk: Talk) -> None:
    def place() -> Place | None:
        state = inside.state()
        return None if state is None else {"kind": "gzip", "at": pieces.at, "number": number, "inside": state}

    while True:
        _header(pieces)
        _member(pieces, inside, number)
        begun = pieces.at
        if begun >= size:
            return
        # two bytes are enough to tell another member from anything else
        if pieces.peek(2) != MAGIC:
            raise Broken("trailing_bytes", f"{size - begun} bytes stand behind the gzip's end")
        number += 1
        talk.place(place)


def _header(pieces: Pieces) -> None:
    where = "a gzip header"
    fixed = pieces.exactly(10, where)
    flags, crc = fixed[3], isal_zlib.crc32(fixed)
    if fixed[:3] != b"\x1f\x8b\x08" or flags & _RESERVED:
        raise Broken("damaged_stream", f"the gzip header at byte {pieces.at - 10} is damaged")
    if flags & _EXTRA:
        length = pieces.exactly(2, where)
        crc = isal_zlib.crc32(length + pieces.exactly(int.from_bytes(length, "little"), where), crc)
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            crc = isal_zlib.crc32(pieces.until_zero(where), crc)
    if flags & _HCRC and int.from_bytes(pieces.exactly(2, where), "little") != crc & 0xFFFF:
        raise Broken("damaged_stream", "the gzip header's own CRC is wrong")


def _member(pieces: Pieces, inside: Inside, number: int) -> None:
    counted = _Counted(inside)
    unpack(pieces, igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE), IsalError, counted, f"member {number}")
    crc, size = struct.unpack("<LL", pieces.exactly(8, f"the trailer of member {number}"))
    if (crc, size) != (counted.crc, counted.count & 0xFFFFFFFF):
        inside.doubt()
    if crc != counted.crc:
        raise Broken("damaged_stream", f"the CRC of member {number} is wrong")
    if size != counted.count & 0xFFFFFFFF:
        raise Broken("damaged_stream", f"the size of member {number} is wrong")
    inside.prove()
