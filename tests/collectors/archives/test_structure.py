"""What the structural check says about whole, strange and broken archives."""

from __future__ import annotations

import struct
import tarfile
import zipfile

import pytest

from tests.support.archives import SOME, find, gz, noise, rich_gz, tar_of, unsaturated_zip64, zip_of
from watchdog.collectors.archives.settings import promise

INNER = zip_of([("inner", noise(300))], method=zipfile.ZIP_STORED)
NESTED = zip_of([("first", b"x" * 50), ("inner.zip", INNER), ("last", noise(100))], method=zipfile.ZIP_STORED)
PLAIN = zip_of()
STORED = zip_of([(f"f{n}", noise(400, n + 1)) for n in range(6)], method=zipfile.ZIP_STORED)
MANY_LINES = zip_of([(f"f{n}", b"line\n" * 20) for n in range(5)], method=zipfile.ZIP_STORED)
STREAMED = zip_of([("a", noise(40))], streamed=True, method=zipfile.ZIP_STORED)
LOG = b"2026-05-04 08:00:55 INFO starting backup\n"
TAR = tar_of()


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def cd(archive: bytes) -> int:
    return archive.index(b"PK\x01\x02")


def end(archive: bytes) -> int:
    return archive.rindex(b"PK\x05\x06")


def overlapping() -> bytes:
    """Two directory entries that point to the same local header, as bombs do."""
    one = zip_of([("a", noise(200))], method=zipfile.ZIP_STORED)
    record = one[cd(one) : end(one)]
    stop = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(record), cd(one), 0)
    return one[: cd(one)] + record * 2 + stop


def reordered() -> bytes:
    two = zip_of([("a", noise(50)), ("b", noise(60))], method=zipfile.ZIP_STORED)
    first, second = cd(two), two.index(b"PK\x01\x02", cd(two) + 4)
    return two[:first] + two[second : end(two)] + two[first:second] + two[end(two) :]


def with_gap() -> bytes:
    """An entry removed from the directory but not from the file."""
    two = zip_of([("a", noise(50)), ("b", noise(60)), ("c", noise(10))], method=zipfile.ZIP_STORED)
    parts = two[cd(two) : end(two)].split(b"PK\x01\x02")[1:]
    kept = b"".join(b"PK\x01\x02" + part for part in (parts[0], parts[2]))
    return two[: cd(two)] + kept + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(kept), cd(two), 0)


