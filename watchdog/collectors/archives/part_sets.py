"""Archives in parts in watched directories: each manifest and its parts as one thing. Pure.

What is proven here is that the stored bytes are those that were split; they were verified when they were one archive, and ``verify`` of the
manifest reads the archive through its parts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from watchdog.collectors.archives.findings import Notes
from watchdog.collectors.archives.results import Result
from watchdog.collectors.archives.running import volume_order
from watchdog.model.archives import ArchiveFile, Identity, VolumeSet
from watchdog.model.volumes import USUAL, VolumeName
from watchdog.runtime.manifests import END

Known = Callable[[Identity], Result | None]
_NUMBER = 3
_NAMES_TOLD = 5


@dataclass(frozen=True, slots=True)
class PartSet:
    """One manifest and what lies beside it under its archive's ``name``."""

    directory: str
    path: str
    name: str
    manifest: ArchiveFile
    parts: tuple[ArchiveFile, ...]

    def orders(self) -> Mapping[str, str]:
        """Return, by path, how each file is verified."""
        found = {part.path: volume_order(VolumeName(_base(part), self.name, "part"), USUAL) for part in self.parts}
        return {**found, self.manifest.path: volume_order(VolumeName(_base(self.manifest), self.name, "manifest"), USUAL)}

    def judge(self, known: Known, *, whole: bool) -> tuple[VolumeSet, ...]:
        """Return how it stands; ``whole``: nothing of its directory was left out of the look."""
        orders = self.orders()
        results = {file.path: _fitting(known(file.identity), orders[file.path]) for file in (self.manifest, *self.parts)}
        notes, listed = Notes(), results[self.manifest.path]
        if listed is not None and listed.verdict != "good":
            notes.add("damaged_manifest" if listed.verdict == "bad" else "unverifiable_volumes", f"the manifest: {listed.message}")
        elif listed is not None:
            self._compare(listed, results, notes, whole=whole)
        found = notes.finding("parts", 0)
        waiting = sum(result is None for result in results.values())
        judged = [result for result in results.values() if result is not None]
        return (
            VolumeSet(
                self.directory, self.path, self.name, None if waiting and found.verdict != "bad" else found.verdict,
                min((result.level for result in judged), default=0), found.reasons, "; ".join(found.messages), parts=len(self.parts),
                bytes=sum(part.identity.size for part in self.parts), unverified=waiting,
                newest_at=self.manifest.identity.mtime_ns / 1e9, at=min((result.at for result in judged), default=None), kind="parts",
            ),
        )  # fmt: skip

    def _compare(self, listed: Result, results: Mapping[str, Result | None], notes: Notes, *, whole: bool) -> None:
        there = {_base(part): part for part in self.parts}
        missing, damaged, unread = [], [], []
        for _, name, size, sha256 in (row for row in listed.told if row[0] == "part"):
            part = there.get(name)
            result = results.get(part.path) if part is not None else None
            if part is None:
                missing.append(name)
            elif str(part.identity.size) != size or any(row[2] != sha256 for row in _digests(result)):
                damaged.append(name)
            elif result is not None and not _digests(result):
                unread.append(name)
        if missing and whole:
            notes.add("missing_parts", f"missing: {_told(missing)}")
        elif missing:
            notes.add("unverified_volumes", "not every file has been seen, so that what is absent proves nothing")
        if damaged:
            notes.add("damaged_parts", f"other bytes than were split: {_told(damaged)}")
        if unread:
            notes.add("unverifiable_volumes", f"not read to the last byte: {_told(unread)}")


def find(files: Iterable[ArchiveFile]) -> tuple[PartSet, ...]:
    """Return the archives in parts among ``files``, by their manifests."""
    by_place: dict[tuple[str, str], ArchiveFile] = {(file.directory, file.path): file for file in files}
    parts: dict[tuple[str, str], list[ArchiveFile]] = {
        (directory, path.removesuffix(END)): [] for directory, path in by_place if path.endswith(END)
    }
    for (directory, path), file in by_place.items():
        stem, _, number = path.rpartition(".")
        if len(number) >= _NUMBER and number.isdigit() and (directory, stem) in parts:
            parts[directory, stem].append(file)
    return tuple(
        PartSet(directory, *os.path.split(stem), by_place[directory, stem + END], tuple(found))
        for (directory, stem), found in parts.items()
    )


def _fitting(result: Result | None, order: str) -> Result | None:
    """Return a result if it is one of this kind of check."""
    return result if result is not None and result.volume == order else None


def _digests(result: Result | None) -> list[tuple[str, ...]]:
    return [row for row in (result.told if result is not None else ()) if row[0] == "digest"]


def _base(file: ArchiveFile) -> str:
    return file.path.rpartition("/")[2]


def _told(names: list[str]) -> str:
    return ", ".join(names[:_NAMES_TOLD]) + (f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else "")
