"""The structural check of a gzip, and of the tar inside it (level 1): unpacked in pieces, every member's CRC and size, nothing behind.

Headers and trailers are read here and only the raw deflate goes to ISA-L: its own gzip mode fails on a header that is split over two
pieces (isal 1.9), and says the same word for a wrong CRC and a wrong size.
Sources: RFC 1952; contracts/pterodactyl.md 2.2 (a cut trailer and trailing bytes pass ordinary tools).
"""

from __future__ import annotations

import struct
from typing import cast

from isal import igzip_lib, isal_zlib

from watchdog.collectors.archives.findings import Broken, Finding, Notes
from watchdog.collectors.archives.format import MANGLED, TAR_BLOCK, is_tar_header, mangled
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.tars import TarWalk

OUTPUT = 1 << 20
_IsalError = cast(type[Exception], igzip_lib.error)  # its stub declares an instance
MAX_FIELD = 1 << 16
_HCRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0
# a member that turns out short leaves its piece over, copied: small first pieces keep thousands of tiny members from costing squares
_FIRST_PIECE = 1 << 14


class _Pieces:
    """The packed bytes in order, with a way to give back what was not used. ``at`` counts bytes taken for good."""

    def __init__(self, source: Source, start: int) -> None:
        source.mark(start)
        self._source = source
        self._block = b""
        self._next = 0
        self.at = start

    def some(self, limit: int) -> bytes:
        if self._next == len(self._block):
            self._block, self._next = self._source.read(), 0
        piece = self._block[self._next : self._next + limit]
        self._next += len(piece)
        self.at += len(piece)
        return piece

    def back(self, count: int) -> None:
        # never more than the last piece, so it still stands in the block
        self._next -= count
        self.at -= count

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them."""
        return self._source.at(self.at, count)

    def exactly(self, count: int, where: str) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.some(count - len(data))
            if not piece:
                raise Broken("truncated", f"the gzip stops within {where}")
            data += piece
        return data

    def until_zero(self) -> bytes:
        data = b""
        while not data.endswith(b"\0"):
            if len(data) > MAX_FIELD:
                raise Broken("damaged_stream", "a text in the gzip header does not end")
            data += self.exactly(1, "its header")
        return data


class _Inside:
    """What comes out: a tar, or something else. Decided by the first block."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._first = b""
        self.walk = TarWalk(notes)
        self.is_tar: bool | None = None
        self.total = 0

    def feed(self, data: bytes) -> None:
        self.total += len(data)
        if self.is_tar is None:
            self._first += data
            if len(self._first) < TAR_BLOCK:
                return
            self.decide()
        elif self.is_tar:
            self.walk.feed(data)

    def finish(self, *, expect_tar: bool) -> None:
        """Say that the stream has ended well."""
        if self.is_tar is None:
            self.decide()
        if self.is_tar:
            self.walk.finish()
        elif expect_tar:
            raise Broken("not_a_tar", f"its name promises a tar, but the {self.total} bytes inside are none")
        else:
            self._notes.add("no_tar_inside", "the gzip is whole; what is inside is not a tar and was not looked at")

    def decide(self) -> None:
        """Settle what it is with the bytes there are (a stream may be shorter than one block)."""
        block = self._first[:TAR_BLOCK]
        self.is_tar = len(block) == TAR_BLOCK and (is_tar_header(block) or not any(block))
        if self.is_tar:
            self.walk.feed(self._first)
        self._first = b""


def check_gzip(source: Source, *, expect_tar: bool) -> Finding:
    """Given an open gzip, return what its structure proves. ``expect_tar``: its name promises a tar inside."""
    notes = Notes()
    inside = _Inside(notes)
    try:
        _members(_Pieces(source, 0), inside, source.size)
        inside.finish(expect_tar=expect_tar)
    except Broken as broken:
        crlf = mangled(source.at(0, 1 << 20))
        survives = (
            f"; {inside.total} bytes unpack before it{inside.walk.describe()}" if broken.reason in ("truncated", "damaged_stream") else ""
        )
        notes.add("crlf_mangled" if crlf else broken.reason, MANGLED if crlf else f"{broken}{survives}")
    return notes.finding("gzip", 1, inside.walk.entries if inside.is_tar else None)


def _members(pieces: _Pieces, inside: _Inside, size: int) -> None:
    number = 1
    while True:
        _header(pieces)
        _member(pieces, inside, number)
        begun = pieces.at
        if begun >= size:
            return
        # two bytes are enough to tell another member from anything else
        if pieces.peek(2) != b"\x1f\x8b":
            raise Broken("trailing_bytes", f"{size - begun} bytes stand behind the gzip's end")
        number += 1


def _header(pieces: _Pieces) -> None:
    fixed = pieces.exactly(10, "its header")
    flags, crc = fixed[3], isal_zlib.crc32(fixed)
    if fixed[:3] != b"\x1f\x8b\x08" or flags & _RESERVED:
        raise Broken("damaged_stream", f"the gzip header at byte {pieces.at - 10} is damaged")
    if flags & _EXTRA:
        length = pieces.exactly(2, "its header")
        crc = isal_zlib.crc32(length + pieces.exactly(int.from_bytes(length, "little"), "its header"), crc)
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            crc = isal_zlib.crc32(pieces.until_zero(), crc)
    if flags & _HCRC and int.from_bytes(pieces.exactly(2, "its header"), "little") != crc & 0xFFFF:
        raise Broken("damaged_stream", "the gzip header's own CRC is wrong")


def _member(pieces: _Pieces, inside: _Inside, number: int) -> None:
    stream = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)
    crc = count = 0
    limit = _FIRST_PIECE
    piece = pieces.some(limit)
    while True:
        if not piece and stream.needs_input:
            raise Broken("truncated", f"the gzip stops within the packed bytes of member {number}")
        try:
            output = stream.decompress(piece, OUTPUT)
        except _IsalError as error:
            raise Broken("damaged_stream", f"the packed bytes of member {number} are damaged before byte {pieces.at}") from error
        crc, count = isal_zlib.crc32(output, crc), count + len(output)
        inside.feed(output)
        if stream.eof:
            break
        limit = min(limit * 2, 1 << 18)
        piece = pieces.some(limit) if stream.needs_input else b""
    pieces.back(len(stream.unused_data))
    wanted = struct.unpack("<LL", pieces.exactly(8, f"the trailer of member {number}"))
    if wanted[0] != crc:
        raise Broken("damaged_stream", f"the CRC of member {number} is wrong")
    if wanted[1] != count & 0xFFFFFFFF:
        raise Broken("damaged_stream", f"the size of member {number} is wrong")