GOOD = {
    "zip": (PLAIN, "zip", ()),
    "zip stored": (STORED, "zip", ()),
    "zip bzip2": (zip_of(method=zipfile.ZIP_BZIP2), "zip", ()),
    "zip lzma": (zip_of(method=zipfile.ZIP_LZMA), "zip", ()),
    "zip streamed": (zip_of(streamed=True), "zip", ()),
    "zip streamed zip64": (zip_of(streamed=True, wide=True), "zip", ()),
    "zip64 sizes": (zip_of(wide=True), "zip", ()),
    "zip64 end, nothing saturated": (unsaturated_zip64(PLAIN), "zip", ()),
    "zip64 end and prefix": (LOG + unsaturated_zip64(PLAIN), "zip", ("prefix",)),
    "zip comment": (zip_of(comment=b"made by us"), "zip", ()),
    "zip comment that looks like an end": (zip_of(comment=b"see PK\x05\x06 for more of it: twenty bytes"), "zip", ("confusing_comment",)),
    "zip empty": (zip_of([]), "zip", ()),
    "zip with a zip inside": (NESTED, "zip", ()),
    "zip behind a log line": (LOG + PLAIN, "zip", ("prefix",)),
    "zip with bytes behind": (PLAIN + b"\r\nConnection closed.\r\n", "zip", ("appended_bytes",)),
    "zip twice the same name": (zip_of([("a", b"1"), ("a ", b"2")]).replace(b"a ", b"a\0"), "zip", ("unsafe_names",)),
    "zip that climbs": (zip_of([("../../etc/cron.d/x", b"1")]), "zip", ("unsafe_names",)),
    "zip entries in another order": (reordered(), "zip", ("unordered_entries",)),
    "zip with an entry nobody lists": (with_gap(), "zip", ("gap",)),
    "tar": (TAR, "tar", ()),
    "tar ustar": (tar_of(form=tarfile.USTAR_FORMAT), "tar", ()),
    "tar gnu, long names": (tar_of([("x" * 180, b"1"), ("y" * 300, b"22")], form=tarfile.GNU_FORMAT), "tar", ()),
    "tar pax, long names": (tar_of([("x" * 180, b"1"), ("ü" * 200, b"22")]), "tar", ()),
    "tar padded to records": (TAR + bytes(10240 - len(TAR) % 10240), "tar", ()),
    "tar.gz": (gz(TAR), "gzip", ()),
    "tar.gz of many members": (gz(TAR, members=7), "gzip", ()),
    "tar.gz with a full header": (rich_gz(TAR), "gzip", ()),
    "tar.gz empty tar": (gz(bytes(1024)), "gzip", ()),
    "gzip of something else": (gz(b"CREATE TABLE x;\n" * 99), "gzip", ("no_tar_inside",)),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_archive_is_good(tmp_path, name):
    data, kind, reasons = GOOD[name]

    finding = find(tmp_path / "file", data)

    assert (finding.verdict, finding.format, finding.reasons, finding.level) == ("good", kind, reasons, 1), finding


def test_two_entries_of_one_name_are_told(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zip_of([("a", b"1"), ("a", b"2")])

    assert find(tmp_path / "file", data).reasons == ("duplicate_names",)


BAD = {
    "zstd with noise behind its magic number": (b"\x28\xb5\x2f\xfd\x04\x00" + noise(300, 5), "damaged_stream"),
    "xz with noise behind its magic number": (b"\xfd7zXZ\x00\x00\x04" + noise(300), "damaged_stream"),
    "empty": (b"", "empty"),
    "html": (b"<!DOCTYPE html>\n<html><title>502 Bad Gateway</title></html>", "html_page"),
    "json": (b'{"detail": "Backup failed: no license"}', "json_text"),
    "text": (b"Error: no such container\n", "text"),
    "zip without end": (PLAIN[: end(PLAIN)], "missing_end"),
    "zip 1 byte short": (PLAIN[:-1], "truncated"),
    "zip cut in its comment": (zip_of(comment=b"hello")[:-2], "truncated"),
    "zip cut in the data": (STORED[:700], "missing_end"),
    "zip cut in the directory": (STORED[: cd(STORED) + 60], "missing_end"),
    "zip cut right behind an inner zip": (NESTED[: NESTED.index(INNER) + len(INNER)], "missing_end"),
    "zip cut a little behind an inner zip": (NESTED[: NESTED.index(INNER) + len(INNER) + 9], "missing_end"),
    "log line and zip cut behind an inner zip": (LOG + NESTED[: NESTED.index(INNER) + len(INNER)], "missing_end"),
    "zip through a terminal": (MANY_LINES.replace(b"\n", b"\r\n"), "crlf_mangled"),
    "zip with a hole of zeros in the directory": (patched(STORED, cd(STORED) + 96, bytes(80)), "damaged_directory"),
    "zip with a hole over a header": (patched(STORED, STORED.index(b"PK\x03\x04", 4), bytes(40)), "damaged_entry"),
    "zip with bytes lost in the middle": (STORED[:500] + STORED[600:], "truncated"),
    "zip whose entry is beyond the end": (patched(PLAIN, cd(PLAIN) + 42, b"\xf0\xff\xff\x7f"), "entry_beyond_end"),
    "zip whose entry is too long": (patched(STORED, cd(STORED) + 20, b"\xf0\xff\xff\x7f" * 2), "damaged_entry"),
    "zip whose ends disagree": (patched(unsaturated_zip64(PLAIN), len(PLAIN) + 76 - 12, b"\x09\x00"), "ends_disagree"),
    "zip that counts wrong": (patched(PLAIN, end(PLAIN) + 8, b"\x03\x00\x03\x00"), "ends_disagree"),
    "zip with overlapping entries": (overlapping(), "overlapping_entries"),
    "zip whose method differs": (patched(PLAIN, 8, b"\x0c\x00"), "damaged_entry"),
    "zip whose descriptor lies": (patched(STREAMED, 30 + 1 + 40 + 4, bytes(4)), "damaged_entry"),
    "tar without end blocks": (tar_of(end=False), "missing_end_blocks"),
    "tar with one end block": (TAR[:-512], "missing_end_blocks"),
    "tar cut in a file": (TAR[: 512 + 100], "truncated"),
    "tar 1 byte short": (TAR[:-1], "truncated"),
    "tar with a byte behind": (TAR + b"x", "trailing_bytes"),
    "tar with a flipped header": (patched(TAR, TAR.index(b"data/a"), b"X"), "damaged_header"),
    "tar with a zero block between": (TAR[:1024] + bytes(512) + TAR[1024:], "damaged_header"),
    "tar.gz 1 byte short": (gz(TAR)[:-1], "truncated"),
    "tar.gz trailer cut": (gz(TAR)[:-8], "truncated"),
    "tar.gz header only": (gz(TAR)[:10], "truncated"),
    "tar.gz trailing bytes": (gz(TAR) + b"x", "trailing_bytes"),
    "tar.gz trailing zeros": (gz(TAR) + bytes(512), "trailing_bytes"),
    "tar.gz trailing piece of a member": (gz(TAR) + b"\x1f\x8b", "truncated"),
    "tar.gz wrong CRC": (patched(gz(TAR), len(gz(TAR)) - 8, b"abcd"), "damaged_stream"),
    "tar.gz wrong size": (patched(gz(TAR), len(gz(TAR)) - 4, b"abcd"), "damaged_stream"),
    "tar.gz wrong header CRC": (patched(rich_gz(TAR), 12, b"E"), "damaged_stream"),
    "tar.gz missing end blocks": (gz(tar_of(end=False)), "missing_end_blocks"),
    "tar.gz last member missing": (gz(TAR, members=2)[: len(gz(TAR[: -(-len(TAR) // 2)]))], "missing_end_blocks"),
    "tar.gz behind a log line": (LOG + gz(TAR), "log_line_before"),
    "tar.gz through a terminal": (gz(tar_of([("a", noise(9000))])).replace(b"\n", b"\r\n"), "crlf_mangled"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_broken_archive_is_bad_and_says_why(tmp_path, name):
    data, reason = BAD[name]

    finding = find(tmp_path / "file", data)

    assert finding.verdict == "bad", finding
    assert finding.reasons[0] == reason, finding
    assert finding.messages[0]


def encrypted_directory() -> bytes:
    """A version 2 zip64 end record that names a cipher, before a directory nobody can read."""
    archive = unsaturated_zip64(PLAIN)
    at = archive.index(b"PK\x06\x06")
    more = struct.pack("<HQQHHHH", 8, 100, 200, 0x660E, 128, 1, 0)
    record = archive[at : at + 4] + struct.pack("<Q", 44 + len(more)) + archive[at + 12 : at + 56] + more
    return archive[: cd(archive)] + noise(at - cd(archive)) + record + archive[at + 56 :]


UNVERIFIABLE = {
    "zip whose directory is encrypted": (encrypted_directory(), "encrypted_directory"),
    "an executable": (b"\x7fELF" + noise(600), "unknown_format"),
    "only zeros": (bytes(8192), "only_zeros"),
    "one volume of several": (patched(PLAIN, end(PLAIN) + 4, b"\x01\x00"), "split"),
    "zip of a version nobody knows": (patched(PLAIN, cd(PLAIN) + 6, b"\x94\x00"), "needs_newer"),
    "tar with a huge extended header": (None, "header_too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNVERIFIABLE)
def test_what_cannot_be_proven_is_said(tmp_path, name):
    data, reason = UNVERIFIABLE[name]
    if data is None:
        info = tarfile.TarInfo("x")
        info.type, info.size = tarfile.XHDTYPE, 3 << 20
        data = info.tobuf(tarfile.USTAR_FORMAT) + bytes(3 << 20)

    finding = find(tmp_path / "file", data)

    assert (finding.verdict, finding.reasons) == ("unverifiable", (reason,))


def test_a_name_that_promises_a_tar_is_held_to_it(tmp_path):
    data = gz(b"not a tar at all")

    assert find(tmp_path / "file", data, promise="tar").reasons == ("not_a_tar",)
    assert find(tmp_path / "file", data).verdict == "good"


@pytest.mark.parametrize("data", [b"<html>502</html>", b'{"detail": "no"}', b"SELECT 1;\n"])
def test_text_under_a_name_that_promises_nothing_is_only_unknown(tmp_path, data):
    finding = find(tmp_path / "file", data, promise="")

    assert (finding.verdict, finding.reasons) == ("unverifiable", ("unknown_format",))


def test_names_and_their_promises():
    assert [promise(name) for name in ("a.zip", "a.TAR.GZ", "a.tgz", "a.tar", "a.sql", "a.zip.aes", "zip")] == [
        "archive", "tar", "tar", "archive", "", "", "",
    ]  # fmt: skip


def test_a_cut_zip_says_what_survives(tmp_path):
    cut = STORED[: STORED.index(b"PK\x03\x04", 1200) + 20]

    message = find(tmp_path / "file", cut).messages[0]

    assert "3 entries (1200 bytes packed) are still whole" in message


def test_a_cut_tar_gz_says_what_survives(tmp_path):
    big = tar_of([(f"f{n}", noise(50_000, n + 1)) for n in range(8)])
    packed = gz(big)

    message = find(tmp_path / "file", packed[: len(packed) // 2]).messages[0]

    assert "bytes unpack before it" in message
    assert "entries begin before it" in message


def test_level_0_looks_at_the_head_only(tmp_path):
    finding = find(tmp_path / "file", PLAIN[:-5], level=0)

    assert (finding.verdict, finding.level, finding.format) == ("good", 0, "zip")


def test_a_large_file_in_a_tar_has_its_size_in_the_pax_header(tmp_path):
    """Go writes sizes above 8 GiB so; here with a small one that the plain field contradicts."""
    content = noise(700)
    info = tarfile.TarInfo("big")
    info.size, info.pax_headers = 0, {"size": "700"}
    data = info.tobuf(tarfile.PAX_FORMAT) + content + bytes(-700 % 512) + bytes(1024)

    assert find(tmp_path / "file", data).verdict == "good"


def test_names_and_contents_of_the_samples_are_what_zipfile_reads(tmp_path):
    (tmp_path / "x.zip").write_bytes(unsaturated_zip64(PLAIN))
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert [(name, archive.read(name)) for name in archive.namelist()] == [tuple(entry) for entry in SOME]
