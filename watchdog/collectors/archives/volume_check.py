"""The child that verifies files of a Duplicati destination: ``python -m watchdog.collectors.archives.volume_check VOLUMES ORDER``.

Behind the same walls as ``check``, and by the same checks where a volume is a plain zip. Besides its finding of each file it tells rows for
the look across the whole folder (``folders``): the checksum of the stored bytes, which dblock an index describes, what the list of volumes
says. VOLUMES is one volume, whose descriptor is the order's, or a list of [descriptor, seconds of processor, volume]: they are answered in
their order, and after the first for which there was not enough memory nothing more is: what else lives here may have suffered.

Sources: contracts/duplicati.md, "Verifying a destination folder without Duplicati"; the AES Crypt stream format, version 2.
"""

from __future__ import annotations

import encodings.cp437  # noqa: F401  # what zipfile decodes old names with: nothing can be imported behind the walls
import json
import math
import os
import resource
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from watchdog.collectors.archives.check import CONTENT, STRUCTURE, Order, check
from watchdog.collectors.archives.confine import confine
from watchdog.collectors.archives.findings import Finding, Notes
from watchdog.collectors.archives.source import Source
from watchdog.errors import MalformedAnswer
from watchdog.model.volumes import Kind
from watchdog.runtime.manifests import MANIFEST_BYTES, understood

Row = tuple[str, ...]
"""One thing told: ("digest", algorithm, hex), ("names", dblock, size, base64), ("listed", name, size, base64, state),
("manifest", version, algorithm of checksums) or ("part", name, size, hex)."""
AES_MAGIC = b"AES\x02"
_AES_BLOCK, _AES_IV, _AES_KEYS, _AES_HMAC, _AES_LAST = 16, 16, 48, 32, 33
_AES_EXTENSIONS = 1000
_PACKET = 0x80  # every OpenPGP packet begins with this bit
MOST_JSON = 64 << 20
ROWS_A_LINE = 200
_BOM = b"\xef\xbb\xbf"
_NEEDED = {"dlist": ("manifest", "filelist.json"), "dindex": ("manifest",), "dblock": ("manifest",)}


@dataclass(frozen=True, slots=True)
class Volume:
    """What the file's name promises; ``algorithm`` is a name of hashlib."""

    kind: Kind
    packing: str
    encryption: str
    algorithm: str


def examine(source: Source, level: int, volume: Volume, memory: int) -> tuple[Finding, list[Row]]:
    """Given an open volume, return what can be proven up to ``level``, and the rows it tells. ``memory``: bytes that a decoder may use."""
    if source.size == 0 and volume.kind != "part":
        return _only("duplicati", 0, "empty", "the file is empty"), []
    if volume.kind == "list":
        return _list(source)
    if volume.kind == "manifest":
        return _manifest(source)
    rows: list[Row] = []
    if volume.kind == "part":
        finding = Finding("part", level)
    elif volume.encryption:
        finding = _encrypted(source, level, volume.encryption)
    elif volume.packing == "zip":
        finding, rows = _plain(source, level, volume, memory)
    else:
        finding = _only("unknown", 0, "unsupported_format", f"volumes packed as {volume.packing} are not looked into")
    if level < CONTENT:
        return finding, rows
    digest = source.digest()
    return finding, [*rows, *([("digest", volume.algorithm, digest)] if digest else [])]


def _only(format_: str, level: int, reason: str, message: str) -> Finding:
    notes = Notes()
    notes.add(reason, message)
    return notes.finding(format_, level)


# ---- plain volumes -----------------------------------------------------------------------------------------------------------------------


def _plain(source: Source, level: int, volume: Volume, memory: int) -> tuple[Finding, list[Row]]:
    finding = check(source, level, "archive", memory)
    finding = replace(finding, sha1=None)  # what the source hashes is of another kind here
    if level < CONTENT or finding.verdict != "good" or finding.format != "zip":
        return finding, []
    try:
        return finding, list(_told_inside(source, volume.kind))
    except _Odd as odd:
        return replace(_only("zip", CONTENT, "not_a_volume", str(odd)), entries=finding.entries), []


class _Odd(Exception):
    """A zip is whole, and not what its name says."""


def _told_inside(source: Source, kind: Kind) -> Iterator[Row]:
    with os.fdopen(source.descriptor, "rb", closefd=False) as file, zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        lacking = [name for name in _NEEDED[kind] if name not in names]
        if lacking:
            raise _Odd(f"it has no {lacking[0]}: no {kind} of Duplicati")
        manifest = _json(archive, "manifest")
        if not isinstance(manifest, dict):
            raise _Odd("its manifest is no JSON object")
        yield "manifest", str(manifest.get("Version", "")), str(manifest.get("FileHash", ""))
        if kind == "dlist" and not isinstance(_json(archive, "filelist.json"), list):
            raise _Odd("its filelist.json is no JSON list")
        for name in archive.namelist() if kind == "dindex" else ():
            if name.startswith("vol/"):
                match _json(archive, name):
                    case {"volumehash": str() as digest, "volumesize": int() as size}:
                        yield "names", name.removeprefix("vol/"), str(size), digest
                    case _:
                        raise _Odd(f"its entry {name[:100]} does not say size and checksum of its dblock")


def _json(archive: zipfile.ZipFile, name: str) -> object:
    if archive.getinfo(name).file_size > MOST_JSON:
        raise _Odd(f"its {name[:100]} is larger than {MOST_JSON >> 20} MiB")
    return _loads(archive.read(name), name[:100])


