"""The central directory of a zip, read as a stream: no object stays per entry.

Source: PKWARE APPNOTE 4.3.7 (local header), 4.3.9 (data descriptor), 4.3.12 (central directory), 4.5.3 (zip64 extra field).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

from watchdog.collectors.archives.findings import Broken, Notes, readable
from watchdog.collectors.archives.source import CHUNK, Source
from watchdog.collectors.archives.zip_end import FULL16, FULL32, End

_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STREAMED = 0x08
_MASKED = 0x2000
# where a descriptor's fields begin (after its optional signature), and the shape of its sizes
DESCRIPTORS = ((16, 4, "<3L"), (24, 4, "<LQQ"), (12, 0, "<3L"), (20, 0, "<LQQ"))
NAMES_COMPARED = 1_000_000
NEWEST_VERSION = 63
"""Of the "version needed to extract" (APPNOTE 4.4.3); zipfile and unzip refuse newer ones."""
_NEAR, _FAR_READ = 1 << 14, 1 << 9


class Entry(NamedTuple):
    """One entry while it is being looked at. ``offset`` is as written; sizes are bytes, zip64 already applied."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    unpacked: int
    offset: int


def entries(source: Source, end: End) -> Iterator[Entry]:
    """Yield the directory's entries in order. Raise Broken at the first that cannot be."""
    at, block, base, count = end.start, b"", end.start, 0
    while at < end.stop:
        block, base = _ahead(source, end, at, block, base)
        place = at - base
        if place + _CENTRAL.size > len(block) or block[place : place + 4] != b"PK\x01\x02":
            raise Broken("damaged_directory", f"the directory is damaged after {count} entries")
        (_, _, needed, flags, method, _, _, crc, packed, unpacked, n, m, k, _, _, _, offset) = _CENTRAL.unpack_from(block, place)
        if needed & 0xFF > NEWEST_VERSION:
            version = f"{(needed & 0xFF) // 10}.{(needed & 0xFF) % 10}"
            raise Broken(
                "needs_newer", f"entry {count + 1} asks for version {version} of the format, which no reader knows (6.3 is the newest)"
            )
        at += _CENTRAL.size + n + m + k
        if at > end.stop:
            raise Broken("truncated_directory", f"the directory stops within entry {count + 1}")
        place += _CENTRAL.size
        name = block[place : place + n]
        extra = block[place + n : place + n + m]
        if m and not _fits(extra):
            raise Broken("damaged_directory", f"the extra field of entry {count + 1} is damaged: Python's zipfile refuses the archive")
        if FULL32 in (packed, unpacked, offset):
            unpacked, packed, offset = _widen(extra, unpacked, packed, offset, count)
        count += 1
        yield Entry(name, flags, method, crc, packed, unpacked, offset)


def _ahead(source: Source, end: End, at: int, block: bytes, base: int) -> tuple[bytes, int]:
    """Return a block that holds the whole record at ``at`` (a record is at most 46 + 3 * 65535 bytes, less than a chunk)."""
    place = at - base
    if place + _CENTRAL.size <= len(block):
        n, m, k = struct.unpack_from("<3H", block, place + 28)
        if place + _CENTRAL.size + n + m + k <= len(block):
            return block, base
    return (source.at(at, min(CHUNK, end.stop - at)), at) if base + len(block) < end.stop else (block, base)


def _widen(extra: bytes, unpacked: int, packed: int, offset: int, count: int) -> tuple[int, int, int]:
    """Apply the zip64 extra field: 64-bit values stand there, in this order, only for saturated 32-bit ones."""
    values = [unpacked, packed, offset]
    field = zip64_field(extra)
    if field is None:
        # 0xFFFFFFFF without the field is a plain number; if it is not, the bounds will not hold
        return unpacked, packed, offset
    for index, value in enumerate(values):
        if value == FULL32:
            if len(field) < 8:  # noqa: PLR2004  (one 64-bit number)
                raise Broken("damaged_directory", f"the zip64 sizes of entry {count + 1} are cut")
            values[index], field = int.from_bytes(field[:8], "little"), field[8:]
    return values[0], values[1], values[2]


def _fits(extra: bytes) -> bool:
    """Whether the parts of an extra field end within it; fewer than four bytes behind them are let be, as zipfile does."""
    at = 0
    while at + 4 <= len(extra):
        at += 4 + int.from_bytes(extra[at + 2 : at + 4], "little")
    return at <= len(extra)


def zip64_field(extra: bytes) -> bytes | None:
    """Return the content of the zip64 extra field (id 1), or None."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return None


class Near:
    """Small reads at growing offsets: one larger read serves many small entries, a far one reads little."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._base, self._block = 0, b""

    def get(self, at: int, length: int, *, near: bool) -> bytes:
        """Return ``length`` bytes at ``at``; ``near``: the next wish will be close to it."""
        place = at - self._base
        if place < 0 or place + length > len(self._block):
            self._block = self._source.at(at, max(length, CHUNK if near else _FAR_READ))
            self._base, place = at, 0
        return self._block[place : place + length]


class ContentReader(Protocol):
    """Reads what the walk passes by: small pieces for the walk itself, and every entry's content."""

    def get(self, at: int, length: int, *, near: bool) -> bytes: ...

    def read(self, entry: Entry, at: int, called: str) -> None: ...


