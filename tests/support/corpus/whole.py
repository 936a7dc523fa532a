"""Whole archives. Strange ones are good too, with the reason said."""

from __future__ import annotations

import lzma
import struct

from tests.support.archives import noise, rich_gz
from tests.support.corpus import streams as s
from tests.support.corpus import zips as z
from tests.support.corpus.case import Case, good

LOG = b"2026-05-04 08:00:55 INFO Backup requested\n"
TAR = s.wings_tar()


def _methods() -> list[z.Entry]:
    return [
        z.Entry("stored", noise(500), z.STORED),
        z.Entry("deflate", b"abc" * 900, z.DEFLATE),
        z.Entry("bzip2", b"abd" * 900, z.BZIP2),
        z.Entry("lzma", b"abe" * 900, z.LZMA),
        z.Entry("nothing", b"", z.DEFLATE),
        z.Entry("nothing at all", b"", z.DEFLATE, packed=b""),
        z.Entry("folder/", b"", z.STORED),
    ]


def _nested() -> bytes:
    inner = z.zip_with([z.Entry("inner", noise(300))])
    return z.zip_with([z.Entry("first", b"x" * 50), z.Entry("inner.zip", inner, streamed=True), z.Entry("last", noise(90))])


def _with_false_descriptors() -> bytes:
    """A stored stream whose content holds the signature of a descriptor again and again."""
    return z.zip_with([z.Entry("bait", b"PK\7\10" * 200 + noise(100), streamed=True), z.Entry("after", b"y")])


def _gap() -> bytes:
    return z.Zip().add(z.Entry("a", noise(50))).gap(b"left by a deleted entry").add(z.Entry("b", noise(60))).end()


def _reordered() -> bytes:
    return z.Zip().add(z.Entry("a", noise(50))).add(z.Entry("b", b"b" * 60, z.DEFLATE)).end(order=[1, 0])


def _slack() -> bytes:
    return z.zip_with([z.Entry("a", b"abc" * 50, z.DEFLATE, packed=z.deflate(b"abc" * 50) + b"\0\0\0")])


def _pax_size() -> bytes:
    """Go writes sizes above 8 GiB into an extended header; here a small one that the plain field contradicts."""
    content = noise(700)
    return s.pax("big", size="700") + s.header("big", 0) + s.padded(content) + bytes(1024)


def _long_names() -> bytes:
    name = "x" * 180
    gnu = s.header("././@LongLink", len(name) + 1, b"L", magic=b"ustar  \0") + s.padded(name.encode() + b"\0")
    return gnu + s.member(name, b"1", magic=b"ustar  \0") + s.pax("y", path="y" * 300) + s.member("y", b"22") + bytes(1024)


def _links() -> bytes:
    block = bytearray(s.header("link", 4096, b"2"))  # some writers give a link the size of its target
    return bytes(block) + s.header("dir/", 0, b"5") + s.member("file", noise(40)) + bytes(1024)


def _empty_stored_blocks() -> bytes:
    """Deflate with a stored block of no bytes before the end, as a flush leaves it."""
    return z.zip_with([z.Entry("a", b"hello", z.DEFLATE, packed=b"\0\0\0\xff\xff" + z.deflate(b"hello"))])


