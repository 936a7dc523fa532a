"""Meanings for tests: one that counts and keeps what it is fed, one that fails where it is told to."""

from __future__ import annotations

import hashlib

from watchdog.model.archives import Meant


class Counting:
    """Wants everything but names that begin with ``uploadedfiles``; tells names, sizes and checksums of what it got."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.ended: list[str] = []
        self.bytes = 0
        self.sums: dict[str, str] = {}

    def entry(self, name, size):
        self.names.append(name)
        return None if name.startswith("uploadedfiles") else _Reader(self, name)

    def end(self):
        bad = tuple((f"no_{name}", f"there is no {name}") for name in ("VERSION",) if name not in self.names)
        facts = ("entries", len(self.names)), ("whole", len(self.ended)), ("bytes", self.bytes), ("last", (self.names or [None])[-1])
        return Meant(bad, (("small", "it is a small one"),), facts)


class _Reader:
    def __init__(self, meaning, name) -> None:
        self._meaning, self._name, self._sum = meaning, name, hashlib.sha256()

    def feed(self, piece):
        assert piece
        self._meaning.bytes += len(piece)
        self._sum.update(piece)

    def end(self):
        self._meaning.ended.append(self._name)
        self._meaning.sums[self._name] = self._sum.hexdigest()


class Failing:
    """Raises ``error`` at one ``place``: begin, entry, feed, reader_end or end."""

    def __init__(self, place: str, error: type[Exception] = ValueError) -> None:
        self.place, self.error = place, error
        self.fail("begin")

    def fail(self, place):
        if self.place == place:
            raise self.error(f"at {place}")

    def entry(self, name, size):
        self.fail("entry")
        return self

    def feed(self, piece):
        self.fail("feed")

    def end(self):
        self.fail("reader_end")
        self.fail("end")
        return Meant()
