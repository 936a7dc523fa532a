"""Real volumes in a real folder: dblock, dindex and dlist, and the list of them all (contract section 4; recordings job/destination)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import secrets
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchdog.panels.duplicati.fake import job_database, sealing
from watchdog.panels.duplicati.fake.rows import Job
from watchdog.panels.duplicati.fake.stamps import stamp

BLOCK: Final = 100 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_NAME: Final = re.compile(r"^([^-]+)-(?:[bi][0-9a-f]{32}|\d{8}T\d{6}Z)\.(dblock|dindex|dlist)\.zip(\.aes)?$")
_NUMBERS: Final = {"dblock": 0, "dlist": 1, "dindex": 2}
_NO_DATE: Final = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Listing:
    """The source as one run saw it: files with size and time, and their bytes in all."""

    files: Mapping[str, tuple[int, int]]

    @property
    def bytes(self) -> int:
        """Return the bytes of all files."""
        return sum(size for size, _ in self.files.values())


def listing(job: Job) -> Listing:
    """Return what the job's sources have in them."""
    found = (path for source in job.sources for path in sorted(Path(source).rglob("*")) if path.is_file())
    return Listing({str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found})


def present(job: Job) -> dict[str, Path]:
    """Return the volumes in the destination that are of this job, by name."""
    try:
        found = list(job.destination.iterdir())
    except OSError:
        return {}
    return {path.name: path for path in found if (match := _NAME.match(path.name)) and match[1] == job.prefix}


def digest(content: bytes) -> str:
    """Return a SHA-256 as the volumes have it: base64."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")


def digest_of(path: Path) -> str:
    """Return a file's digest; "" = it is not there."""
    return digest(path.read_bytes()) if path.is_file() else ""


def write(job: Job, version: str, files: Iterable[str], every: Listing, at: float) -> list[tuple[str, str, int, str]]:
    """Write one backup: the blocks of ``files``, and a list of ``every`` file; return (name, kind, size, hash) of each volume."""
    block_name, index_name = (
        f"{job.prefix}-{letter}{secrets.token_hex(16)}.{kind}.zip" for letter, kind in (("b", "dblock"), ("i", "dindex"))
    )
    blocks = {digest(piece): piece for name in files for piece in _pieces(Path(name).read_bytes())}
    head = _manifest(version, at)
    volumes: list[tuple[str, str, bytes]] = []
    if blocks:
        dblock = _locked(
            job, _zip({"manifest": head, **{name.replace("/", "_").replace("+", "-"): piece for name, piece in blocks.items()}}, at)
        )
        told = {
            "blocks": [{"hash": name, "size": len(piece)} for name, piece in blocks.items()],
            "volumehash": digest(dblock),
            "volumesize": len(dblock),
        }
        ending = ".aes" if job.encrypted else ""
        dindex = _locked(job, _zip({"manifest": head, f"vol/{block_name}{ending}": json.dumps(told, separators=(",", ":")).encode()}, at))
        volumes += [(block_name + ending, "dblock", dblock), (index_name + ending, "dindex", dindex)]
    entries = [_entry(name, size, mtime) for name, (size, mtime) in every.files.items()]
    listed = _BOM + json.dumps(entries, separators=(",", ":")).encode()
    content = _zip({"manifest": head, "fileset": _BOM + b'{"IsFullBackup":true}', "filelist.json": listed}, at)
    volumes.append((f"{job.prefix}-{stamp(at)}.dlist.zip" + (".aes" if job.encrypted else ""), "dlist", _locked(job, content)))
    for name, _, content in volumes:
        (job.destination / name).write_bytes(content)
    return [(name, kind, len(content), digest(content)) for name, kind, content in volumes]


def write_verification(job: Job, *, newest: bool) -> None:
    """Write the list of all volumes, if the job has one: plain even when they are encrypted, with a BOM."""
    if job.setting("upload-verification-file").lower() != "true":
        return
    more = {"ArchiveTime": _NO_DATE, "LockExpirationTime": _NO_DATE} if newest else {}
    rows: list[dict[str, Any]] = []
    for number, (name, (size, told)) in enumerate(job_database.known_volumes(job.db_path).items(), 1):
        kind = name.split(".")[1]
        rows.append(
            {
                "ID": number,
                "Name": name,
                "Hash": told,
                "Size": size,
                "Type": _NUMBERS[kind],
                "State": 3,
                "DeleteGracePeriod": _NO_DATE,
                **more,
            }
        )
    (job.destination / f"{job.prefix}-verification.json").write_bytes(_BOM + json.dumps(rows, separators=(",", ":")).encode())


def cut(job: Job, at: float, version: str) -> None:
    """Leave what a killed server leaves: a dblock that ends in the middle, and no list."""
    if not job.destination.is_dir():
        return
    names = list(listing(job).files)[:1]
    pieces = {digest(piece): piece for name in names for piece in _pieces(Path(name).read_bytes())}
    content = _locked(
        job, _zip({"manifest": _manifest(version, at), **{name.replace("/", "_"): piece for name, piece in pieces.items()}}, at)
    )
    ending = ".aes" if job.encrypted else ""
    name = f"{job.prefix}-b{secrets.token_hex(16)}.dblock.zip{ending}"
    job_database.note_on_its_way(job.db_path, name)
    (job.destination / name).write_bytes(content[: len(content) // 2])


def _locked(job: Job, content: bytes) -> bytes:
    return sealing.sealed(content, job.setting("passphrase")) if job.encrypted else content


def _manifest(version: str, at: float) -> bytes:
    told = {
        "Version": 2,
        "Created": stamp(at),
        "Encoding": "utf8",
        "Blocksize": BLOCK,
        "BlockHash": "SHA256",
        "FileHash": "SHA256",
        "AppVersion": version,
    }
    return _BOM + json.dumps(told, separators=(",", ":")).encode()


def _zip(entries: Mapping[str, bytes], at: float) -> bytes:
    buffer = io.BytesIO()
    moment = time.gmtime(at)[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, moment)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


def _pieces(content: bytes) -> list[bytes]:
    return [content[start : start + BLOCK] for start in range(0, len(content), BLOCK)]


def _entry(name: str, size: int, mtime: int) -> dict[str, Any]:
    try:
        told = digest(Path(name).read_bytes())
    except OSError:
        told = ""
    return {
        "type": "File",
        "path": name,
        "hash": told,
        "size": size,
        "time": stamp(mtime / 1e9),
        "metahash": digest(name.encode()),
        "metasize": 189,
    }
