"""Writers of tars and of compressed streams that say every field themselves."""

from __future__ import annotations

import lzma
import struct
import zlib

from backports import zstd

from tests.support.archives import noise

SOME = (("server.properties", b"motd=hello\n" * 30), ("world/level.dat", noise(1500, 2)), ("logs/latest.log", b"[12:00:00] Done\n" * 80))


def header(name: str, size: int, kind: bytes = b"0", *, magic: bytes = b"ustar\x0000", prefix: bytes = b"", wide: bool = False) -> bytes:
    """One header block as Go writes it; ``wide`` = the size in base 256, as GNU tar does above 8 GiB."""
    block = bytearray(512)
    encoded = name.encode()[:100]
    block[: len(encoded)] = encoded
    block[100:124] = b"0000644\0" + b"0001747\0" + b"0001747\0"
    block[124:136] = b"\x80" + size.to_bytes(11, "big") if wide else b"%011o\0" % size
    block[136:148] = b"14637051234\0"
    block[156:157] = kind
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def member(name: str, content: bytes, **kind: object) -> bytes:
    return header(name, len(content), **kind) + padded(content)


def pax(name: str, **records: str) -> bytes:
    """An extended header in front of an entry, each record with its own length in front."""
    text = b""
    for key, value in records.items():
        length = len(key) + len(value.encode()) + 3
        length += len(str(length + len(str(length))))
        text += f"{length} {key}={value}\n".encode()
    return header(f"PaxHeaders.0/{name}"[:100], len(text), b"x") + padded(text)


def wings_tar(entries: tuple[tuple[str, bytes], ...] = SOME, *, end: int = 2) -> bytes:
    """A tar as Wings writes it: no directories, two end blocks and nothing more (contracts/pterodactyl.md 2.2)."""
    return b"".join(member(name, content) for name, content in entries) + bytes(512 * end)


def gzip_member(content: bytes, *, flags: int = 0, fields: bytes = b"", step: int | None = None, level: int = 6) -> bytes:
    """One member; ``step`` flushes every so many bytes, as pgzip does at each of its blocks."""
    packer = zlib.compressobj(level, wbits=-15)
    packed = b""
    for at in range(0, len(content), step or len(content) or 1):
        packed += packer.compress(content[at : at + (step or len(content))]) + (packer.flush(zlib.Z_FULL_FLUSH) if step else b"")
    packed += packer.flush()
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\x09\x6e\x88\0\xff"
    return head + fields + packed + struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def wings() -> bytes:
    """A local backup of Wings: one member around a Go tar, its blocks flushed one by one."""
    return gzip_member(wings_tar(), step=1024)


def members(content: bytes, step: int) -> bytes:
    return b"".join(gzip_member(content[at : at + step]) for at in range(0, len(content), step))


def zstd_frame(content: bytes, *, checksum: bool = True, window: int = 0, size: bool = True) -> bytes:
    options = {zstd.CompressionParameter.checksum_flag: int(checksum), zstd.CompressionParameter.content_size_flag: int(size)}
    if window:
        options[zstd.CompressionParameter.window_log] = window
    packer = zstd.ZstdCompressor(options=options)
    if size:
        packer.set_pledged_input_size(len(content))
    return packer.compress(content) + packer.flush()


def skippable(content: bytes, number: int = 0) -> bytes:
    return bytes([0x50 + number]) + b"\x2a\x4d\x18" + struct.pack("<L", len(content)) + content


def xz_stream(content: bytes, *, check: int = lzma.CHECK_CRC64, dictionary: int = 1 << 20) -> bytes:
    return lzma.compress(content, lzma.FORMAT_XZ, check, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}])
