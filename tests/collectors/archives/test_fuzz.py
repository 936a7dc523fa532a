"""Archives built, cut, flipped and forged at random: never a crash, never a cut archive called good."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.archives import find, gz, noise, rich_gz, tar_of, unsaturated_zip64, zip_of
from watchdog.collectors.archives.findings import BAD, NOTED, UNVERIFIABLE

WORDS = {*BAD, *NOTED, *UNVERIFIABLE}
# the same inputs each time: what is new is for the soak
QUICK = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

names = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="/\\\x7f"), min_size=1, max_size=40)
contents = st.one_of(
    st.binary(max_size=300), st.builds(lambda n, seed: noise(n, seed + 1), st.integers(0, 3000), st.integers(0, 99)), st.just(b"a" * 5000)
)
entries = st.lists(st.tuples(names, contents), max_size=8, unique_by=lambda entry: entry[0])
methods = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
zips = st.builds(zip_of, entries, method=methods, streamed=st.booleans(), wide=st.booleans(), comment=st.binary(max_size=30))
tars = st.builds(tar_of, entries, form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
gzips = st.one_of(st.builds(gz, tars, members=st.integers(1, 4), level=st.sampled_from([0, 1, 6, 9])), st.builds(rich_gz, tars))


def sane(finding):
    assert set(finding.reasons) <= WORDS, finding
    assert len(finding.messages) == len(finding.reasons)
    assert all(finding.messages), finding
    return finding


@QUICK
@given(archive=zips, cut=st.integers(1, 10_000))
def test_any_zip_is_good_and_any_cut_of_it_is_not(tmp_path, archive, cut):
    whole = sane(find(tmp_path / "z", archive))
    assert (whole.verdict, [r for r in whole.reasons if r != "unsafe_names"]) == ("good", []), whole

    part = sane(find(tmp_path / "z", archive[: -(cut % len(archive) or 1)]))

    assert part.verdict != "good", part


@QUICK
@given(tar=tars, cut=st.integers(1, 100_000))
def test_any_tar_is_good_and_any_cut_of_it_is_not(tmp_path, tar, cut):
    whole = sane(find(tmp_path / "t", tar))
    if tar == bytes(1024):
        assert whole.reasons == ("only_zeros",)
        return
    assert (whole.verdict, [r for r in whole.reasons if r != "unsafe_names"]) == ("good", []), whole

    assert sane(find(tmp_path / "t", tar[: -(cut % len(tar) or 1)])).verdict != "good"


@QUICK
@given(archive=gzips, cut=st.integers(1, 100_000))
def test_any_tar_gz_is_good_and_any_cut_of_it_is_not(tmp_path, archive, cut):
    assert sane(find(tmp_path / "g", archive, promise="tar")).verdict == "good"

    assert sane(find(tmp_path / "g", archive[: -(cut % len(archive) or 1)], promise="tar")).verdict != "good"


CUT = {
    "zip": zip_of([("VERSION", b"1"), ("a", noise(120)), ("b.txt", b"hello\n" * 30)]),
    "zip streamed": zip_of([("VERSION", b"1"), ("a", noise(120))], streamed=True),
    "zip64": zip_of([("VERSION", b"1"), ("a", noise(120))], wide=True, streamed=True),
    "zip64 end": unsaturated_zip64(zip_of([("VERSION", b"1"), ("a", noise(120))])),
    "zip with comment": zip_of([("a", noise(50))], comment=b"a comment PK\x05\x06 to mislead"),
    "zip of zips": zip_of([("x", zip_of([("a", b"1")])), ("y", zip_of([])), ("z", zip_of([("b", b"2")], comment=b"c"))], method=0),
    "zip of zips behind text": b"INFO start\n" + zip_of([("x", zip_of([("a", b"1")])), ("y", zip_of([]))], method=0),
    "tar.gz": gz(tar_of([("a", noise(700)), ("b", b"b" * 900)])),
    "tar.gz of members": gz(tar_of([("a", noise(700)), ("b", b"b" * 900)]), members=5),
    "tar": tar_of([("a", noise(700)), ("b", b"b" * 300)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT)
def test_cut_at_every_byte_it_is_never_good(tmp_path, name):
    archive = CUT[name]
    assert find(tmp_path / "x", archive, promise="tar").verdict == "good"

    good = [at for at in range(len(archive)) if sane(find(tmp_path / "x", archive[:at], promise="tar")).verdict == "good"]

    assert good == []


@pytest.mark.parametrize("name", [name for name in CUT if name.startswith("zip")])
def test_cut_from_the_front_it_is_never_a_clean_good(tmp_path, name):
    """What is left of a zip may still be restorable behind foreign bytes, but then the first entry is missing."""
    archive = CUT[name]

    whole = find(tmp_path / "y", archive, promise="tar")

    clean = [at for at in range(1, len(archive)) if find(tmp_path / "x", archive[at:], promise="tar") == whole]

    assert clean == []


def stretches_of_structure(archive):
    """Return the byte ranges of end record, directory and local headers."""
    at = archive.index(b"PK\x01\x02")
    spots = list(range(at, len(archive)))
    local = archive.find(b"PK\x03\x04")
    while 0 <= local < at:
        spots += range(local, local + 30)
        local = archive.find(b"PK\x03\x04", local + 1)
    return spots


# flips in these fields leave a zip that restores: versions, times, attributes, internal flags, comments, extra fields
HARMLESS_ALLOWED = 0.75


@pytest.mark.parametrize("name", ["zip", "zip streamed", "zip64", "zip64 end"])
def test_every_bit_flipped_in_the_structure_never_crashes_and_signatures_are_missed_by_none(tmp_path, name):
    archive = CUT[name]
    good = total = 0
    for at in stretches_of_structure(archive):
        for bit in range(8):
            flipped = bytearray(archive)
            flipped[at] ^= 1 << bit
            finding = sane(find(tmp_path / "x", bytes(flipped)))
            total += 1
            good += finding.verdict == "good"
            if archive[at - 3 : at + 1] in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"):
                assert finding.verdict != "good", (at, bit, finding)
    assert good / total < HARMLESS_ALLOWED


def test_a_bit_flipped_in_a_tar_gz_is_found_or_changes_nothing(tmp_path):
    """Some bits mean nothing (the header's time, a distance within a run of zeros): then zlib, the reference, unpacks the same tar."""
    tar = tar_of([("a", noise(100))])
    archive = gz(tar)
    found = 0
    for at in range(len(archive)):
        for bit in range(8):
            flipped = archive[:at] + bytes([archive[at] ^ (1 << bit)]) + archive[at + 1 :]
            if sane(find(tmp_path / "x", flipped, promise="tar")).verdict == "good":
                assert zlib.decompress(flipped, 31) == tar, (at, bit)
            else:
                found += 1

    assert found > 8 * len(archive) * 0.9


def test_every_bit_flipped_in_a_tar_header_is_found(tmp_path):
    archive = tar_of([("a", b"x" * 600)])

    for at in range(512):
        for bit in range(8):
            finding = sane(find(tmp_path / "x", archive[:at] + bytes([archive[at] ^ (1 << bit)]) + archive[at + 1 :]))
            # the checksum field may be written in several ways that mean the same number
            assert finding.verdict != "good" or 148 <= at < 156, (at, bit, finding)


@QUICK
@given(
    data=st.binary(max_size=400),
    start=st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x1e", b"log\nPK\x03\x04"]),
)
def test_any_bytes_are_judged_without_a_crash(tmp_path, data, start):
    sane(find(tmp_path / "x", start + data))


@QUICK
@given(
    numbers=st.lists(
        st.sampled_from([0, 1, 22, 46, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]) | st.integers(0, 2**32 - 1),
        min_size=6,
        max_size=6,
    ),
    wide=st.lists(st.sampled_from([0, 1, 2**63, 2**64 - 1, 2**32]) | st.integers(0, 4000), min_size=5, max_size=5),
    with_wide=st.booleans(),
)
def test_forged_ends_are_judged_without_a_crash(tmp_path, numbers, wide, with_wide):
    body = zip_of([("a", noise(80))])
    stop = body.rindex(b"PK\x05\x06")
    here, count, size, offset, comment, far = numbers
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, here & 0xFFFF, count & 0xFFFF, size, offset, comment & 0xFFFF)
    middle = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", wide[0], 45, 45, 0, 0, *wide[1:]) + struct.pack("<4sLQL", b"PK\x06\x07", 0, far, 1)

    sane(find(tmp_path / "x", body[:stop] + (middle if with_wide else b"") + end))


