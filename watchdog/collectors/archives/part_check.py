"""The child that verifies an archive in parts: ``python -m watchdog.collectors.archives.part_check PARTS ORDER``.

It is handed one descriptor for each part and reads through all of them as through one file, so that an archive in parts is proven as deep
as a whole one, without joining it. Walls and checks are those of ``check``.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate

from watchdog.collectors.archives.check import CONTENT, UNAIDED, Aids, Order, aids_of, check
from watchdog.collectors.archives.confine import confine
from watchdog.collectors.archives.findings import Finding, Notes
from watchdog.collectors.archives.source import CHUNK, Source
from watchdog.collectors.archives.talk import SILENT


@dataclass(frozen=True, slots=True)
class Promised:
    """What the manifest says of one part, and its open descriptor."""

    number: int
    descriptor: int
    size: int
    sha256: str


class PartsSource(Source):
    """The bytes of several open files, one behind the other. The first one's descriptor carries how far all of it has been read."""

    def __init__(self, parts: Sequence[Promised], rate: float = 0.0, *, digest: bool = False) -> None:
        super().__init__(parts[0].descriptor, sum(part.size for part in parts), rate, digest=digest, algorithm="sha256")
        self._parts = parts
        self._ends = list(accumulate(part.size for part in parts))
        self._next = 0

    def read(self) -> bytes:
        """Return the next chunk in order, b"" at the end."""
        data = self._pread(self._next, CHUNK)
        self._next += len(data)
        os.lseek(self.descriptor, self._next, os.SEEK_SET)
        return self._taken(data)

    def at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``, across parts."""
        if offset < 0 or length <= 0:
            return b""
        found = bytearray()
        while len(found) < length and (data := self._pread(offset + len(found), length - len(found))):
            found += data
        self._pay(len(found))
        return bytes(found)

    def mark(self, offset: int) -> None:
        """Show that everything before ``offset`` has been looked at; ``read`` goes on from there."""
        self._next = offset
        super().mark(offset)

    def _pread(self, offset: int, length: int) -> bytes:
        """Return bytes of the one part in which ``offset`` lies."""
        index = bisect.bisect_right(self._ends, offset)
        if index >= len(self._parts):
            return b""
        part = self._parts[index]
        within = offset - (self._ends[index] - part.size)
        return os.pread(part.descriptor, min(length, part.size - within), within)


def examine(parts: Sequence[Promised], whole: str, order: Order, aids: Aids = UNAIDED) -> tuple[Finding, int]:
    """Given the open parts in order and the SHA-256 of the ``whole``, return what can be proven, and the bytes read."""
    short = [part for part in parts if os.fstat(part.descriptor).st_size != part.size]
    if short:
        return _only("damaged_parts", f"{_names(short)}: another size than the manifest says"), 0
    source = PartsSource(parts, order.rate, digest=order.level >= CONTENT)
    finding = replace(check(source, order.level, order.promise, order.memory, SILENT, aids), sha1=None)
    if order.level < CONTENT or source.digest() == whole:
        return finding, source.read_bytes
    other = [part for part in parts if _digest(part) != part.sha256]
    if other:
        return _only("damaged_parts", f"{_names(other)}: other bytes than the manifest says"), source.read_bytes
    said = "every part is as the manifest says, and together they are not the whole: their order or the manifest is wrong"
    return _only("damaged_whole", said), source.read_bytes


def _digest(part: Promised) -> str:
    hashed, at = hashlib.sha256(), 0
    while data := os.pread(part.descriptor, CHUNK, at):
        hashed.update(data)
        at += len(data)
    return hashed.hexdigest()


def _names(parts: Sequence[Promised]) -> str:
    more = f" and {len(parts) - 5} more" if len(parts) > 5 else ""  # noqa: PLR2004
    return ", ".join(f"part {part.number}" for part in parts[:5]) + more


def _only(reason: str, message: str) -> Finding:
    notes = Notes()
    notes.add(reason, message)
    return notes.finding("parts", CONTENT)


def main(argv: list[str]) -> int:
    """Do one order; print the finding, or the class of what went wrong."""
    told, order = json.loads(argv[0]), Order(**json.loads(argv[1]))
    parts = [Promised(number, *part) for number, part in enumerate(told["parts"], 1)]
    aids = aids_of(order)
    walls = confine(order.parent, order.memory, order.cpu)
    try:
        before = [_times(part) for part in parts]
        finding, read = examine(parts, told["sha256"], order, aids)
        if before != [_times(part) for part in parts]:
            finding = Finding(finding.format, 0, ("changed",), ("it changed while it was read",))
        answer = {**asdict(finding), "verdict": finding.verdict, "walls": walls, "read_bytes": read}
    except MemoryError:
        answer = {"failed": "memory"}
    except OSError as error:
        answer = {"failed": "unreadable", "message": error.strerror or type(error).__name__}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    return 0


def _times(part: Promised) -> tuple[int, int]:
    facts = os.fstat(part.descriptor)
    return facts.st_size, facts.st_mtime_ns


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
