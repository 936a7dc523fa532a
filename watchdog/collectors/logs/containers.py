"""The tail of one container's log, by the engine's own timestamps."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

from watchdog.collectors.logs.files import Unreadable
from watchdog.collectors.logs.lines import Line, Piece, readable
from watchdog.collectors.logs.settings import LogsSettings
from watchdog.model.engines import EngineRead
from watchdog.model.keeping import Offset
from watchdog.model.moments import Clock

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
_NANO = 1_000_000_000


def stamp_of(raw: bytes) -> tuple[int, bytes] | None:
    """Split a line of ``logs?timestamps=1`` into nanoseconds since 1970 and its text; None when it has no stamp."""
    match = _STAMP.match(raw)
    if match is None:
        return None
    whole, part, zone = match[1].decode(), (match[2] or b"").decode(), match[3].decode()
    seconds = int(datetime.fromisoformat(whole + zone).timestamp())
    return seconds * _NANO + int(part.ljust(9, "0")), raw[match.end() :]


class ContainerTail:
    """The log of the container called ``name``. A container made anew under that name goes on here, with a gap."""

    def __init__(self, name: str, engine: EngineRead, settings: LogsSettings, clock: Clock, saved: Offset | None) -> None:
        self.name = name
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._id = saved.head if saved is not None else ""
        self._last = saved.offset if saved is not None else 0
        self._again_to = self._last
        self._at_last: set[bytes] = set()
        self._first = True

    def where(self) -> tuple[int, int, int, str] | None:
        """Return (0, 0, nanoseconds of the last line read, container id), None before the first."""
        return (0, 0, self._last, self._id) if self._last else None

    def close(self) -> None:
        """Nothing is held."""

    def read(self, ids: Mapping[str, str]) -> Piece:
        """Read what is new. ``ids`` maps names to ids of the containers there are. Raise Unreadable, or what the engine's door raises."""
        now_id = ids.get(self.name)
        if now_id is None:
            raise Unreadable("missing", f"there is no container '{self.name}'")
        gap = self._gap(now_id)
        window = int(self._settings.container_window * _NANO)
        now = int(self._clock.now().wall * _NANO)
        since = self._last
        if self._first:
            since = (self._last or now) - window
        limit = self._settings.max_bytes
        raw = self._engine.logs(now_id, max(0, since) / _NANO, self._settings.deadline, limit)
        full = len(raw) >= limit
        piece = Piece(at_end=not full, read_bytes=len(raw))
        newest = self._take(raw[: raw.rfind(b"\n") + 1] if full else raw, gap, piece, fresh=self._first)
        if full and newest <= self._last and not self._first:
            # a whole answer of lines that are known: one instant said more than an answer holds
            piece.gap, newest = "backlog", self._last + 1
        self._id, self._first = now_id, False
        self._last = max(self._last, newest, since)
        return piece

    def _gap(self, now_id: str) -> str | None:
        if not self._id:
            return "first_start"
        return None if self._id == now_id else "container_replaced"

    def _take(self, raw: bytes, gap: str | None, piece: Piece, *, fresh: bool) -> int:
        """Add the lines that are new; return the newest stamp."""
        newest = self._last
        for line in raw.split(b"\n"):
            told = stamp_of(line) if line else None
            if told is None:
                continue
            at, text = told
            mark = hashlib.blake2b(text, digest_size=8).digest()
            if not fresh and (at < self._last or (at == self._last and mark in self._at_last)):
                continue
            if at > newest:
                newest, self._at_last = at, set()
            if at == newest:
                self._at_last.add(mark)
            cut = text[: self._settings.max_line]
            piece.lines.append(Line(readable(cut), gap, at <= self._again_to, at / _NANO))
            gap = "line_too_long" if len(text) > len(cut) else None
        piece.gap = gap
        return newest
