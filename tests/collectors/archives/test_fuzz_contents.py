"""Mutated archives at every byte (level 2): never a crash, never endless, and what is called good is what other readers read.

In `make test` the same 2,000 inputs per format each time, in `make soak` 100,000 new ones. Findings join the corpus.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import random
import resource
import time
import zipfile
from base64 import b64decode

import pytest
from backports import zstd
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.archives import find
from tests.support.corpus import DAMAGED, UNPROVABLE, WHOLE
from tests.support.corpus.sealed import KEY, boxes_of
from watchdog.collectors.archives.findings import BAD, NOTED, UNVERIFIABLE

FORMATS = {"zip": ".zip", "tar": ".tar", "gzip": ".tar.gz", "zstd": ".tar.zst", "xz": ".tar.xz", "c2ypt": ".zip.crypt"}
WORDS = {*BAD, *NOTED, *UNVERIFIABLE}
MAGIC = [
    b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\10", b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\xfd7zXZ\0",
    b"\xc2YPT{", b'"nonce": "', b'"}\0',
    bytes(4), b"\xff" * 4, bytes(512), b"\xff\xff", b"\x01\0\x10\0", b"7777",
]  # fmt: skip
LARGEST = 20_000
SOAK_SECONDS, SOAK_KIBIBYTES = 2.0, 512 << 10  # hypothesis remembers what it has tried
SECONDS = 30  # of this thread's processor time: a hang, not a slow machine


def seeds(kind: str) -> list[bytes]:
    named = [case for case in (*WHOLE, *DAMAGED, *UNPROVABLE) if case.name.endswith(FORMATS[kind])]
    return [data for data in (case.make() for case in named) if 0 < len(data) < LARGEST]


SEEDS = {kind: seeds(kind) for kind in FORMATS}


def mutated(kind: str, number: int) -> bytes:
    """Return one archive with some wounds, always the same for one number."""
    rng = random.Random(number)
    archive = bytearray(rng.choice(SEEDS[kind]))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(archive) + 1)
        match rng.randrange(8):
            case 0 | 1:
                if at < len(archive):
                    archive[at] ^= 1 << rng.randrange(8)
            case 2:
                del archive[at : at + rng.randrange(1, 60)]
            case 3:
                archive[at:at] = rng.randbytes(rng.randrange(1, 60))
            case 4:
                word = rng.choice(MAGIC)
                archive[at : at + len(word)] = word
            case 5:
                del archive[at:]
            case 6:
                other = rng.choice(SEEDS[kind])
                begin = rng.randrange(len(other))
                archive[at:at] = other[begin : begin + rng.randrange(1, 2000)]
            case _:
                begin = rng.randrange(len(archive) + 1)
                archive[at:at] = archive[begin : begin + rng.randrange(1, 600)]
    return bytes(archive)


def by_others(kind: str, archive: bytes) -> None:
    """Let the reference implementation read all of it; it raises when it cannot."""
    match kind:
        case "zip":
            with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                assert opened.testzip() is None
        case "gzip":
            gzip.decompress(archive)
        case "zstd":
            zstd.decompress(archive, options={zstd.DecompressionParameter.window_log_max: 31})
        case "xz":
            lzma.decompress(archive, lzma.FORMAT_XZ)
        case "c2ypt":
            aad, _, rest = archive.partition(b"\0")
            nonce = b64decode(json.loads(aad[4:])["nonce"])
            by_others("zip", AESGCM(KEY).decrypt(nonce, rest, aad + b"\0"))


# zipfile takes the last thing in a comment that looks like an end for one
NOT_FOR_ZIPFILE = {"confusing_comment"}


def judge(path, kind: str, number: int, seconds: float = SECONDS) -> None:
    archive = mutated(kind, number)
    began = time.thread_time()

    finding = find(path, archive, level=2, promise="archive" if kind in ("zip", "tar", "c2ypt") else "tar", key=KEY)

    assert time.thread_time() - began < seconds
    assert set(finding.reasons) <= WORDS, finding
    assert all(finding.messages), finding
    assert len(finding.messages) == len(finding.reasons)
    assert finding.sha1 or not archive or finding.level < 2, finding
    if finding.salvage is not None:
        assert finding.salvage.entries >= len(finding.salvage.names)
    if finding.verdict == "good" and finding.format == kind and not set(finding.reasons) & NOT_FOR_ZIPFILE:
        by_others(kind, archive)


@pytest.mark.parametrize("kind", FORMATS)
def test_mutated_archives_are_judged_and_the_good_ones_are_good(tmp_path, kind):
    @settings(max_examples=2000, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(number=st.integers(0, 2**63 - 1))
    def run(number):
        judge(tmp_path / "x", kind, number)

    run()


def test_what_is_sealed_is_judged_like_what_is_not(tmp_path):
    """Another way through the same bytes: every wounded zip gets the same words inside a container as outside."""
    for number in range(700):
        plain = mutated("zip", number)
        outside = find(tmp_path / "x", plain, level=2)
        inside = find(tmp_path / "x", boxes_of(plain, number), level=2, key=KEY)
        if len(plain) >= 22:
            assert (inside.verdict, inside.reasons, inside.entries) == (outside.verdict, outside.reasons, outside.entries), number
            assert inside.salvage == outside.salvage, number


@pytest.mark.soak
@pytest.mark.parametrize("kind", FORMATS)
def test_soak_mutated_archives(tmp_path, kind):
    """None takes two seconds of the processor, and none leaves memory behind or needs much: measured where nothing else runs."""

    @settings(max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))
    @given(number=st.integers(0, 2**63 - 1))
    def run(number):
        judge(tmp_path / "x", kind, number, SOAK_SECONDS)

    for number in range(500):
        judge(tmp_path / "x", kind, number, SOAK_SECONDS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < SOAK_KIBIBYTES


def test_any_bit_flipped_in_a_content_is_found(tmp_path):
    """Every single bit of stored, deflated, bzip2 and lzma contents: found, or another reader reads the same bytes too."""
    whole = next(case for case in WHOLE if case.name == "methods.zip").make()
    missed = []
    for at in range(whole.index(b"PK\1\2")):
        for bit in range(8):
            flipped = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
            if find(tmp_path / "x", flipped, level=2).verdict == "good":
                with zipfile.ZipFile(io.BytesIO(flipped)) as opened, zipfile.ZipFile(io.BytesIO(whole)) as before:
                    if [opened.read(name) for name in opened.namelist()] != [before.read(name) for name in before.namelist()]:
                        missed.append((at, bit))
    assert missed == []
