"""The check of an xz, and of the tar inside it: every stream with its checks, index and footer, nothing behind but its padding.

Source: The .xz File Format 1.1.0, 2.1.1 (stream header), 2.2 (padding), 3.1 (block header), 5.3.1 (LZMA2).
"""

from __future__ import annotations

import lzma

from watchdog.collectors.archives.findings import Broken, Finding, Notes
from watchdog.collectors.archives.inside import Inside, look_inside, unpack
from watchdog.collectors.archives.meanings import Hosted
from watchdog.collectors.archives.pieces import Pieces
from watchdog.collectors.archives.source import Source

MAGIC = b"\xfd7zXZ\0"
_STREAM_HEADER = 12
_LZMA2 = 0x21
_OVERHEAD = 1 << 20  # what liblzma needs besides the dictionary
_MOST_DICTIONARY = 40
_ERRORS = (lzma.LZMAError, EOFError)


def check_xz(source: Source, level: int, memory: int, *, expect_tar: bool, hosted: Hosted | None = None) -> Finding:
    """Given an open xz, return what it proves. ``memory``: bytes that its decoder may use. ``expect_tar`` as for gzip."""
    return look_inside(
        "xz", source, level, lambda inside, notes: _streams(Pieces(source), inside, notes, memory), expect_tar=expect_tar, hosted=hosted
    )


def _streams(pieces: Pieces, inside: Inside, notes: Notes, memory: int) -> None:
    number = 0
    while pieces.peek(1):
        head = pieces.peek(_STREAM_HEADER + 1024)
        if not head.startswith(MAGIC):
            short = number == 0 or MAGIC.startswith(head)
            raise Broken("truncated" if short else "trailing_bytes", f"what stands at byte {pieces.at} is no xz stream")
        number += 1
        _judge(head, number, notes, memory)
        unpack(pieces, _Limited(memory), _ERRORS, inside, f"stream {number}")
        inside.prove()
        _padding(pieces)


class _Limited:
    """The decoder of one stream, which says in our words when it needs more memory than it may have."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory)

    def decompress(self, piece: bytes, max_length: int) -> bytes:
        try:
            return self._decoder.decompress(piece, max_length)
        except lzma.LZMAError as error:
            if "Memory" in str(error):  # a later block with a larger dictionary than the first
                raise Broken("memory_needed", f"it needs more than the {self._memory} bytes that archives.memory allows") from error
            raise

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return self._decoder.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


def _padding(pieces: Pieces) -> None:
    """Take the zeros between and behind streams: a multiple of four of them."""
    count = 0
    while zeros := pieces.some(1 << 12):
        kept = zeros.lstrip(b"\0")
        count += len(zeros) - len(kept)
        if kept:
            pieces.back(len(kept))
            break
    if count % 4:
        raise Broken("trailing_bytes", f"{count} zeros stand behind a stream: padding comes in fours")


def _judge(head: bytes, number: int, notes: Notes, memory: int) -> None:
    """Say what a stream's first headers demand before anything is unpacked."""
    check = head[7] & 0x0F if len(head) > 7 else 0  # noqa: PLR2004  (stream flags stand at 6 and 7)
    if not lzma.is_check_supported(check):
        raise Broken("unknown_method", f"stream {number} has a check of kind {check}, which nobody here can compute")
    if check == lzma.CHECK_NONE:
        notes.add("no_checksum", f"stream {number} has no checksum: a changed byte may go unseen")
    need = dictionary(head[_STREAM_HEADER:]) + _OVERHEAD
    if need > memory:
        raise Broken("memory_needed", f"stream {number} needs {need} bytes of memory to unpack; archives.memory allows {memory}")


def dictionary(block: bytes) -> int:
    """Given a block header, return the size of its LZMA2 dictionary; 0 when none can be read (then the decoder will say)."""
    if len(block) < 2 or block[0] == 0:  # noqa: PLR2004  (0 = an index: the stream is empty)
        return 0
    at, flags = 2, block[1]
    for bit in (0x40, 0x80):
        if flags & bit:
            at = _number(block, at)[1]
    for _ in range((flags & 3) + 1):
        kind, at = _number(block, at)
        length, at = _number(block, at)
        if kind == _LZMA2 and length == 1 and at < len(block):
            return _size(block[at] & 0x3F)
        at += length
    return 0


def _size(bits: int) -> int:
    if bits >= _MOST_DICTIONARY:
        return 0xFFFFFFFF
    return (2 | (bits & 1)) << (bits // 2 + 11)


def _number(block: bytes, at: int) -> tuple[int, int]:
    """Read a number of the format's variable length; return it and what follows it."""
    value = shift = 0
    while at < len(block) and shift < 63:  # noqa: PLR2004  (nine bytes at most)
        value |= (block[at] & 0x7F) << shift
        at += 1
        if not block[at - 1] & 0x80:
            break
        shift += 7
    return value, at
