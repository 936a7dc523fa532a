"""Zips as they break: cut, mangled, flipped, lying, hostile."""

from __future__ import annotations

import struct
import zlib

from tests.support.archives import noise
from tests.support.corpus import zips as z
from tests.support.corpus.case import Case, bad, flipped, patched
from tests.support.corpus.whole import LOG

BACKUP = z.sysreptor()
ENTRIES = z.sysreptor_entries()
SIZES = [len(entry.content) for entry in ENTRIES]
PLAIN = z.zip_with([z.Entry("VERSION", b"2026.18"), z.Entry("a.jsonl", z.jsonl(40), z.DEFLATE), z.Entry("raw", noise(400))])


def first(archive: bytes) -> int:
    """Where the directory begins."""
    return archive.index(b"PK\1\2")


def last(archive: bytes) -> int:
    """Where the end record begins."""
    return archive.rindex(b"PK\5\6")


def starts(entries: list[z.Entry] = ENTRIES) -> list[int]:
    target = z.Zip()
    for entry in entries:
        target.add(entry)
    return target.offsets


AT = starts()
LINES = AT[3] + 30 + len("backup.jsonl") + 20  # where the packed lines of the database begin
IMAGE = AT[4] + 30 + len("uploadedimages/3f/a1b2c3-uuid-x.png") + 20


def cut(at: int) -> bytes:
    return BACKUP[:at]


def _overlapping() -> bytes:
    """Two directory entries that point to the same header, as bombs do."""
    target = z.Zip().add(z.Entry("a", noise(200)))
    target.records *= 2
    return target.end()


def _within() -> bytes:
    inner = z.zip_with([z.Entry("b", noise(100))])
    target = z.Zip().add(z.Entry("a", inner))
    record = bytearray(target.records[0])
    at = 30 + 1
    record[42:46] = struct.pack("<L", at)
    record[46:47] = b"b"
    record[16:28] = struct.pack("<3L", zlib.crc32(noise(100)), 100, 100)
    target.records.append(bytes(record))
    return target.end()


def _inner() -> bytes:
    return z.zip_with([z.Entry("inner", noise(300))])


def _cut_behind_inner(more: int) -> bytes:
    outer = z.zip_with([z.Entry("first", b"x" * 50), z.Entry("inner.zip", _inner()), z.Entry("last", noise(90))])
    return outer[: outer.index(_inner()) + len(_inner()) + more]


def _bomb() -> bytes:
    """An entry that says 10 bytes and unpacks to 30 MB."""
    return z.zip_with([z.Entry("zeros", b"", z.DEFLATE, packed=z.deflate(bytes(30_000_000), 9), size=10)])


def _one_wrong(**lie: object) -> bytes:
    return z.zip_with([z.Entry("a", noise(90)), z.Entry("b", b"b" * 300, z.DEFLATE, **lie), z.Entry("c", noise(70))])


def _tty(archive: bytes) -> bytes:
    return archive.replace(b"\n", b"\r\n")


def _lines_zip() -> bytes:
    return z.zip_with([z.Entry(f"f{n}", b"line\n" * 20) for n in range(5)])


