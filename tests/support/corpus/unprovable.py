"""Files about which nobody can say more without a key, a dictionary, a method or more memory."""

from __future__ import annotations

import struct
import zlib

from tests.support.archives import noise
from tests.support.corpus import streams as s
from tests.support.corpus import zips as z
from tests.support.corpus.case import Case, patched, unprovable
from tests.support.corpus.damaged_zips import PLAIN, first, last
from tests.support.corpus.whole import TAR


def _with(**kind: object) -> bytes:
    return z.zip_with([z.Entry("a", b"1"), z.Entry("b", noise(80), **kind)])


def _wide_lzma() -> bytes:
    packed = bytearray(z.lzma_marked(b"abc" * 100))
    packed[5:9] = struct.pack("<L", 0xF0000000)
    return z.zip_with([z.Entry("a", b"abc" * 100, z.LZMA, packed=bytes(packed), size=0xF0000000, wide=True, central_wide=True)])


def _zstd_with(described: int, rest: bytes) -> bytes:
    return b"\x28\xb5\x2f\xfd" + bytes([described]) + rest


def _huge_header() -> bytes:
    return s.header("x", 3 << 20, b"x") + bytes(3 << 20) + bytes(1024)


def _wide_xz() -> bytes:
    """An xz whose only block asks for a dictionary of 1.5 GiB; the header's CRC is right."""
    archive = bytearray(s.xz_stream(TAR))
    size = (archive[12] + 1) * 4
    block = bytearray(archive[12 : 12 + size])
    at = block.index(b"\x21\x01") + 2
    block[at] = 37
    block[-4:] = struct.pack("<L", zlib.crc32(bytes(block[:-4])))
    archive[12 : 12 + size] = block
    return bytes(archive)


UNPROVABLE: tuple[Case, ...] = (
    unprovable("deflate64.zip", "unknown_method", lambda: _with(said_method=9)),
    unprovable("zstd-inside.zip", "unknown_method", lambda: _with(said_method=93)),
    unprovable("ppmd.zip", "unknown_method", lambda: _with(said_method=98)),
    unprovable("method-nobody-knows.zip", "unknown_method", lambda: _with(said_method=77)),
    unprovable("password.zip", "encrypted_entries", lambda: _with(flags=1)),
    unprovable("strong-encryption.zip", "encrypted_entries", lambda: _with(flags=0x40)),
    unprovable("aes.zip", "encrypted_entries", lambda: _with(flags=1, said_method=99)),
    unprovable("newer.zip", "needs_newer", lambda: patched(PLAIN, first(PLAIN) + 6, b"\x94\x00")),
    unprovable("volume.zip", "split", lambda: patched(PLAIN, last(PLAIN) + 4, b"\x01\x00")),
    unprovable("last-volume.zip", "split", lambda: noise(500, 8) + patched(PLAIN, last(PLAIN) + 4, b"\x03\x00")[first(PLAIN) :]),
    unprovable("wide-lzma.zip", "memory_needed", _wide_lzma),
    unprovable("window.tar.zst", "memory_needed", lambda: _zstd_with(0x04, bytes([(31 - 10) << 3]) + noise(60))),
    unprovable("dictionary.tar.zst", "needs_dictionary", lambda: _zstd_with(0x05, bytes([10 << 3, 42]) + noise(60))),
    unprovable("dictionary.tar.xz", "memory_needed", _wide_xz),
    unprovable("binary", "unknown_format", lambda: b"\x7fELF" + noise(600)),
    unprovable("zeros.tar", "only_zeros", lambda: bytes(8192)),
    unprovable("huge-header.tar", "header_too_large", _huge_header),
)
