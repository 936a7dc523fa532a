"""Verification of every byte, by the real child, against the tools that people use: processor time, and the child's resident memory.

Processor time of whole processes with their start, user and system, the best of a few rounds: the page cache is warm for both sides, and a
busy machine does not count. Our side also computes the SHA-1 of the file in the same pass.
Goals (issue 4): 3 x `unzip -t` on deflate, 2 x `gzip -t` on tar.gz, below 64 MiB resident whatever the archive's size.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from isal import isal_zlib

from benchmarks import Ratio
from tests.support.archives import many_entries
from tests.support.corpus import sealed
from tests.support.corpus import streams as s
from tests.support.corpus import zips as z
from watchdog.collectors.archives.order import MODULE, Limits, Turn, verify
from watchdog.collectors.archives.settings import promise
from watchdog.runtime.child import module_argv

MIB = 1 << 20
PIECE, PIECES = 8 * MIB, 64
ROUNDS = 3
HUGE = 6 << 30
BOUND = 64.0


def run() -> list[Ratio]:
    with tempfile.TemporaryDirectory(prefix="pw-") as folder:
        return list(_ratios(Path(folder)))


def _ratios(folder: Path) -> Iterator[Ratio]:
    piece = _text(PIECE)
    zipped, packed, stored, small = folder / "deflate.zip", folder / "world.tar.gz", folder / "stored.zip", folder / "small.zip"
    deflated = z.deflate(piece)
    zipped.write_bytes(z.zip_with([z.Entry(f"f{n}", piece, z.DEFLATE, packed=deflated) for n in range(PIECES)]))
    packed.write_bytes(_tar_gz(piece))
    stored.write_bytes(z.zip_with([z.Entry(f"f{n}", piece) for n in range(PIECES // 2)]))
    many_entries(small, 200_000)
    testzip = [sys.executable, "-c", "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)"]
    for what, path, tool, argv in (
        ("deflate zip, 512 MiB unpacked", zipped, "unzip", ["unzip", "-tqq"]),
        ("deflate zip, 512 MiB unpacked", zipped, "zipfile.testzip", testzip),
        ("tar.gz, 512 MiB unpacked", packed, "gzip", ["gzip", "-t"]),
        ("stored zip, 256 MiB", stored, "unzip", ["unzip", "-tqq"]),
        ("stored zip, 256 MiB", stored, "sha1sum", ["sha1sum"]),
        ("zip of 200,000 entries", small, "zipfile.testzip", testzip),
    ):
        if shutil.which(argv[0]) is None:
            print(f"archives: no '{argv[0]}' here, no ratio against it", file=sys.stderr)
            continue
        theirs = _best(lambda path=path, argv=argv: _tool([*argv, str(path)]))
        yield Ratio(what, _best(lambda path=path: _ours(path)), tool, theirs)
    yield from _sealed(folder / "sealed.zip.crypt", stored)
    yield from _memory(folder, piece, (zipped, packed, stored, small))
    yield _huge(folder / "huge.zip")


# how a person with the same library would look whether a container is whole; it says nothing about the zip inside
_ONE_SHOT = """
import base64, json, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
head, _, rest = open(sys.argv[1], "rb").read().partition(b"\\0")
AESGCM(bytes.fromhex(sys.argv[2])).decrypt(base64.b64decode(json.loads(head[4:])["nonce"]), rest, head + b"\\0")
"""


def _sealed(path: Path, stored: Path) -> Iterator[Ratio]:
    """An encrypted container: its tag, the SHA-1 of the file and every byte of the zip inside, against cryptography's one-shot AES-GCM."""
    path.write_bytes(sealed.sealed(stored.read_bytes()))
    argv = [sys.executable, "-c", _ONE_SHOT, str(path), sealed.KEY.hex()]
    theirs = _best(lambda: _tool(argv))
    yield Ratio("encrypted stored zip, 256 MiB", _best(lambda: _ours(path, sealed.KEY)), "cryptography's one-shot AES-GCM", theirs)
    yield Ratio(f"child resident, {path.name}", _resident(path, sealed.KEY), "the goal", BOUND, "MiB")


