"""Bytes into lines: bounded, tolerant of junk, and telling where something is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class Line:
    """One whole line. ``gap`` names what is missing right before it (None = nothing); ``again`` = read before our restart already.

    ``at`` is UNIX seconds if the transport itself stamped the line (a container's log).
    """

    text: str
    gap: str | None = None
    again: bool = False
    at: float | None = None


@dataclass(slots=True)
class Piece:
    """What one look brought.

    ``gap`` names what is missing behind the last line; ``at_end`` = nothing was left unread; ``error`` = why there may be more elsewhere.
    """

    lines: list[Line] = field(default_factory=list)
    gap: str | None = None
    at_end: bool = False
    read_bytes: int = 0
    error: str | None = None


def readable(raw: bytes) -> str:
    """Return a line as text: broken UTF-8 replaced, zero bytes and terminal colours left out."""
    return _COLOURS.sub("", raw.replace(b"\0", b"").decode("utf-8", "replace")).rstrip("\r\n")


@dataclass(slots=True)
class Splitter:
    """Cuts one stream into lines of at most ``most`` bytes. Of a longer one the beginning is given; what is skipped makes a gap."""

    most: int
    rest: bytes = b""
    _skipping: bool = False
    _gap: str | None = None

    def feed(self, data: bytes) -> list[tuple[bytes, str | None]]:
        """Take bytes; return the whole lines they complete, each with the gap before it."""
        lines: list[tuple[bytes, str | None]] = []
        *whole, last = (self.rest + data).split(b"\n")
        for line in whole:
            self._line(line, lines)
        if len(last) > self.most:
            if not self._skipping:
                self._give(last[: self.most], lines)
            self._skipping, self._gap, last = True, "line_too_long", b""
        self.rest = last
        return lines

    def _line(self, line: bytes, lines: list[tuple[bytes, str | None]]) -> None:
        if self._skipping:
            self._skipping = False
            return
        self._give(line[: self.most], lines)
        if len(line) > self.most:
            self._gap = "line_too_long"

    def _give(self, line: bytes, lines: list[tuple[bytes, str | None]]) -> None:
        lines.append((line, self._gap))
        self._gap = None

    def missing(self, gap: str) -> None:
        """Say that something is missing here: what was begun is dropped."""
        self.rest, self._skipping, self._gap = b"", False, gap

    @property
    def held(self) -> int:
        """Return how many bytes of an unfinished line are held back."""
        return len(self.rest)

    @property
    def gap(self) -> str | None:
        """Return what is missing behind the last whole line."""
        return self._gap