def _bad_stream(method: int) -> bytes:
    packed = bytearray(z.PACK[method](b"hello world, " * 60))
    packed[len(packed) // 2] ^= 0x55
    return z.zip_with([z.Entry("a", b"1"), z.Entry("b", b"hello world, " * 60, method, packed=bytes(packed))])


_FALSE_END = b"PK\5\6" + bytes(16) + b"\xff\xff" + bytes(12)


def _extra_lies() -> bytes:
    """The zip64 field of a directory's record says two bytes more than there are (found by fuzzing): zipfile refuses such an archive."""
    archive = z.zip_with([z.Entry("a", noise(90), wide=True, central_wide=True)])
    at = archive.index(b"PK\1\2") + 46 + 1 + 2
    return patched(archive, at, bytes([archive[at] + 2]))


DAMAGED: tuple[Case, ...] = (
    bad("nothing.zip", "empty", lambda: b""),
    bad("error-page.zip", "html_page", lambda: b"<!DOCTYPE html>\n<html><title>502 Bad Gateway</title></html>"),
    bad("xml-error.zip", "html_page", lambda: b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
    bad("licence.zip", "json_text", lambda: b'{"detail":"Professional license required","code":"license"}'),
    bad("no-container.zip", "text", lambda: b"Error response from daemon: No such container: sysreptor-app\n"),
    bad("cut-in-database.zip", "missing_end", lambda: cut(LINES + 200), (3, sum(SIZES[:3]))),
    bad("cut-in-files.zip", "missing_end", lambda: cut(AT[6] + 60), (6, sum(SIZES[:6]))),
    bad("cut-in-stored-file.zip", "missing_end", lambda: cut(IMAGE + 1500), (4, sum(SIZES[:4]))),
    bad("cut-before-directory.zip", "missing_end", lambda: cut(first(BACKUP)), (9, sum(SIZES))),
    bad("cut-in-directory.zip", "missing_end", lambda: cut(first(BACKUP) + 60), (9, sum(SIZES))),
    bad("cut-without-end.zip", "missing_end", lambda: cut(last(BACKUP)), (9, sum(SIZES))),
    bad("one-byte-short.zip", "truncated", lambda: BACKUP[:-1], (9, sum(SIZES))),
    bad("cut-in-comment.zip", "truncated", lambda: z.zip_with([z.Entry("a", b"1")], comment=b"hello")[:-2], (1, 1)),
    bad("cut-in-first-header.zip", "missing_end", lambda: cut(20), (0, 0)),
    bad("cut-within-descriptor.zip", "missing_end", lambda: cut(AT[4] - 3), (3, sum(SIZES[:3]))),
    bad("cut-behind-inner-zip.zip", "missing_end", lambda: _cut_behind_inner(0), (2, 50 + len(_inner()))),
    bad("cut-just-behind-inner-zip.zip", "missing_end", lambda: _cut_behind_inner(9), (2, 50 + len(_inner()))),
    bad("log-line-and-cut-behind-inner-zip.zip", "missing_end", lambda: LOG + _cut_behind_inner(0), (2, 50 + len(_inner()))),
    bad("wide-end-cut-away.zip", "missing_end", lambda: patched(PLAIN, last(PLAIN) + 8, b"\xff" * 12), (3, 7 + len(z.jsonl(40)) + 400)),
    bad("wide-end-cut.zip", "missing_end", lambda: z.sysreptor(wide=True)[:-40], (9, sum(SIZES))),
    bad("flipped-in-database.zip", "damaged_content", lambda: flipped(BACKUP, LINES + 90, 3), (8, sum(SIZES) - SIZES[3])),
    bad("flipped-in-image.zip", "damaged_content", lambda: flipped(BACKUP, IMAGE + 900, 6), (8, sum(SIZES) - SIZES[4])),
    bad("hole-in-image.zip", "damaged_content", lambda: patched(BACKUP, IMAGE + 512, bytes(1024)), (8, sum(SIZES) - SIZES[4])),
    bad("hole-in-database.zip", "damaged_content", lambda: patched(BACKUP, LINES + 64, bytes(256)), (8, sum(SIZES) - SIZES[3])),
    bad("hole-over-a-header.zip", "damaged_entry", lambda: patched(BACKUP, AT[4], bytes(60)), (8, sum(SIZES) - SIZES[4])),
    bad(
        "hole-in-directory.zip",
        "damaged_directory",
        lambda: patched(BACKUP, BACKUP.index(b"PK\1\2", first(BACKUP) + 1), bytes(80)),
        (9, sum(SIZES)),
    ),
    bad("bytes-lost-in-the-middle.zip", "truncated", lambda: BACKUP[: IMAGE + 200] + BACKUP[IMAGE + 300 :], (8, sum(SIZES) - SIZES[4])),
    bad(
        "bytes-put-into-the-middle.zip",
        "damaged_entry",
        lambda: BACKUP[: IMAGE + 200] + b"more" + BACKUP[IMAGE + 200 :],
        (8, sum(SIZES) - SIZES[4]),
    ),
    bad("through-a-terminal.zip", "crlf_mangled", lambda: _tty(_lines_zip())),
    bad("backup-through-a-terminal.zip", "crlf_mangled", lambda: LOG.replace(b"\n", b"\r\n") + _tty(_lines_zip())),
    bad("crc-lies.zip", "damaged_content", lambda: _one_wrong(crc=1234), (2, 160)),
    bad("size-too-small.zip", "damaged_content", lambda: _one_wrong(size=299), (2, 160)),
    bad("size-too-large.zip", "damaged_content", lambda: _one_wrong(size=301), (2, 160)),
    bad("stream-cut.zip", "damaged_content", lambda: _one_wrong(packed=z.deflate(b"b" * 300)[:-2]), (2, 160)),
    bad("stream-empty.zip", "damaged_content", lambda: _one_wrong(packed=b""), (2, 160)),
    bad("swallowed-error.zip", "damaged_content", lambda: z.zip_with([z.Entry("a", b"", size=40), z.Entry("b", b"2")]), (1, 1)),
    bad("bomb.zip", "damaged_content", _bomb, (0, 0)),
    bad("bad-deflate.zip", "damaged_content", lambda: _bad_stream(z.DEFLATE), (1, 1)),
    bad("bad-bzip2.zip", "damaged_content", lambda: _bad_stream(z.BZIP2), (1, 1)),
    bad("bad-lzma.zip", "damaged_content", lambda: _bad_stream(z.LZMA), (1, 1)),
    bad("lzma-without-properties.zip", "damaged_content", lambda: z.zip_with([z.Entry("a", b"abc", z.LZMA, packed=b"\x09\x14")]), (0, 0)),
    bad("reserved-block.zip", "damaged_content", lambda: z.zip_with([z.Entry("a", b"abc", z.DEFLATE, packed=b"\x07\x00\x00")]), (0, 0)),
    bad("overlapping.zip", "overlapping_entries", _overlapping, (1, 200)),
    bad("within-another.zip", "overlapping_entries", _within),
    bad("entry-beyond-end.zip", "entry_beyond_end", lambda: patched(PLAIN, first(PLAIN) + 42, b"\xf0\xff\xff\x7f")),
    bad("another-name.zip", "damaged_entry", lambda: PLAIN.replace(b"a.jsonl", b"b.jsonl", 1), (3, 7 + len(z.jsonl(40)) + 400)),
    bad("another-method.zip", "damaged_entry", lambda: patched(PLAIN, 8, b"\x08\x00")),
    bad("lying-descriptor.zip", "damaged_entry", lambda: BACKUP.replace(b"PK\7\10", b"PK\7\11", 1)),
    bad("counts-wrong.zip", "ends_disagree", lambda: z.sysreptor(count=8), (9, sum(SIZES))),
    bad("wide-counts-wrong.zip", "ends_disagree", lambda: z.sysreptor(wide=True, wide_count=7), (9, sum(SIZES))),
    bad("directory-too-long.zip", "damaged_directory", lambda: PLAIN[: last(PLAIN)] + bytes(46) + _longer(PLAIN, 46)),
    bad("directory-size-lies.zip", "truncated", lambda: patched(PLAIN, last(PLAIN) + 12, struct.pack("<L", 10_000))),
    bad("hole-at-the-beginning.zip", "damaged_entry", lambda: bytes(60) + BACKUP[60:], (8, sum(SIZES[1:]))),
    bad("first-block-lost.zip", "damaged_entry", lambda: bytes(4096) + z.sysreptor()[4096:]),
    bad("first-byte-flipped.zip", "damaged_entry", lambda: flipped(BACKUP, 0), (8, sum(SIZES[1:]))),
    bad("cut-behind-another-end.zip", "truncated", lambda: z.zip_with([]) + z.zip_with([])[:-4]),
    bad("end-in-comment-and-more-behind.zip", "truncated", lambda: z.zip_with([z.Entry("a", b"1")], comment=_FALSE_END) + bytes(18)),
    bad("extra-field-lies.zip", "damaged_directory", _extra_lies, (1, 90)),
    bad("appended-twice.zip", "missing_end", lambda: PLAIN + PLAIN[: last(PLAIN)] + PLAIN[last(PLAIN) :]),
)


def _longer(archive: bytes, more: int) -> bytes:
    end = bytearray(archive[last(archive) :])
    end[12:16] = struct.pack("<L", struct.unpack_from("<L", end, 12)[0] + more)
    return bytes(end)
