"""Duplicati destinations for tests: our own writer, the recorded real ones, and judging a folder without children.

Source: contracts/duplicati.md, "Verifying a destination folder without Duplicati".
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from pathlib import Path

from tests.support.archives import noise, zip_of
from watchdog.collectors.archives.folders import Judged, Seen, algorithm_of, conclude
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.volume_check import Volume, examine
from watchdog.model.volumes import volume_name

RECORDINGS = Path(__file__).parents[1] / "recordings" / "duplicati"
PLAIN = RECORDINGS / "job" / "destination"
ENCRYPTED = RECORDINGS / "2.3.0.4" / "destination-encrypted"
BOM = b"\xef\xbb\xbf"
TYPES = {"dblock": 0, "dlist": 1, "dindex": 2}
OLD = 1_700_000_000_000_000_000


def digest(data, algorithm="sha256"):
    return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


def manifest(algorithm="sha256"):
    told = {"Version": 2, "Created": "20260101T000000Z", "Encoding": "utf8", "Blocksize": 102400, "BlockHash": "SHA256",
            "FileHash": algorithm.upper(), "AppVersion": "2.3.0.4"}  # fmt: skip
    return BOM + json.dumps(told).encode()


def locked(data, seed=0):
    """Return ``data`` in the frame of an AES Crypt file of version 2: head, an extension, keys, whole blocks, length of the last, HMAC."""
    created = b"CREATED_BY\0test"
    head = b"AES\x02\x00" + len(created).to_bytes(2, "big") + created + b"\x00\x00"
    body = data + bytes(-len(data) % 16)
    return head + noise(96, seed) + body + bytes([len(data) % 16]) + noise(32, seed + 1)


def pair(number, prefix="duplicati", algorithm="sha256", content=b""):
    """Return a dblock and the dindex that names it."""
    block = f"{prefix}-b{number:032x}.dblock.zip"
    dblock = zip_of(
        [("manifest", manifest(algorithm)), (digest(b"x").replace("/", "_"), content or noise(3000, number))], method=zipfile.ZIP_STORED
    )
    about = {"blocks": [{"hash": digest(b"x"), "size": 3000}], "volumehash": digest(dblock, algorithm), "volumesize": len(dblock)}
    dindex = zip_of([("manifest", manifest(algorithm)), (f"vol/{block}", json.dumps(about).encode())])
    return {block: dblock, f"{prefix}-i{number:032x}.dindex.zip": dindex}


def filelist(day=1, prefix="duplicati", algorithm="sha256"):
    entries = [("manifest", manifest(algorithm)), ("fileset", b'{"IsFullBackup":true}'), ("filelist.json", b"[]")]
    return {f"{prefix}-202601{day:02}T020000Z.dlist.zip": zip_of(entries)}


def volumes(prefix="duplicati", algorithm="sha256", *, encrypted=False):
    """Return a whole set of volumes, by name, without a list: two pairs, two backups."""
    found = {**pair(1, prefix, algorithm), **pair(2, prefix, algorithm), **filelist(1, prefix, algorithm), **filelist(2, prefix, algorithm)}
    return {f"{name}.aes": locked(data, seed) for seed, (name, data) in enumerate(found.items())} if encrypted else found


def row(name, data, algorithm="sha256", state=3):
    kind = TYPES[volume_name(name).kind]
    return {"ID": 1, "Name": name, "Hash": digest(data, algorithm), "Size": len(data), "Type": kind, "State": state,
            "DeleteGracePeriod": "1970-01-01T00:00:00Z"}  # fmt: skip


def listed(found, algorithm="sha256", prefix="duplicati", more=()):
    """Return ``found`` with the list of volumes."""
    rows = [row(name, data, algorithm) for name, data in found.items()]
    return {**found, f"{prefix}-verification.json": BOM + json.dumps([*rows, *more]).encode()}


def recorded(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def lay(folder, found, newer=()):
    """Write a folder; all files are equally old but the ``newer`` ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in found.items():
        (folder / name).write_bytes(data)
        at = OLD + (10**9 if name in newer else 0)
        os.utime(folder / name, ns=(at, at))
    return folder


def judged(folder, found, *, level=2, newer=(), whole=True):
    """Lay and judge a folder, each volume examined in this process: list of volumes first, as everywhere."""
    lay(folder, found, newer)
    seen = []
    for path in sorted(folder.iterdir(), key=lambda path: (not path.name.endswith("-verification.json"), path.name)):
        name = volume_name(path.name)
        if name is None:
            continue
        algorithm = algorithm_of(name.prefix, seen)
        fd = os.open(path, os.O_RDONLY)
        facts = os.fstat(fd)
        source = Source(fd, facts.st_size, digest=level > 1, algorithm=algorithm)
        finding, told = examine(source, level, Volume(name.kind, name.packing, name.encryption, algorithm), 64 << 20)
        os.close(fd)
        answer = Judged(finding.verdict, finding.level, finding.reasons, "; ".join(finding.messages), tuple(map(tuple, told)))
        seen.append(Seen(name, facts.st_size, facts.st_mtime_ns, answer))
    return conclude("d", str(folder), seen, whole=whole)