@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_forged_directories_are_judged_without_a_crash(tmp_path, seed):
    rng = random.Random(seed)
    archive = bytearray(zip_of([(f"f{n}", noise(60, n + 1)) for n in range(4)], streamed=rng.random() < 0.5))
    spots = stretches_of_structure(bytes(archive))
    for _ in range(rng.randrange(1, 6)):
        at = rng.choice(spots)
        value = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0", b"\xff\xff", rng.randbytes(4)])
        archive[at : at + len(value)] = value

    sane(find(tmp_path / "x", bytes(archive)))


@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_called_good_is_opened_by_zipfile_entry_by_entry(tmp_path, seed):
    """Zipfile is what a restore uses; it may know fewer methods."""
    rng = random.Random(seed)
    archive = bytearray(rng.choice([CUT["zip"], CUT["zip streamed"], CUT["zip64"], CUT["zip64 end"], CUT["zip of zips"]]))
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(archive))
        archive[at] ^= 1 << rng.randrange(8)
    finding = find(tmp_path / "x", bytes(archive))
    if finding.verdict != "good":
        return

    with zipfile.ZipFile(io.BytesIO(archive)) as reference:
        assert len(reference.infolist()) == finding.entries
        for entry in reference.infolist():
            with contextlib.suppress(NotImplementedError, RuntimeError):  # another method; a flag that says "encrypted"
                reference.open(entry).close()