def _loads(text: bytes, what: str) -> object:
    try:
        return json.loads(text.removeprefix(_BOM))
    except (ValueError, RecursionError):
        raise _Odd(f"its {what} is no JSON") from None


# ---- encrypted volumes -------------------------------------------------------------------------------------------------------------------


def _encrypted(source: Source, level: int, encryption: str) -> Finding:
    """Judge by head and length: nothing else is provable without the passphrase."""
    if encryption == "gpg":
        if source.at(0, 1)[0] & _PACKET:
            return _only("gpg", min(level, STRUCTURE), "encrypted_volume", "it is encrypted: its inside cannot be looked at")
        return _only("unknown", 0, "wrong_head", "it does not begin as an OpenPGP message does")
    if encryption != "aes":
        return _only("unknown", 0, "unsupported_format", f"volumes encrypted as {encryption} are not looked at")
    if source.at(0, 4) != AES_MAGIC:
        return _only("unknown", 0, "wrong_head", "it does not begin as an AES Crypt file of version 2 does")
    if level >= STRUCTURE and not aes_length_fits(source):
        return _only("aes", STRUCTURE, "truncated", "its length is none that encryption makes: it was cut off or something was added")
    return _only("aes", min(level, STRUCTURE), "encrypted_volume", "it is encrypted: its inside cannot be looked at")


def aes_length_fits(source: Source) -> bool:
    """Whether whole cipher blocks and the end fit between the head of an AES Crypt file and its last byte: 15 of 16 cuts are seen."""
    at = 5
    for _ in range(_AES_EXTENSIONS):
        length = int.from_bytes(source.at(at, 2), "big")
        at += 2 + length
        if length == 0:
            break
        if at >= source.size:
            return False
    body = source.size - at - _AES_IV - _AES_KEYS - _AES_HMAC - _AES_LAST
    if body < 0 or body % _AES_BLOCK:
        return False
    return source.at(source.size - _AES_LAST, 1)[0] < _AES_BLOCK


# ---- the list of volumes -----------------------------------------------------------------------------------------------------------------


def _list(source: Source) -> tuple[Finding, list[Row]]:
    """Read the list of volumes. It is plain whatever encrypts the volumes."""
    if source.size > MOST_JSON:
        return _only("duplicati_list", 0, "memory_needed", f"the list of volumes is larger than {MOST_JSON >> 20} MiB"), []
    text = b"".join(iter(source.read, b""))
    try:
        rows = _listed(_loads(text, "list of volumes"))
    except _Odd as odd:
        return _only("duplicati_list", CONTENT, "damaged_list", str(odd)), []
    return Finding("duplicati_list", CONTENT, entries=len(rows)), rows


# ---- archives in parts -------------------------------------------------------------------------------------------------------------------


def _manifest(source: Source) -> tuple[Finding, list[Row]]:
    """Read the manifest of an archive in parts."""
    if source.size > MANIFEST_BYTES:
        return _only("manifest", 0, "damaged_manifest", "it is larger than a manifest can be"), []
    try:
        manifest = understood(b"".join(iter(source.read, b"")), "it")
    except MalformedAnswer as error:
        return _only("manifest", CONTENT, "damaged_manifest", str(error)), []
    rows = [("part", part.name, str(part.size), part.sha256) for part in manifest.parts]
    return Finding("manifest", CONTENT, entries=len(rows)), list(rows)


def _listed(told: object) -> list[Row]:
    if not isinstance(told, list):
        raise _Odd("it is no JSON list")
    rows: list[Row] = []
    for one in told:
        match one:
            case {"Name": str() as name, "State": int() as state, "Size": int() | None as size, "Hash": str() | None as digest}:
                rows.append(("listed", name, str(-1 if size is None else size), digest or "", str(state)))
            case _:
                raise _Odd("an entry of it has no name, state, size or checksum as agreed")
    return rows


def _print(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Do one order; of each volume print the rows, then the finding, or the class of what went wrong."""
    told, order = json.loads(argv[0]), Order(**json.loads(argv[1]))
    volumes = told if isinstance(told, list) else [[order.descriptor, order.cpu, told]]
    walls = confine(order.parent, order.memory, order.cpu)
    for descriptor, seconds, volume in volumes:
        _allow(seconds)
        if not _answer(descriptor, Volume(**volume), order, walls):
            break
    return 0


def _allow(seconds: int) -> None:
    """Bound the processor time of the next volume, within that of all."""
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(time.process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft if most == resource.RLIM_INFINITY else min(soft, most), most))


def _answer(descriptor: int, volume: Volume, order: Order, walls: tuple[str, ...]) -> bool:
    """Examine one open volume and print what was found; return whether this process is fit for another."""
    try:
        before = os.fstat(descriptor)
        source = Source(descriptor, before.st_size, order.rate, digest=order.level >= CONTENT, algorithm=volume.algorithm)
        finding, rows = examine(source, order.level, volume, order.memory)
        after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            finding, rows = Finding(finding.format, 0, ("changed",), ("it changed while it was read",)), []
        for at in range(0, len(rows), ROWS_A_LINE):
            _print({"told": rows[at : at + ROWS_A_LINE]})
        _print({**asdict(finding), "verdict": finding.verdict, "walls": walls, "read_bytes": source.read_bytes})
    except MemoryError:
        _print({"failed": "memory"})
        return False
    except OSError as error:
        _print({"failed": "unreadable", "message": error.strerror or type(error).__name__})
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