def _tar_gz(piece: bytes) -> bytes:
    """Return a local backup of Wings with one large file: one member, its blocks flushed one by one, the same block again and again."""
    size = PIECES * len(piece)
    parts = [s.header("world", size), *[piece] * PIECES, bytes(1024)]
    crc = 0
    for part in parts:
        crc = isal_zlib.crc32(part, crc)
    flushed = {}
    for part in (parts[0], piece):
        packer = zlib.compressobj(6, wbits=-15)
        flushed[part] = packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH)
    trailer = struct.pack("<LL", crc, (size + 1536) & 0xFFFFFFFF)
    body = flushed[parts[0]] + flushed[piece] * PIECES + z.deflate(parts[-1])
    return b"\x1f\x8b\x08\0\0\x09\x6e\x88\0\xff" + body + trailer


def _text(size: int) -> bytes:
    """Return text that packs about as well as a game server's world and logs: words drawn at random."""
    rng = random.Random(1)
    words = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10))) for _ in range(5000)]
    piece = b" ".join(rng.choices(words, k=3_000_000))
    return (piece * (size // len(piece) + 1))[:size]


def _best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(ROUNDS))


def _spent() -> float:
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def _tool(argv: list[str]) -> float:
    before = _spent()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return _spent() - before


def _ours(path: Path, key: bytes = b"") -> float:
    before = _spent()
    _verified(path, key)
    return _spent() - before


def _verified(path: Path, key: bytes = b"") -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        finished = verify(descriptor, 2, promise(str(path)), Limits(256 * MIB, 3600, 0.0), threading.Event(), Turn(key=key))
    finally:
        os.close(descriptor)
    if finished.verdict != "good" or finished.sha1 is None:
        raise RuntimeError(f"{path}: {finished}")


def _memory(folder: Path, piece: bytes, paths: tuple[Path, ...]) -> Iterator[Ratio]:
    bzip2, wide = folder / "bzip2.zip", folder / "window-8-MiB.tar.zst"
    bzip2.write_bytes(z.zip_with([z.Entry(f"f{n}", piece, z.BZIP2) for n in range(2)]))
    wide.write_bytes(s.zstd_frame(s.wings_tar((("world", piece * 8),)), window=23, size=False))
    for path in (*paths, bzip2, wide):
        yield Ratio(f"child resident, {path.name}", _resident(path), "the goal", BOUND, "MiB")


# a child inherits the mark of the process that forks it: so a small one starts it
_MEASURE = """
import json, os, resource, subprocess, sys
path, argv, level, key = sys.argv[1], sys.argv[4:], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
fd = os.open(path, os.O_RDONLY)
fds = [fd]
order = {"descriptor": fd, "level": level, "memory": 256 << 20, "cpu": 3600, "rate": 0.0, "promise": "archive", "parent": os.getpid()}
if key:
    out, into = os.pipe()
    os.write(into, key)
    os.close(into)
    order["key"] = out
    fds.append(out)
answer = json.loads(subprocess.run([*argv, json.dumps(order)], pass_fds=fds, stdout=subprocess.PIPE, check=True).stdout.splitlines()[-1])
assert answer["verdict"] == "good", answer
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _resident(path: Path, key: bytes = b"") -> float:
    """Return the resident MiB of the child that verifies ``path``."""
    argv = [sys.executable, "-c", _MEASURE, str(path), "2", key.hex(), *module_argv(MODULE)]
    return int(subprocess.run(argv, check=True, capture_output=True, text=True).stdout) / 1024


def _huge(path: Path) -> Ratio:
    """6 GiB stored in one entry; the file is sparse, so that it costs no disk."""
    crc, zeros = 0, bytes(64 * MIB)
    for _ in range(HUGE // len(zeros)):
        crc = isal_zlib.crc32(zeros, crc)
    name = b"uploadedfiles/huge"
    wide = struct.pack("<HHQQ", 1, 16, HUGE, HUGE)
    with path.open("wb") as file:
        file.write(struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(wide)) + name + wide)
        file.seek(HUGE, os.SEEK_CUR)
        start = file.tell()
        record = struct.pack("<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(wide), 0, 0, 0, 0, 0)
        file.write(record + name + wide)
        size = file.tell() - start
        file.write(
            struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, start) + struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
        )
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size, 0xFFFFFFFF, 0))
    return Ratio("child resident, 6 GiB zip", _resident(path), "the goal", BOUND, "MiB")
