"""Which files the rows of a backup refer to, and which files are in it: compared by hashes of eight bytes, in bounded memory. Pure.

A million references and a million files cost 20 MB: hashes lie in 256 arrays by their last byte, which are compared one by one. Two names
with the same hash would hide one missing file; with a million of each that happens once in ten million backups.

The panel lists the files when a backup begins and reads the rows while it goes on (backup_utils.py, create_backup: the listing is made
before the stream). So a file of a row that was made meanwhile is rightly not there.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Final

MOST: Final = 2_000_000
"""So many hashes are kept on each side; beyond it nothing is compared, and that is told."""
MOST_NAMED: Final = 5_000
"""Of so many references the row is kept that has it, so that it can be named."""
_MASK: Final = (1 << 64) - 1
_LAST: Final = (1 << 32) - 1
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
    """A multiset of names, each kept as eight bytes; and four for when its row was made (UNIX seconds), where that is asked for."""

    def __init__(self, *, dated: bool = False) -> None:
        self.count = 0
        self._buckets = tuple(array("Q") for _ in range(256))
        self._made = tuple(array("I") for _ in range(256)) if dated else ()

    def add(self, name: str, made: int = 0) -> int:
        """Keep a name unless there are too many; return its hash."""
        key = hash(name) & _MASK
        self.count += 1
        if self.count <= MOST:
            self._buckets[key & 0xFF].append(key)
            if self._made:
                self._made[key & 0xFF].append(min(max(made, 0), _LAST))
        return key

    def bucket(self, number: int) -> set[int]:
        """Return one 256th of the hashes."""
        return set(self._buckets[number])

    def since(self, number: int, at: float) -> set[int]:
        """Return those of one 256th whose rows were made at ``at`` or later."""
        return {key for key, made in zip(self._buckets[number], self._made[number], strict=True) if made and made >= at}


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it. ``missing`` files have a row and no entry, ``empty`` ones a row and an entry without content; both are exampled.

    ``orphans`` have an entry and no row. ``old_missing`` are those that only rows of history refer to: their files may have been deleted
    for good reason; ``new_missing`` those whose rows were made after the backup began.
    """

    missing: int = 0
    empty: int = 0
    old_missing: int = 0
    new_missing: int = 0
    orphans: int = 0
    examples: tuple[str, ...] = ()
    empty_examples: tuple[str, ...] = ()


class References:
    """Collects both sides while the archive passes: the rows first, the files after them."""

    def __init__(self) -> None:
        self._present, self._old, self._files, self._empty = _Hashes(dated=True), _Hashes(), _Hashes(), _Hashes()
        self._named: dict[int, str] = {}

    @property
    def count(self) -> int:
        """How many references there are, without those of history."""
        return self._present.count

    @property
    def comparable(self) -> bool:
        """Whether all of them were kept."""
        return max(each.count for each in (self._present, self._old, self._files, self._empty)) <= MOST

    def refer(self, model: str, pk: str, file: str, made_us: int | None = None) -> None:
        """Take note that a row, made at ``made_us`` (microseconds since the epoch), names a file."""
        name = f"{directory_of(model)}/{file}"
        if model.partition(".")[2].startswith(HISTORY):
            self._old.add(name)
            return
        key = self._present.add(name, 0 if made_us is None else made_us // 1_000_000)
        if len(self._named) < MOST_NAMED:
            self._named[key] = f"{model} {pk}"

    def file(self, name: str, *, empty: bool = False) -> None:
        """Take note that a file is in the archive; ``name`` with its folder."""
        (self._empty if empty else self._files).add(name)

    def compare(self, began_us: int | None = None, examples: int = 3) -> Compared:
        """Compare both sides. ``began_us`` is when the backup began, None = nobody knows."""
        counts = [0] * 5
        lost_names: list[str] = []
        empty_names: list[str] = []
        for number in range(256):
            present, empty = self._present.bucket(number), self._empty.bucket(number)
            files, history = self._files.bucket(number) | empty, self._old.bucket(number)
            lost = present - files
            new = lost & self._present.since(number, began_us // 1_000_000) if lost and began_us is not None else set()
            lost, empty = lost - new, empty & present
            found = (lost, empty, history - files - present, new, files - present - history)
            counts = [count + len(more) for count, more in zip(counts, found, strict=True)]
            lost_names += [self._named[key] for key in lost if key in self._named]
            empty_names += [self._named[key] for key in empty if key in self._named]
        missing, hollow, old, fresh, orphans = counts
        return Compared(missing, hollow, old, fresh, orphans, tuple(sorted(lost_names)[:examples]), tuple(sorted(empty_names)[:examples]))
