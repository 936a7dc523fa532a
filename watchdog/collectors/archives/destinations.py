"""What is one thing in watched directories: which files belong to a Duplicati destination, and how it stands with what is known so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchdog.collectors.archives import part_sets
from watchdog.collectors.archives.folders import Judged, Seen, algorithm_of, conclude
from watchdog.collectors.archives.part_sets import PartSet
from watchdog.collectors.archives.results import Result
from watchdog.collectors.archives.running import volume_order
from watchdog.model.archives import ArchiveFile, Identity, VolumeSet
from watchdog.model.volumes import VolumeName, volume_name

Known = Callable[[Identity], Result | None]


@dataclass(frozen=True, slots=True)
class Destination:
    """One folder with volumes in one watched directory; ``algorithms`` are those of its checksums, by prefix."""

    directory: str
    path: str
    files: tuple[tuple[ArchiveFile, VolumeName], ...]
    algorithms: Mapping[str, str]

    def orders(self) -> Mapping[str, str]:
        """Return, by path, how each file is verified."""
        return {file.path: volume_order(name, self.algorithms[name.prefix]) for file, name in self.files}

    def judge(self, known: Known, *, whole: bool) -> tuple[VolumeSet, ...]:
        """Return how it stands, prefix by prefix; ``whole``: nothing of its directory was left out of the look."""
        seen = [_seen(file, name, known(file.identity), self.algorithms[name.prefix]) for file, name in self.files]
        return conclude(self.directory, self.path, seen, whole=whole)


def find(files: Sequence[ArchiveFile], known: Known) -> tuple[Destination | PartSet, ...]:
    """Return what among ``files`` is one thing together: folders with volumes of Duplicati, and archives in parts with their manifest.

    ``known`` returns the result about a file.
    """
    return (*_destinations(files, known), *part_sets.find(files))


def _destinations(files: Iterable[ArchiveFile], known: Known) -> tuple[Destination, ...]:
    folders: dict[tuple[str, str], list[tuple[ArchiveFile, VolumeName]]] = {}
    for file in files:
        folder, base = os.path.split(file.path)
        name = volume_name(base)
        if name is not None:
            folders.setdefault((file.directory, folder), []).append((file, name))
    return tuple(
        Destination(directory, path, tuple(found), _algorithms(found, known))
        for (directory, path), found in folders.items()
        if any(name.kind != "list" for _, name in found)
    )


def _algorithms(found: Sequence[tuple[ArchiveFile, VolumeName]], known: Known) -> Mapping[str, str]:
    lists = [_seen(file, name, known(file.identity)) for file, name in found if name.kind == "list"]
    return {prefix: algorithm_of(prefix, lists) for prefix in {name.prefix for _, name in found}}


def _seen(file: ArchiveFile, name: VolumeName, result: Result | None, algorithm: str | None = None) -> Seen:
    """Join a file with its result; one of another kind of check, or by another ``algorithm``, does not count."""
    judged = None
    if result is not None and result.volume and (algorithm is None or result.volume == volume_order(name, algorithm)):
        judged = Judged(result.verdict, result.level, result.reasons, result.message, result.told, result.at)
    return Seen(name, file.identity.size, file.identity.mtime_ns, judged)
