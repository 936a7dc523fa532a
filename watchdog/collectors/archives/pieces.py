"""The packed bytes of one file in order, taken piece by piece, with a way to look ahead and to give back."""

from __future__ import annotations

from watchdog.collectors.archives.findings import Broken
from watchdog.collectors.archives.source import CHUNK, Source

MAX_FIELD = 1 << 16


class Pieces:
    """``at`` counts bytes taken for good: it is the position in the file of the next byte."""

    def __init__(self, source: Source, start: int = 0) -> None:
        self._source = source
        self._block = b""
        self._next = 0
        self.at = start
        source.mark(start)

    def some(self, limit: int) -> bytes:
        """Take up to ``limit`` bytes; b"" only at the end of the file."""
        if self._next == len(self._block):
            self._block, self._next = self._source.read(), 0
        piece = self._block[self._next : self._next + limit]
        self._next += len(piece)
        self.at += len(piece)
        return piece

    def back(self, count: int) -> None:
        """Give back the last ``count`` bytes, never more than the last piece, so that they still stand in the block."""
        self._next -= count
        self.at -= count

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them; fewer only at the end of the file."""
        while len(self._block) - self._next < count:
            more = self._source.read()
            if not more:
                break
            self._block, self._next = self._block[self._next :] + more, 0
        return self._block[self._next : self._next + count]

    def go(self, at: int) -> None:
        """Go to position ``at``: by reading where every byte is wanted, else by jumping."""
        ahead = at - self.at
        if 0 <= ahead <= len(self._block) - self._next:
            self._next += ahead
            self.at = at
        elif ahead < 0 or (ahead > CHUNK and not self._source.hashing):
            self._block, self._next, self.at = b"", 0, at
            self._source.mark(at)
        else:
            while self.at < at and self.some(at - self.at):
                pass

    def exactly(self, count: int, where: str) -> bytes:
        """Take ``count`` bytes. Raise Broken when the file stops within ``where``."""
        data = b""
        while len(data) < count:
            piece = self.some(count - len(data))
            if not piece:
                raise Broken("truncated", f"the file stops within {where}")
            data += piece
        return data

    def until_zero(self, where: str) -> bytes:
        """Take a text and the zero behind it. Raise Broken when it does not end."""
        data = b""
        while not data.endswith(b"\0"):
            if len(data) > MAX_FIELD:
                raise Broken("damaged_stream", f"a text in {where} does not end")
            data += self.exactly(1, where)
        return data