class Walk:
    """One walk over all entries: each has its own header where it should be, they follow each other and fill the file.

    With a ``reader`` each entry's content is read on the way.
    """

    def __init__(self, source: Source, end: End, notes: Notes, reader: ContentReader | None = None) -> None:
        self._source, self._end, self._notes, self._reader = source, end, notes, reader
        self._near = reader or Near(source)
        self._names = array("q")
        self.count = 0
        self._covered = 0
        self._cursor = end.prefix
        self._last_start = -1
        self._owing: Entry | None = None  # its data descriptor is still to be read
        self._ordered = True

    def run(self) -> int:
        """Look at every entry; return how many there are. Raise Broken at the first proof of damage."""
        for entry in entries(self._source, self._end):
            self._look(entry)
            self.count += 1
            if self._reader is None and not self.count & 0x3FF:
                self._source.mark(min(self._cursor, self._source.size))
        self._close(self._end.start)
        self._totals()
        return self.count

    def _look(self, entry: Entry) -> None:
        start = entry.offset + self._end.prefix
        if start + _LOCAL.size > self._end.start:
            raise Broken("entry_beyond_end", f"{self._called(entry)} should begin at {start}, behind the last data byte")
        self._follow(start)
        stop = self._data_end(entry, start)
        if stop > self._end.start:
            raise Broken("entry_beyond_end", f"{self._called(entry)} should end at {stop}, {stop - self._end.start} bytes too far")
        if self._reader is not None:
            self._reader.read(entry, stop - entry.packed, self._called(entry))
        self._covered += stop - start
        self._cursor, self._last_start = stop, start
        self._owing = entry if entry.flags & _STREAMED else None
        if len(self._names) < NAMES_COMPARED:
            self._names.append(hash(entry.name))
        if _unsafe(entry.name):
            self._notes.add("unsafe_names", f"{self._called(entry)} would leave the folder it is unpacked to")

    def _follow(self, start: int) -> None:
        """Judge the distance between the previous entry's end and this one's start."""
        if start < self._cursor:
            if start >= self._last_start:
                raise Broken("overlapping_entries", f"entry {self.count + 1} lies within the one before it")
            self._ordered = False
            self._owing = None
            # what looked like foreign bytes may belong to entries that the directory names later
            for word in ("gap", *(() if self._end.prefix else ("prefix",))):
                self._notes.found.pop(word, None)
            return
        if self._ordered:
            self._close(start)

    def _close(self, limit: int) -> None:
        """End the previous entry at ``limit``: read its descriptor, note what is left between."""
        left = limit - self._cursor
        if self._owing is not None and self._ordered:
            left -= self._descriptor(self._owing, left)
        if left > 0 and self._ordered:
            after = f"after entry {self.count}" if self.count else "before the first entry"
            self._notes.add("gap" if self.count else "prefix", f"{left} bytes {after} belong to no entry")
        self._owing = None

    def _descriptor(self, entry: Entry, room: int) -> int:
        if room <= 0:
            self._notes.add("no_descriptor", f"entry {self.count} ({readable(entry.name)}) has no descriptor behind it")
            return 0
        raw = self._near.get(self._cursor, min(24, room), near=entry.packed < _NEAR)
        wanted = (entry.crc, entry.packed, entry.unpacked)
        fitting = [
            length
            for length, skip, shape in DESCRIPTORS
            if len(raw) >= length and (not skip or raw.startswith(b"PK\x07\x08")) and struct.unpack_from(shape, raw, skip) == wanted
        ]
        if fitting:
            # sizes of 0 fit both widths: then the one that leaves no gap is meant
            length = room if room in fitting else fitting[0]
            self._covered += length
            return length
        raise Broken(
            "damaged_entry", f"the descriptor behind entry {self.count} ({readable(entry.name)}) does not say what the directory says"
        )

    def _data_end(self, entry: Entry, start: int) -> int:
        """Compare the entry's own header with the directory; return where its data end."""
        near = entry.packed < _NEAR
        raw = self._near.get(start, _LOCAL.size + len(entry.name), near=near)
        if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
            raise Broken("damaged_entry", f"{self._called(entry)} has no header at {start}")
        _, _, flags, method, _, _, crc, packed, unpacked, n, m = _LOCAL.unpack_from(raw)
        same = method == entry.method and (flags & _STREAMED) == (entry.flags & _STREAMED)
        if not same or (not flags & _MASKED and raw[_LOCAL.size :] != entry.name) or n != len(entry.name):
            raise Broken("damaged_entry", f"the header of {self._called(entry)} does not say what the directory says")
        if not flags & (_STREAMED | _MASKED):
            wide = FULL32 in (packed, unpacked)
            if crc != entry.crc or (not wide and (packed, unpacked) != (entry.packed, entry.unpacked)):
                raise Broken("damaged_entry", f"the header of {self._called(entry)} has another size or CRC than the directory")
        return start + _LOCAL.size + int(n) + int(m) + entry.packed

    def _totals(self) -> None:
        end = self._end
        # writers without zip64 count modulo 65536
        if self.count != end.entries and (end.wide or self.count & FULL16 != end.entries):
            raise Broken("ends_disagree", f"the end record says {end.entries} entries, the directory has {self.count}")
        if not self._ordered:
            if self._covered > end.start - end.prefix:
                raise Broken("overlapping_entries", "the entries claim more bytes than the archive has: they overlap")
            self._notes.add("unordered_entries", "the directory lists the entries in another order than they lie in")
        names = sorted(self._names)
        if any(one == two for one, two in pairwise(names)):
            self._notes.add("duplicate_names", "a name occurs more than once")
        if self.count > NAMES_COMPARED:
            self._notes.add("not_compared", f"only the first {NAMES_COMPARED} names were compared with each other")

    def _called(self, entry: Entry) -> str:
        return f"entry {self.count + 1} ({readable(entry.name)})"


def _unsafe(name: bytes) -> bool:
    return name.startswith((b"/", b"\\")) or b"\0" in name or (b".." in name and b".." in name.replace(b"\\", b"/").split(b"/"))
