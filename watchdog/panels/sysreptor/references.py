"""Which files the rows of a backup refer to, and which files are in it: compared by hashes of eight bytes, in bounded memory. Pure.

A million references and a million files cost 16 MB: hashes lie in 256 arrays by their last byte, which are compared one by one. Two names
with the same hash would hide one missing file; with a million of each that happens once in ten million backups.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MOST: Final = 2_000_000
"""So many hashes are kept on each side; beyond it nothing is compared, and that is told."""
MOST_NAMED: Final = 5_000
"""Of so many references the row is kept that has it, so that it can be named."""
_MASK: Final = (1 << 64) - 1
DIRECTORIES: Final = ("uploadedimages", "uploadedassets", "uploadedfiles", "archivedfiles")
HISTORY: Final = "historical"


def directory_of(model: str) -> str:
    """Given a row's model, return the folder of the archive where its file lies (contract section 3, L3)."""
    name = model.partition(".")[2].removeprefix(HISTORY)
    if "image" in name:
        return DIRECTORIES[0]
    if "asset" in name:
        return DIRECTORIES[1]
    return DIRECTORIES[3] if name == "archivedproject" else DIRECTORIES[2]


class _Hashes:
    """A multiset of names, each kept as eight bytes."""

    def __init__(self) -> None:
        self.count = 0
        self._buckets = tuple(array("Q") for _ in range(256))

    def add(self, name: str) -> int:
        """Keep a name unless there are too many; return its hash."""
        key = hash(name) & _MASK
        self.count += 1
        if self.count <= MOST:
            self._buckets[key & 0xFF].append(key)
        return key

    def beside(self, other: _Hashes) -> Iterator[tuple[set[int], set[int]]]:
        """Yield both sides' hashes, one 256th after the other."""
        for own, their in zip(self._buckets, other._buckets, strict=True):
            yield set(own), set(their)


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it. ``missing`` files have a row and no entry, ``orphans`` an entry and no row; ``examples`` name rows of missing ones.

    ``old_missing`` are those that only rows of history refer to: their files may have been deleted for good reason.
    """

    missing: int = 0
    old_missing: int = 0
    orphans: int = 0
    examples: tuple[str, ...] = ()


class References:
    """Collects both sides while the archive passes: the rows first, the files after them."""

    def __init__(self) -> None:
        self._present, self._old, self._files = _Hashes(), _Hashes(), _Hashes()
        self._named: dict[int, str] = {}

    @property
    def count(self) -> int:
        """How many references there are, without those of history."""
        return self._present.count

    @property
    def comparable(self) -> bool:
        """Whether all of them were kept."""
        return max(self._present.count, self._old.count, self._files.count) <= MOST

    def refer(self, model: str, pk: str, file: str) -> None:
        """Take note that a row names a file."""
        name = f"{directory_of(model)}/{file}"
        if model.partition(".")[2].startswith(HISTORY):
            self._old.add(name)
            return
        key = self._present.add(name)
        if len(self._named) < MOST_NAMED:
            self._named[key] = f"{model} {pk}"

    def file(self, name: str) -> None:
        """Take note that a file is in the archive; ``name`` with its folder."""
        self._files.add(name)

    def compare(self, examples: int = 3) -> Compared:
        """Compare both sides."""
        missing = old = orphans = 0
        named: list[str] = []
        for (present, files), (history, _) in zip(self._present.beside(self._files), self._old.beside(self._files), strict=True):
            lost = present - files
            missing += len(lost)
            old += len(history - files - present)
            orphans += len(files - present - history)
            named += [self._named[key] for key in lost if key in self._named]
        return Compared(missing, old, orphans, tuple(sorted(named)[:examples]))
