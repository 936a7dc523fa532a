"""Reading the contents of a zip's entries: each unpacked in bounded pieces, its sizes and CRC compared.

Source: PKWARE APPNOTE 4.4.4 (flags), 4.4.5 (methods), 5.8 (LZMA).
"""

from __future__ import annotations

import bz2
import lzma
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from isal import igzip_lib, isal_zlib

from watchdog.collectors.archives.findings import Broken
from watchdog.collectors.archives.gzips import IsalError
from watchdog.collectors.archives.inside import FIRST_PIECE, MOST_INPUT, OUTPUT, Decoder
from watchdog.collectors.archives.pieces import Pieces

STORED, DEFLATE, BZIP2, LZMA = 0, 8, 12, 14
METHODS = {
    0: "stored", 1: "shrink", 2: "reduce 1", 3: "reduce 2", 4: "reduce 3", 5: "reduce 4", 6: "implode", 8: "deflate", 9: "deflate64",
    10: "PKWARE implode", 12: "bzip2", 14: "lzma", 16: "IBM CMPSC", 18: "IBM TERSE", 19: "IBM LZ77", 20: "zstd (old number)", 93: "zstd",
    94: "mp3", 95: "xz", 96: "jpeg", 97: "wavpack", 98: "ppmd", 99: "AES encryption",
}  # fmt: skip
ENCRYPTED, PATCHED = 0x41, 0x20  # bit 6, strong encryption, never stands alone; but Python's zipfile refuses it even so
_AES = 99
_LEAST_DICTIONARY = 1 << 12
_LZMA_OVERHEAD = 1 << 20
_PROPERTIES = 5
_LZMA_HEAD = 4 + _PROPERTIES
Sink = Callable[[bytes], None]
_ERRORS = (IsalError, OSError, lzma.LZMAError, EOFError)


@dataclass(frozen=True, slots=True)
class Content:
    """What one entry's packed bytes turned out to be: ``packed`` bytes used, ``unpacked`` bytes of content and their CRC."""

    packed: int
    unpacked: int
    crc: int


def readable_method(flags: int, method: int) -> tuple[str, str] | None:
    """Return None when an entry can be unpacked here, else the reason and its words."""
    if flags & ENCRYPTED or method == _AES:
        return "encrypted_entries", "is encrypted"
    if flags & PATCHED or method not in (STORED, DEFLATE, BZIP2, LZMA):
        called = "a patch" if flags & PATCHED else METHODS.get(method, "unknown to everybody")
        return "unknown_method", f"is packed by method {method} ({called}), which is not unpacked here"
    return None


def nobody(_piece: bytes) -> None:
    """Nobody wants the content."""


def copy(pieces: Pieces, size: int, sink: Sink = nobody) -> Content:
    """Take ``size`` stored bytes, which ``sink`` gets too. Raise Broken when the file stops before."""
    crc, left = 0, size
    while left:
        piece = pieces.some(left)
        if not piece:
            raise Broken("truncated", "the file stops within it")
        crc, left = isal_zlib.crc32(piece, crc), left - len(piece)
        sink(piece)
    return Content(size, size, crc)


def unpack(
    pieces: Pieces, method: int, packed: int | None, wanted: int | None, memory: int, *, marked: bool = True, sink: Sink = nobody
) -> Content:
    """Unpack one entry: ``packed`` bytes, or as many as its stream has (None); never more than ``wanted`` bytes of content plus one.

    ``marked``: an LZMA stream says itself where it ends. ``sink`` gets the content. Raise Broken when it is damaged or cut, or needs more
    than ``memory`` bytes.
    """
    stream = _Stream(pieces, method, packed, wanted, memory)
    open_end = method == LZMA and not marked
    if open_end and wanted is None:
        raise Broken("damaged_content", "nothing says where its LZMA stream ends")
    crc = count = 0
    while not stream.decoder.eof and not (open_end and count == wanted):
        piece = stream.take()
        # one byte more than there should be, to see that there is none; an LZMA stream without a mark would make one up
        room = OUTPUT if wanted is None else min(OUTPUT, wanted - count + (not open_end))
        output = _decompress(stream.decoder, piece, room)
        crc, count = isal_zlib.crc32(output, crc), count + len(output)
        if wanted is not None and count > wanted:
            raise Broken("damaged_content", f"it unpacks to more than the {wanted} bytes it should have")
        sink(output)
        if not output and not piece and not stream.decoder.eof:
            raise Broken("damaged_content", "its packed bytes lead nowhere")
    return Content(stream.end(), count, crc)


class _Stream:
    """The packed bytes of one entry and their decoder."""

    def __init__(self, pieces: Pieces, method: int, packed: int | None, wanted: int | None, memory: int) -> None:
        self._pieces = pieces
        self._used = 0
        self._packed = packed
        self._limit = FIRST_PIECE
        if method == LZMA:
            self.decoder = cast(Decoder, _lzma(pieces, packed, wanted, memory))
            self._used = _LZMA_HEAD
        elif method == BZIP2:
            self.decoder = cast(Decoder, bz2.BZ2Decompressor())
        else:
            self.decoder = cast(Decoder, igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE))

    def take(self) -> bytes:
        """Return the next piece, b"" when the decoder has still something to say about the last."""
        if not self.decoder.needs_input:
            return b""
        left = self._limit if self._packed is None else self._packed - self._used
        if not left:
            raise Broken("damaged_content", "its packed bytes stop in the middle")
        piece = self._pieces.some(min(left, self._limit))
        if not piece:
            raise Broken("truncated", "the file stops within it")
        self._used += len(piece)
        self._limit = min(self._limit * 2, MOST_INPUT)
        return piece

    def end(self) -> int:
        """Return how many packed bytes the stream has, giving back what was taken too far where nothing else said how many."""
        over = len(self.decoder.unused_data)
        if self._packed is None:
            self._pieces.back(over)
        return self._used - over


def _decompress(decoder: Decoder, piece: bytes, room: int) -> bytes:
    try:
        return decoder.decompress(piece, room)
    except _ERRORS as error:
        raise Broken("damaged_content", "its packed bytes are damaged") from error


def _lzma(pieces: Pieces, packed: int | None, wanted: int | None, memory: int) -> lzma.LZMADecompressor:
    """Read the properties in front of an LZMA stream (APPNOTE 5.8.8) and return its decoder."""
    if packed is not None and packed < _LZMA_HEAD:
        raise Broken("damaged_content", "its LZMA properties are missing")
    _, length, properties, size = struct.unpack("<HHBL", pieces.exactly(_LZMA_HEAD, "it"))
    if length != _PROPERTIES or properties >= 9 * 5 * 5:
        raise Broken("damaged_content", "its LZMA properties are damaged")
    # a dictionary larger than the content is never filled
    size = max(_LEAST_DICTIONARY, size if wanted is None else min(size, wanted))
    if size + _LZMA_OVERHEAD > memory:
        raise Broken("memory_needed", f"it needs {size + _LZMA_OVERHEAD} bytes of memory to unpack; archives.memory allows {memory}")
    chain = {"id": lzma.FILTER_LZMA1, "dict_size": size, "lc": properties % 9, "lp": properties // 9 % 5, "pb": properties // 45}
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chain])
    except (lzma.LZMAError, ValueError) as error:
        raise Broken("damaged_content", "its LZMA properties are damaged") from error
