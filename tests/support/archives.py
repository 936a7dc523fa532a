"""Small archives for tests, in the dialects that panels write, and the ways in which they break."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from watchdog.collectors.archives.check import Aids, check
from watchdog.collectors.archives.findings import Finding, Promise
from watchdog.collectors.archives.meanings import Begin, Hosted
from watchdog.collectors.archives.sealed import Sealed
from watchdog.collectors.archives.source import Source

Entries = Iterable[tuple[str, bytes]]
SOME: tuple[tuple[str, bytes], ...] = (
    ("VERSION", b"2026.18"),
    ("data/a.jsonl", b'{"model":"x"}\n' * 40),
    ("empty", b""),
    ("raw", bytes(range(256))),
)


def zip_of(
    entries: Entries = SOME, *, method: int = zipfile.ZIP_DEFLATED, streamed: bool = False, wide: bool = False, comment: bytes = b""
) -> bytes:
    """Return a zip. ``streamed`` writes data descriptors (as to a pipe), ``wide`` forces zip64 sizes of each entry."""
    target: io.BytesIO = _Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries:
            with archive.open(zipfile.ZipInfo(name) if not streamed else name, "w", force_zip64=wide) as file:
                file.write(content)
        archive.comment = comment
    return target.getvalue()


class _Pipe(io.BytesIO):
    """A target that cannot seek: zipfile writes descriptors behind the data then."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise OSError("not seekable")

    def tell(self) -> int:
        raise OSError("not seekable")


def unsaturated_zip64(archive: bytes) -> bytes:
    """Return ``archive`` with a zip64 end record and locator though no classic field is saturated."""
    at = archive.rindex(b"PK\x05\x06")
    _, _, _, _, count, size, offset, _ = struct.unpack_from("<4s4H2LH", archive, at)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    return archive[:at] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1) + archive[at:]


def tar_of(entries: Entries = SOME, *, form: int = tarfile.PAX_FORMAT, end: bool = True) -> bytes:
    """Return a tar as Go writes it: directories not stored, two end blocks and no padding to a record."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        size = archive.offset
    return target.getvalue()[:size] + (bytes(1024) if end else b"")


def gz(data: bytes, *, members: int = 1, level: int = 6) -> bytes:
    """Return ``data`` as one gzip of several members, as pigz and pgzip may write it."""
    step = -(-len(data) // members) or 1
    return b"".join(gzip.compress(data[at : at + step], level, mtime=0) for at in range(0, len(data) or 1, step))


def rich_gz(data: bytes) -> bytes:
    """Return a gzip whose header has every optional field, with its own CRC."""
    header = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03" + b"\x05\0extra" + b"a name\0" + b"a comment\0"
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    packer = zlib.compressobj(wbits=-15)
    return header + packer.compress(data) + packer.flush() + struct.pack("<LL", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def noise(size: int, seed: int = 1) -> bytes:
    """Return bytes that do not compress, the same ones each time."""
    state, out = seed, bytearray()
    while len(out) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        out += struct.pack("<Q", state)
    return bytes(out[:size])


def find(path: Path, data: bytes, *, level: int = 1, promise: Promise = "archive", key: bytes = b"", begin: Begin | None = None) -> Finding:
    """Write ``data`` and check it in this process, through a descriptor as the child does; ``begin`` begins a meaning."""
    aids = Aids(Hosted(begin) if begin else None, (lambda source, header: Sealed(source, header, key)) if key else None)
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return check(Source(descriptor, len(data), digest=level > 1), level, promise, aids=aids)
    finally:
        os.close(descriptor)


def many_entries(path: Path, count: int) -> None:
    """Write a zip of ``count`` empty entries without building it in memory."""
    with path.open("wb") as file:
        records = []
        for number in range(count):
            name = b"uploadedfiles/%02x/%06x-0000-0000-0000-00000000.bin" % (number % 256, number)
            records.append((name, file.tell()))
            file.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name)
        start = file.tell()
        for name, at in records:
            file.write(struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, at) + name)
        stop, here = file.tell(), 0xFFFF
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, stop - start, start))
        file.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, stop, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, here, here, stop - start, start, 0))
