"""The check of a zstd, and of the tar inside it: every frame unpacked, its checksum and size proven, nothing behind.

Source: RFC 8878, 3.1.1 (frame header) and 3.1.2 (skippable frames).
"""

from __future__ import annotations

import sys

from watchdog.collectors.archives.findings import Broken, Finding, Notes
from watchdog.collectors.archives.inside import Inside, look_inside, unpack
from watchdog.collectors.archives.meanings import Hosted
from watchdog.collectors.archives.pieces import Pieces
from watchdog.collectors.archives.source import Source

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # behind a first byte 0x50 to 0x5f
_HEADER = 18
_WIDEST = zstd.DecompressionParameter.window_log_max.bounds()[1]
_SIZES = {0: 0, 1: 2, 2: 4, 3: 8}
_KEYS = {0: 0, 1: 1, 2: 2, 3: 4}


def check_zstd(source: Source, level: int, memory: int, *, expect_tar: bool, hosted: Hosted | None = None) -> Finding:
    """Given an open zstd, return what it proves. ``memory``: bytes that a window may have. ``expect_tar`` as for gzip."""
    return look_inside(
        "zstd", source, level, lambda inside, notes: _frames(Pieces(source), inside, notes, memory), expect_tar=expect_tar, hosted=hosted
    )


def _frames(pieces: Pieces, inside: Inside, notes: Notes, memory: int) -> None:
    number = 0
    while head := pieces.peek(_HEADER):
        if head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F:  # noqa: PLR2004  (RFC 8878, 3.1.2)
            pieces.exactly(4, "a skippable frame")
            _skip(pieces, int.from_bytes(pieces.exactly(4, "a skippable frame"), "little"))
            continue
        if head[:4] != MAGIC:
            short = number == 0 or MAGIC.startswith(head)
            raise Broken("truncated" if short else "trailing_bytes", f"what stands at byte {pieces.at} is no zstd frame")
        number += 1
        _judge(head, number, notes, memory)
        decoder = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WIDEST})
        try:
            unpack(pieces, decoder, zstd.ZstdError, inside, f"frame {number}")
        except Broken as broken:
            if "checksum" in str(broken.__cause__):
                inside.doubt()
            raise
        inside.prove()
    if not number:
        raise Broken("truncated", "the zstd has no frame")


def _skip(pieces: Pieces, count: int) -> None:
    left = count
    while left:
        piece = pieces.some(left)
        if not piece:
            raise Broken("truncated", "the file stops within a skippable frame")
        left -= len(piece)


def _judge(head: bytes, number: int, notes: Notes, memory: int) -> None:
    """Say what a frame's header demands before anything is unpacked."""
    window, dictionary, checked = frame_needs(head)
    if dictionary:
        raise Broken("needs_dictionary", f"frame {number} can be unpacked only with the dictionary {dictionary}")
    if window > memory:
        raise Broken("memory_needed", f"frame {number} needs a window of {window} bytes; archives.memory allows {memory}")
    if not checked:
        notes.add("no_checksum", f"frame {number} has no checksum: a changed byte may go unseen")


def frame_needs(head: bytes) -> tuple[int, int, bool]:
    """Given the first bytes of a frame, return its window in bytes, its dictionary's number (0 = none) and whether it has a checksum.

    Bytes that are missing count as 0: the decoder will say that the file stops there.
    """
    described, at = (head + bytes(_HEADER))[4], 5
    raw = head + bytes(_HEADER)
    single = bool(described & 0x20)
    window = 0
    if not single:
        exponent, mantissa = raw[at] >> 3, raw[at] & 7
        window = (1 << (10 + exponent)) * (8 + mantissa) // 8
        at += 1
    wide = _KEYS[described & 3]
    dictionary = int.from_bytes(raw[at : at + wide], "little")
    at += wide
    if single:
        length = _SIZES[described >> 6] or 1
        window = int.from_bytes(raw[at : at + length], "little") + (256 if length == 2 else 0)  # noqa: PLR2004  (RFC 8878, 3.1.1.1.4)
    return window, dictionary, bool(described & 4)
