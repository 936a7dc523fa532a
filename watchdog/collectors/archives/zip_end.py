"""The end of a zip: end record, zip64 locator and record, and where the central directory really lies.

Source: PKWARE APPNOTE 4.3.14 to 4.3.16 and 4.4.19 to 4.4.24; contracts/sysreptor.md section 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from watchdog.collectors.archives.findings import Broken, Notes
from watchdog.collectors.archives.format import MANGLED, mangled
from watchdog.collectors.archives.source import CHUNK, Source

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = 46  # length of a directory record without its texts
_PLAIN64 = 44  # length of a version 1 record; version 2 (APPNOTE 7.3.4) adds the method and the cipher of the directory
MAX_COMMENT = 0xFFFF
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
_NEWEST_VERSION = 63
_MAX_METHOD = 99


@dataclass(frozen=True, slots=True)
class End:
    """Where things are.

    ``start`` and ``stop`` bound the central directory (absolute); ``prefix`` is how many foreign bytes stand in front of the archive,
    ``appended`` behind it. ``entries`` is what the end record says; ``wide`` whether it is a zip64 one.
    """

    start: int
    stop: int
    entries: int
    prefix: int
    appended: int
    wide: bool


@dataclass(frozen=True, slots=True)
class _Record:
    at: int
    disks: tuple[int, int]
    entries_here: int
    entries: int
    size: int
    offset: int
    stop: int


def find_end(source: Source, notes: Notes) -> End:
    """Given an open zip, return its end. Raise Broken naming what is missing; prefix and appended bytes are noted."""
    record = _last_record(source, notes)
    wide = _wide(source, record)
    final = wide or record
    if any(final.disks) or final.entries_here != final.entries:
        raise Broken("split", "one volume of an archive split over several")
    start = final.at - final.size
    prefix = start - final.offset
    if start < 0 or prefix < 0:
        raise _damage(source) or Broken(
            "truncated", f"the directory says it begins at {final.offset}, but {abs(prefix)} bytes before it are missing"
        )
    if prefix:
        _judge_prefix(source, prefix, start, notes)
    if record.stop < source.size:
        notes.add("appended_bytes", f"{source.size - record.stop} foreign bytes behind the archive's end")
    return End(start, final.at, final.entries, prefix, source.size - record.stop, wide is not None)


def ends_like_zip(source: Source, *, promised: bool) -> bool:
    """Whether a file whose beginning says nothing ends like a zip; without a name that promised one, its directory must be there too."""
    base = max(0, source.size - MAX_COMMENT - _END.size)
    tail = source.at(base, MAX_COMMENT + _END.size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return False
    size = _END.unpack_from(tail, at)[5]
    return promised or source.at(base + at - size, 4) == b"PK\x01\x02"


def _last_record(source: Source, notes: Notes) -> _Record:
    """Find the end record: one whose comment ends exactly with the file, else the last one with bytes behind it."""
    base = max(0, source.size - MAX_COMMENT - _END.size)
    tail = source.at(base, MAX_COMMENT + _END.size)
    behind: _Record | None = None
    cut = False
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if at + _END.size <= len(tail):
            _, disk, first_disk, here, entries, size, offset, comment = _END.unpack_from(tail, at)
            stop = base + at + _END.size + comment
            record = _Record(base + at, (disk, first_disk), here, entries, size, offset, stop)
            if stop == source.size:
                if behind is not None or cut:
                    notes.add("confusing_comment", "the archive's comment looks like another end: Python's zipfile and unzip may refuse it")
                return record
            cut = cut or stop > source.size
            behind = behind or (record if stop < source.size else None)
        else:
            cut = True
        at = tail.rfind(b"PK\x05\x06", 0, at)
    if behind is not None and not cut:
        return behind
    if cut:
        raise _damage(source) or Broken("truncated", "the file stops within the archive's last record")
    raise _damage(source) or Broken("missing_end", "the end of the archive is missing: it was cut")


def _wide(source: Source, record: _Record) -> _Record | None:
    """Return the zip64 record if there is a locator, even when no classic field is saturated."""
    locator = source.at(record.at - _LOCATOR.size, _LOCATOR.size)
    if not locator.startswith(b"PK\x06\x07"):
        if FULL32 in (record.size, record.offset):
            raise Broken("missing_end", "the end record points to a zip64 record that is not there")
        return None
    _, disk, offset, disks = _LOCATOR.unpack(locator)
    if disk or disks > 1:
        raise Broken("split", "one volume of an archive split over several")
    limit = record.at - _LOCATOR.size
    for at in (offset, limit - _END64.size):
        raw = source.at(at, _END64.size)
        if len(raw) == _END64.size and raw.startswith(b"PK\x06\x06"):
            _, length, _, _, disk, first_disk, here, entries, size, start = _END64.unpack(raw)
            if at + 12 + length == limit:
                if length > _PLAIN64 and any(source.at(at + _END64.size, 2) + source.at(at + _END64.size + 18, 2)):
                    raise Broken("encrypted_directory", "the directory is compressed or encrypted: nothing can be told without the key")
                wide = _Record(at, (disk, first_disk), here, entries, size, start, record.stop)
                _compare(record, wide)
                return wide
    raise Broken("damaged_directory", "the zip64 end record is not where its locator says")


def _compare(classic: _Record, wide: _Record) -> None:
    for name, narrow, broad, full in (
        ("entries", classic.entries, wide.entries, FULL16),
        ("directory size", classic.size, wide.size, FULL32),
        ("directory offset", classic.offset, wide.offset, FULL32),
    ):
        if narrow not in (full, broad):
            raise Broken("ends_disagree", f"the two end records disagree: {name} {narrow} and {broad}")


def _judge_prefix(source: Source, prefix: int, start: int, notes: Notes) -> None:
    """Foreign bytes in front are harmless, unless they are the beginning of the real archive.

    A zip cut right behind a zip that it stores ends with that inner one's directory, and ordinary tools take the inner one for all.
    """
    damage = _damage(source)
    if damage is not None:
        raise damage
    if _first_at(source, start, 0) and not _first_at(source, start, prefix):
        raise Broken("damaged_entry", f"{prefix} bytes too many stand between the first entry and the directory")
    at = 0
    while at < prefix:
        block = source.at(at, CHUNK + _LOCAL.size)
        found = block.find(b"PK\x03\x04")
        while found >= 0 and at + found < prefix:
            if plausible(block[found : found + _LOCAL.size]):
                raise Broken("missing_end", "the end of the archive is missing; the directory found belongs to another archive inside it")
            found = block.find(b"PK\x03\x04", found + 1)
        at += CHUNK
    notes.add("prefix", f"{prefix} foreign bytes in front of the archive")


def _first_at(source: Source, start: int, prefix: int) -> bool:
    """Whether the directory's first entry lies ``prefix`` bytes behind where it says."""
    record = source.at(start, _CENTRAL + MAX_COMMENT)
    if len(record) < _CENTRAL:
        return False
    (length,), (offset,) = struct.unpack_from("<H", record, 28), struct.unpack_from("<L", record, 42)
    header = source.at(offset + prefix, _LOCAL.size + length)
    return header.startswith(b"PK\x03\x04") and header[_LOCAL.size :] == record[_CENTRAL : _CENTRAL + length]


def plausible(header: bytes) -> bool:
    """Whether 30 bytes that begin like an entry's header can be one."""
    if len(header) < _LOCAL.size:
        return False
    _, version, _, method, *_, name_length, _ = _LOCAL.unpack(header)
    return bool(version & 0xFF <= _NEWEST_VERSION and method <= _MAX_METHOD and 0 < name_length <= 4096)  # noqa: PLR2004  (PATH_MAX)


def _damage(source: Source) -> Broken | None:
    if mangled(source.at(0, 1 << 20)):
        return Broken("crlf_mangled", MANGLED)
    return None
