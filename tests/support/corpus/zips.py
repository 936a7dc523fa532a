"""A writer of zips that says every field itself, and backups in the panels' dialects."""

from __future__ import annotations

import bz2
import json
import lzma
import struct
import zlib
from dataclasses import dataclass, field

from tests.support.archives import noise

STORED, DEFLATE, BZIP2, LZMA = 0, 8, 12, 14
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
_RAW_LZMA = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}


def deflate(content: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, wbits=-15)
    return packer.compress(content) + packer.flush()


def lzma_marked(content: bytes) -> bytes:
    packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[_RAW_LZMA])
    return struct.pack("<HHBL", 0x1409, 5, (2 * 5 + 0) * 9 + 3, 1 << 16) + packer.compress(content) + packer.flush()


PACK = {STORED: bytes, DEFLATE: deflate, BZIP2: bz2.compress, LZMA: lzma_marked}


@dataclass
class Entry:
    """One entry as written. None of the overrides = the truth.

    ``streamed``: sizes follow in a descriptor; ``wide``: zip64 in the local header and 8-byte sizes in the descriptor; ``signed``: the
    descriptor has its signature.
    """

    name: str
    content: bytes
    method: int = STORED
    streamed: bool = False
    wide: bool = False
    signed: bool = True
    central_wide: bool = False
    flags: int = 0
    packed: bytes | None = None
    crc: int | None = None
    size: int | None = None
    said_method: int | None = None
    version: int = 20


@dataclass
class Zip:
    """Bytes so far, and the directory's records. ``prefix`` bytes in front are not counted in offsets unless ``counted``."""

    body: bytearray = field(default_factory=bytearray)
    records: list[bytes] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def add(self, entry: Entry) -> Zip:
        at = len(self.body)
        packed = PACK[entry.method](entry.content) if entry.packed is None else entry.packed
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        size = len(entry.content) if entry.size is None else entry.size
        method = entry.method if entry.said_method is None else entry.said_method
        flags = entry.flags | (8 if entry.streamed else 0) | (2 if entry.method == LZMA else 0)
        name = entry.name.encode()
        shown = (0, 0, 0) if entry.streamed else (crc, len(packed), size)
        extra = b""
        if entry.wide:
            extra = struct.pack("<HHQQ", 1, 16, *((0, 0) if entry.streamed else (size, len(packed))))
            shown = (shown[0], FULL32, FULL32)
        version = 45 if entry.wide else entry.version
        self.body += struct.pack("<4s5H3L2H", b"PK\3\4", version, flags, method, 0, 0x58A1, *shown, len(name), len(extra)) + name + extra
        self.body += packed
        if entry.streamed:
            self.body += (b"PK\7\10" if entry.signed else b"") + struct.pack("<LQQ" if entry.wide else "<3L", crc, len(packed), size)
        extra, sizes = b"", (len(packed), size)
        if entry.central_wide:
            extra, sizes = struct.pack("<HHQQ", 1, 16, size, len(packed)), (FULL32, FULL32)
        self.records.append(
            struct.pack(
                "<4s6H3L5H2L", b"PK\1\2", 0x0314, version, flags, method, 0, 0x58A1, crc, *sizes, len(name), len(extra), 0, 0, 0, 0, at
            )
            + name
            + extra
        )
        self.offsets.append(at)
        return self

    def gap(self, content: bytes) -> Zip:
        self.body += content
        return self

    def end(
        self,
        *,
        wide: bool = False,
        saturated: bool = False,
        comment: bytes = b"",
        order: list[int] | None = None,
        count: int | None = None,
        disk: int = 0,
        wide_count: int | None = None,
    ) -> bytes:
        """Return the archive. ``wide`` adds a zip64 end; only ``saturated`` makes the classic one point to it."""
        chosen = self.records if order is None else [self.records[index] for index in order]
        start, directory = len(self.body), b"".join(chosen)
        number = len(chosen) if count is None else count
        tail = b""
        if wide:
            at = start + len(directory)
            numbers = wide_count if wide_count is not None else number
            tail = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, numbers, numbers, len(directory), start)
            tail += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
        shown = (FULL16, FULL16, FULL32, FULL32) if saturated else (number, number, len(directory), start)
        return (
            bytes(self.body)
            + directory
            + tail
            + struct.pack("<4s4H2LH", b"PK\5\6", disk, 0, shown[0], shown[1], shown[2], shown[3], len(comment))
            + comment
        )


def jsonl(lines: int = 60) -> bytes:
    return b"".join(
        json.dumps({"model": "users.pentestuser", "pk": f"{n:08x}", "fields": {"name": f"user {n}"}}).encode() + b"\n" for n in range(lines)
    )


def sysreptor_entries(version: str = "2026.61") -> list[Entry]:
    """The order and the dialect of contracts/sysreptor.md 1.3: bytes entries first, then iterator entries with zip64 local headers."""
    plain = {"streamed": True, "method": DEFLATE}
    iterated = {"streamed": True, "wide": True, "method": DEFLATE}
    return [
        Entry("VERSION", version.encode(), **plain),
        Entry("migrations.json", b'{"format":"migrations/v1","current":[],"all":[]}', **plain),
        Entry("configurations.json", b'{"format":"configurations/v1","configurations":[]}', **plain),
        Entry("backup.jsonl", jsonl(), **iterated),
        Entry("uploadedimages/3f/a1b2c3-uuid-x.png", noise(3000, 3), streamed=True, wide=True, method=STORED),
        Entry("uploadedimages/41/d4e5f6-uuid-y.png", noise(700, 4), streamed=True, wide=True, method=STORED),
        Entry("uploadedfiles/9c/778899-uuid-z.txt", b"notes of a pentest\n" * 90, **iterated),
        Entry("archivedfiles/00/aabbcc-uuid-w", noise(1200, 5), streamed=True, wide=True, method=STORED),
        Entry("stats.json", b'{"started":"2026-05-04T08:00:55.000001+00:00","finished":"2026-05-04T08:01:00.000001+00:00"}', **iterated),
    ]


def zip_with(entries: list[Entry], **end: object) -> bytes:
    target = Zip()
    for entry in entries:
        target.add(entry)
    return target.end(**end)


def sysreptor(version: str = "2026.61", **end: object) -> bytes:
    return zip_with(sysreptor_entries(version), **end)


def duplicati_volume(blocks: int = 8) -> bytes:
    """A dblock volume: a manifest and blocks named by the base64 of their hash, plain headers, deflate or stored."""
    entries = [Entry("manifest", b'{"Version":2,"Blocksize":102400,"BlockHash":"SHA256","FileHash":"SHA256"}', DEFLATE)]
    for number in range(blocks):
        method = STORED if number % 2 else DEFLATE
        entries.append(Entry(f"b{number:02d}kS3W8Zy7Qm5Ff1Rr6Jd9Xv0Hh2Ll4Nn=", noise(300 + 40 * number, number + 7), method))
    return zip_with(entries)
