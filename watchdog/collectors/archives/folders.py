"""A Duplicati destination as one thing: what its volumes, its indexes and its list of volumes say about each other. Pure.

Source: contracts/duplicati.md, "Verifying a destination folder without Duplicati". Stricter than the official script: sizes count, a
volume that should be gone is named, and a list that is older than the volumes proves no absence.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from watchdog.collectors.archives.answers import Row
from watchdog.collectors.archives.findings import BAD, Notes
from watchdog.model.archives import ArchiveVerdict, VolumeSet
from watchdog.model.volumes import ALGORITHMS, USUAL, VolumeName

UPLOADED = ("2", "3")
DELETED = "5"
_NAMES_TOLD = 5
MOST_NAMED = 300
_ENCRYPTED = "encrypted_volume"


@dataclass(frozen=True, slots=True)
class Judged:
    """What verification says of one file; ``told`` are the rows of ``volume_check``, ``at`` UNIX seconds."""

    verdict: ArchiveVerdict
    level: int
    reasons: tuple[str, ...]
    message: str
    told: tuple[Row, ...] = ()
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One file of the folder: its name, bytes, modification time in nanoseconds, and what is known of its inside (None = nothing yet)."""

    name: VolumeName
    size: int
    mtime_ns: int
    judged: Judged | None = None


def algorithm_of(prefix: str, files: Iterable[Seen]) -> str:
    """Return the algorithm of the checksums in the list of volumes of ``prefix``, or the usual one while that is not known."""
    for file in files:
        mine = file.name.kind == "list" and file.name.prefix == prefix
        for row in file.judged.told if mine and file.judged else ():
            algorithm = ALGORITHMS.get(len(_bytes(row[3])))
            if algorithm:
                return algorithm
    return USUAL


def conclude(directory: str, path: str, files: Sequence[Seen], *, whole: bool = True) -> tuple[VolumeSet, ...]:
    """Judge the volumes of one folder, prefix by prefix; ``whole``: all its files have been seen, so that what is absent is missing."""
    prefixes = sorted({file.name.prefix for file in files if file.name.kind != "list"})
    return tuple(_Folder([file for file in files if file.name.prefix == prefix], whole=whole).judge(directory, path) for prefix in prefixes)


def _bytes(digest: str) -> bytes:
    try:
        return base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return b""


@dataclass(slots=True)
class _Names:
    """Names under one reason: all are counted, a few told."""

    found: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, why: str = "") -> None:
        self.found.setdefault(name, why)

    def text(self, what: str) -> str:
        told = [name + (f" ({why})" if why else "") for name, why in list(self.found.items())[:_NAMES_TOLD]]
        more = f" and {len(self.found) - _NAMES_TOLD} more" if len(self.found) > _NAMES_TOLD else ""
        return f"{len(self.found)} {what}: {', '.join(told)}{more}"


_TEXTS = {
    "damaged_volumes": "volumes are damaged",
    "missing_volumes": "volumes are missing",
    "size_differs": "volumes have another size than was uploaded",
    "hash_differs": "volumes have other bytes than were uploaded",
    "damaged_list": "lists of volumes are damaged",
    "no_filelist": "no dlist is there: nothing says which files the blocks belong to",
    "outdated_list": "volumes are absent, but the list of volumes is older than others: a run is at work or was cut off",
    "encrypted_volumes": "volumes are encrypted, and no list of volumes proves their bytes",
    "unverifiable_volumes": "volumes cannot be verified",
    "unverified_volumes": "not every file has been seen, so that what is absent proves nothing",
    "extra_volumes": "volumes are in no list: the next run of Duplicati may stop over them",
    "newer_volumes": "volumes are newer than the list of volumes",
    "deleted_volumes": "volumes are still there that Duplicati has deleted",
    "unindexed_volumes": "dblocks are in no index: a restore without the job's database has to read them whole",
    "no_list": "there is no list of volumes (job option --upload-verification-file)",
    "hashes_only": "the volumes are encrypted; every byte that the list names is as it was uploaded",
}
_PLAIN = frozenset({"no_filelist", "no_list", "hashes_only", "unverified_volumes"})