@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_forged_tars_are_judged_without_a_crash(tmp_path, seed):
    """With right checksums, so that the forged fields are really looked at."""
    rng = random.Random(seed)
    tar = bytearray(
        tar_of([("x" * rng.choice([3, 150]), noise(rng.randrange(900)))], form=rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
    )
    for block in range(0, len(tar) - 1024, 512):
        if rng.random() < 0.6:
            at = block + rng.choice([0, 124, 124, 156, 156, 345, 482, 508])
            tar[at : at + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\x80\0\0\0", b"7777", b"S" * 4, b"x" * 4, b"L" * 4, b"\0\0\0\0", rng.randbytes(4)]
            )
            tar[block + 148 : block + 156] = b" " * 8
            tar[block + 148 : block + 156] = b"%06o\0 " % sum(tar[block : block + 512])

    sane(find(tmp_path / "x", bytes(tar)))
    sane(find(tmp_path / "x", gz(bytes(tar))))


@QUICK
@given(entries)
def test_zips_that_other_tools_append_to_stay_good(tmp_path, some):
    target = io.BytesIO(zip_of([("first", b"1")]))
    with zipfile.ZipFile(target, "a") as archive:
        for name, content in some:
            if name != "first":
                archive.writestr(name, content)

    assert sane(find(tmp_path / "x", target.getvalue())).verdict == "good"


def test_a_member_with_a_wrong_length_of_a_block_does_not_hang(tmp_path):
    """A deflate stream that never ends: stored blocks without the last one marked."""
    block = b"\x00" + struct.pack("<HH", 5, 0xFFFF - 5) + b"abcde"
    data = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * 2000

    assert sane(find(tmp_path / "x", data)).reasons[0] == "truncated"


@pytest.mark.soak
@settings(max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**63 - 1))
def test_soak_mutations_of_all_formats(tmp_path, seed):
    rng = random.Random(seed)
    archive = bytearray(rng.choice(list(CUT.values())))
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(archive))
        match rng.randrange(4):
            case 0:
                archive[at] ^= 1 << rng.randrange(8)
            case 1:
                del archive[at : at + rng.randrange(1, 40)]
            case 2:
                archive[at:at] = rng.randbytes(rng.randrange(1, 40))
            case _:
                archive[at : at + 4] = rng.choice([bytes(4), b"\xff" * 4, b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x07"])
        if not archive:
            archive = bytearray(b"x")

    sane(find(tmp_path / "x", bytes(archive), promise="tar"))