WHOLE: tuple[Case, ...] = (
    good("sysreptor.zip", z.sysreptor),
    good("sysreptor-old.zip", lambda: z.zip_with(z.sysreptor_entries("2025.12")[:-1])),
    good("sysreptor-wide-end.zip", lambda: z.sysreptor(wide=True)),
    good("sysreptor-saturated-end.zip", lambda: z.sysreptor(wide=True, saturated=True)),
    good("sysreptor-log-line.zip", lambda: LOG + z.sysreptor(), "prefix"),
    good("sysreptor-log-line-wide.zip", lambda: LOG + z.sysreptor(wide=True), "prefix"),
    good("sysreptor-trailing.zip", lambda: z.sysreptor() + b"\r\nConnection closed.\r\n", "appended_bytes"),
    good("self-extracting.zip", lambda: b"\x7fELF" + noise(3000, 9) + z.sysreptor(), "prefix"),
    good("self-extracting", lambda: b"\x7fELF" + noise(3000, 9) + z.sysreptor(), "prefix"),
    good("duplicati-b0123.dblock.zip", z.duplicati_volume),
    good("methods.zip", lambda: z.zip_with(_methods())),
    good("central-wide.zip", lambda: z.zip_with([z.Entry("a", noise(90), wide=True, central_wide=True)])),
    good(
        "unsigned-descriptors.zip", lambda: z.zip_with([z.Entry(n, n.encode() * 50, z.DEFLATE, streamed=True, signed=False) for n in "abc"])
    ),
    good("unsigned-wide.zip", lambda: z.zip_with([z.Entry(n, noise(70), streamed=True, wide=True, signed=False) for n in "abc"])),
    good("comment.zip", lambda: z.zip_with([z.Entry("a", b"1")], comment=b"made at night")),
    good("comment-like-an-end.zip", lambda: z.zip_with([z.Entry("a", b"1")], comment=b"PK\5\6" + bytes(30)), "confusing_comment"),
    good("empty.zip", lambda: z.zip_with([])),
    good("nested.zip", _nested),
    good("false-descriptors.zip", _with_false_descriptors),
    good("gap.zip", _gap, "gap"),
    good("reordered.zip", _reordered, "unordered_entries"),
    good("slack.zip", _slack, "entry_slack"),
    good("flushed.zip", _empty_stored_blocks),
    good("twice.zip", lambda: z.zip_with([z.Entry("a", b"1"), z.Entry("a", b"2")]), "duplicate_names"),
    good("climbing.zip", lambda: z.zip_with([z.Entry("../../etc/cron.d/x", b"1")]), "unsafe_names"),
    good("wings.tar.gz", s.wings),
    good("one-member.tar.gz", lambda: s.gzip_member(TAR)),
    good("many-members.tar.gz", lambda: s.members(TAR, 700)),
    good("empty-members.tar.gz", lambda: s.gzip_member(b"") * 5 + s.gzip_member(TAR) + s.gzip_member(b"")),
    good("stored-level.tar.gz", lambda: s.gzip_member(TAR, level=0)),
    good("every-field.tar.gz", lambda: rich_gz(TAR)),
    good("named.tar.gz", lambda: s.gzip_member(TAR, flags=8, fields=b"backup.tar\0")),
    good("padded.tar.gz", lambda: s.gzip_member(TAR + bytes(10240 - len(TAR) % 10240))),
    good("plain.tar", lambda: TAR, "no_checksum"),
    good("padded.tar", lambda: TAR + bytes(10240 - len(TAR) % 10240), "no_checksum"),
    good("pax-size.tar", _pax_size, "no_checksum"),
    good("long-names.tar", _long_names, "no_checksum"),
    good("links.tar", _links, "no_checksum"),
    good("base-256.tar", lambda: s.member("a", b"abc", wide=True) + bytes(1024), "no_checksum"),
    good("prefix-field.tar", lambda: s.member("name", b"abc", prefix=b"folder/of/it") + bytes(1024), "no_checksum"),
    good("plain.tar.zst", lambda: s.zstd_frame(TAR)),
    good("frames.tar.zst", lambda: s.zstd_frame(TAR[:1000]) + s.skippable(b"an index") + s.zstd_frame(TAR[1000:])),
    good("no-checksum.tar.zst", lambda: s.zstd_frame(TAR, checksum=False), "no_checksum"),
    good("streamed.tar.zst", lambda: s.zstd_frame(TAR, size=False, window=20)),
    good("plain.tar.xz", lambda: s.xz_stream(TAR)),
    good("crc32.tar.xz", lambda: s.xz_stream(TAR, check=lzma.CHECK_CRC32)),
    good("sha256.tar.xz", lambda: s.xz_stream(TAR, check=lzma.CHECK_SHA256)),
    good("streams.tar.xz", lambda: s.xz_stream(TAR[:900]) + bytes(8) + s.xz_stream(TAR[900:]) + bytes(4)),
    good("no-check.tar.xz", lambda: s.xz_stream(TAR, check=lzma.CHECK_NONE), "no_checksum"),
    good("dump.sql.gz", lambda: s.gzip_member(b"CREATE TABLE x;\n" * 99), "no_tar_inside"),
    good("wide-descriptor-for-nothing.zip", lambda: z.zip_with([z.Entry("a", b"", streamed=True, wide=True), z.Entry("b", b"")])),
    good("extra-field.tar.gz", lambda: s.gzip_member(TAR, flags=4, fields=struct.pack("<H", 6) + b"RA\2\0ab")),
)