class _Folder:
    """The volumes of one prefix. Each method looks across in one way and notes what it finds."""

    def __init__(self, files: Sequence[Seen], *, whole: bool) -> None:
        self._volumes = {file.name.name: file for file in files if file.name.kind != "list"}
        self._lists = [file for file in files if file.name.kind == "list"]
        self._whole = whole
        self._noted: dict[str, _Names] = {}
        self._proven: set[str] = set()

    def judge(self, directory: str, path: str) -> VolumeSet:
        volumes = list(self._volumes.values())
        waiting = sum(file.judged is None for file in (*volumes, *self._lists))
        self._inside()
        self._across_lists()
        self._across_indexes()
        if not any(file.name.kind == "dlist" for file in volumes) and self._whole:
            self._note("no_filelist")
        if not self._whole:
            self._note("unverified_volumes")
        self._encrypted()
        notes = Notes()
        for reason, names in self._noted.items():
            notes.add(reason, _TEXTS[reason] if reason in _PLAIN else names.text(_TEXTS[reason]))
        found = notes.finding("duplicati", 0)
        judged = [file.judged for file in (*volumes, *self._lists) if file.judged is not None]
        count = {kind: sum(file.name.kind == kind for file in volumes) for kind in ("dblock", "dindex", "dlist")}
        return VolumeSet(
            directory, path, volumes[0].name.prefix,
            None if waiting and found.verdict != "bad" else found.verdict,
            min((2 if self._known(file) else file.judged.level for file in volumes if file.judged is not None), default=0),
            found.reasons, "; ".join(found.messages), count["dblock"], count["dindex"], count["dlist"],
            sum(file.size for file in volumes), waiting, max((file.name.at for file in volumes if file.name.at is not None), default=None),
            min((one.at for one in judged if one.at is not None), default=None), named=self._named(),
        )  # fmt: skip

    def _named(self) -> tuple[tuple[str, str, str], ...]:
        """Return what was noted by name."""
        told = ((reason, name, why) for reason, names in self._noted.items() for name, why in names.found.items() if name)
        return tuple(islice(told, MOST_NAMED))

    def _note(self, reason: str, name: str = "", why: str = "") -> None:
        self._noted.setdefault(reason, _Names()).add(name, why)

    def _known(self, file: Seen) -> bool:
        """Whether every byte was read, or is known to be as uploaded."""
        return file.name.name in self._proven or (file.judged is not None and file.judged.level > 1)

    def _inside(self) -> None:
        """Note what is wrong with single volumes, and with the list as a file."""
        for file in (*self._volumes.values(), *self._lists):
            judged = file.judged
            if judged is None or judged.verdict == "good" or _ENCRYPTED in judged.reasons:
                continue
            why = judged.reasons[0] if judged.reasons else ""
            if judged.verdict == "bad":
                self._note("damaged_list" if file.name.kind == "list" else "damaged_volumes", file.name.name, why)
            else:
                self._note("unverifiable_volumes", file.name.name, why)

    def _across_lists(self) -> None:
        rows = {row[1]: row for one in self._lists for row in _rows(one, "listed", 5)}
        if not rows:
            if not self._lists:
                self._note("no_list")
            return
        written = max(one.mtime_ns for one in self._lists)
        newer = {name for name, file in self._volumes.items() if file.mtime_ns > written and name not in rows}
        for name, (_, _, size, digest, state) in rows.items():
            if state in UPLOADED:
                self._compare(name, size, digest, "outdated_list" if newer else "missing_volumes")
            elif state == DELETED and name in self._volumes:
                self._note("deleted_volumes", name)
        for name in self._volumes.keys() - rows.keys():
            self._note("newer_volumes" if name in newer else "extra_volumes", name)

    def _across_indexes(self) -> None:
        indexes = [file for file in self._volumes.values() if file.name.kind == "dindex"]
        named: set[str] = set()
        for index in indexes:
            for _, name, size, digest in _rows(index, "names", 4):
                named.add(name)
                self._compare(name, size, digest, "missing_volumes")
        if all(index.judged is not None and index.judged.verdict == "good" for index in indexes):
            for name, file in self._volumes.items():
                if file.name.kind == "dblock" and not file.name.encryption and name not in named:
                    self._note("unindexed_volumes", name)

    def _compare(self, name: str, size: str, digest: str, missing: str) -> None:
        """Compare one volume with what is said of it: it is there, with this size and this checksum."""
        file = self._volumes.get(name)
        if file is None:
            if self._whole:
                self._note(missing, name)
            return
        if size.lstrip("-").isdigit() and int(size) >= 0 and int(size) != file.size:
            self._note("size_differs", name, f"{file.size} bytes instead of {size}")
            return
        wanted = _bytes(digest)
        algorithm = ALGORITHMS.get(len(wanted))
        for _, known, found in _rows(file, "digest", 3):
            if known == algorithm and found == wanted.hex():
                self._proven.add(name)
            elif known == algorithm:
                self._note("hash_differs", name)

    def _encrypted(self) -> None:
        locked = [file for file in self._volumes.values() if file.judged is not None and _ENCRYPTED in file.judged.reasons]
        newer = self._noted.get("newer_volumes", _Names()).found
        told = {name for reason in ("size_differs", "hash_differs") if reason in self._noted for name in self._noted[reason].found}
        judged = self._proven | told | newer.keys()
        for file in locked:
            if file.name.name not in judged:
                self._note("encrypted_volumes", file.name.name)
        if locked and "encrypted_volumes" not in self._noted and not any(reason in BAD for reason in self._noted):
            self._note("hashes_only")


def _rows(file: Seen, word: str, length: int) -> list[Row]:
    """Return what a file tells under ``word``, in rows of ``length``."""
    return [row for row in (file.judged.told if file.judged else ()) if len(row) == length and row[0] == word]
