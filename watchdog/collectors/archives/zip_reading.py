"""Level 2 of a zip: every entry's content, in the order of the directory, while the walk compares the headers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from watchdog.collectors.archives.findings import Broken, Notes, Survivors, readable
from watchdog.collectors.archives.meanings import Hosted, Tap
from watchdog.collectors.archives.pieces import Pieces
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.talk import Place, Talk
from watchdog.collectors.archives.zip_content import STORED, Content, copy, nobody, readable_method, unpack
from watchdog.collectors.archives.zip_directory import Entry, Near

_LZMA_MARKED = 0x02
_TOLD = 5


@dataclass(slots=True)
class _Trouble:
    """Entries with the same kind of trouble: how many, the first few names, the first one's words."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    words: str = ""

    def add(self, name: bytes, words: str) -> None:
        self.count += 1
        self.words = self.words or words
        if len(self.names) < _TOLD:
            self.names.append(readable(name))


class Reader:
    """Reads entries' contents with at most ``memory`` bytes for a decoder; whole ones are counted in ``survivors``.

    ``hosted`` is the meaning that wants to see them, if one does.
    """

    def __init__(self, source: Source, memory: int, talk: Talk, hosted: Hosted | None = None) -> None:
        self._pieces = Pieces(source)
        self._near = Near(source)
        self._memory = memory
        self._talk = talk
        self._hosted = hosted
        if hosted is not None:
            hosted.asked = True
        self._seen = 0
        before = talk.resume or {"entries": 0, "survivors": {}, "troubles": {}}
        self._skip: int = before["entries"]
        self.survivors = Survivors(**before["survivors"])
        self._troubles = {reason: _Trouble(**told) for reason, told in before["troubles"].items()}

    def get(self, at: int, length: int, *, near: bool) -> bytes:
        """Return ``length`` bytes at ``at``, for the walk's own looks at headers and descriptors."""
        if self._seen < self._skip:
            return self._near.get(at, length, near=near)
        self._pieces.go(at)
        return self._pieces.peek(length)

    def read(self, entry: Entry, at: int, called: str) -> None:
        """Read one entry's content, which begins at ``at``. What is wrong with it is kept for ``conclude``."""
        self._seen += 1
        if self._seen > self._skip:
            self._read(entry, at, called)
            self._talk.place(self._place)

    def _place(self) -> Place:
        told = {reason: asdict(trouble) for reason, trouble in self._troubles.items()}
        return {"kind": "zip", "entries": self._seen, "survivors": asdict(self.survivors), "troubles": told}

    def _read(self, entry: Entry, at: int, called: str) -> None:
        unreadable = readable_method(entry.flags, entry.method)
        if unreadable is not None:
            self._trouble(unreadable[0], entry, f"{called} {unreadable[1]}")
            return
        self._pieces.go(at)
        tap = None if self._hosted is None else self._hosted.entry(entry.name, entry.unpacked)
        try:
            content = self._content(entry, tap)
        except Broken as broken:
            reason = "damaged_content" if broken.reason == "truncated" else broken.reason
            self._trouble(reason, entry, f"{called}: {broken}")
            return
        if content.unpacked != entry.unpacked:
            self._trouble("damaged_content", entry, f"{called} unpacks to {content.unpacked} bytes instead of {entry.unpacked}")
        elif content.crc != entry.crc:
            self._trouble("damaged_content", entry, f"the CRC of {called} is wrong")
        else:
            if content.packed < entry.packed:
                self._trouble("entry_slack", entry, f"{called} ends {entry.packed - content.packed} bytes before its packed size")
            self.survivors.add(entry.name, entry.unpacked)
            if tap is not None:
                tap.end()

    def _content(self, entry: Entry, tap: Tap | None) -> Content:
        sink = nobody if tap is None else tap.feed
        if entry.method == STORED:
            if entry.packed != entry.unpacked:
                raise Broken("damaged_content", f"it is stored in {entry.packed} bytes and should have {entry.unpacked}")
            return copy(self._pieces, entry.packed, sink)
        if not entry.packed and not entry.unpacked:  # some writers do not even begin a stream for nothing
            return Content(0, 0, 0)
        marked = bool(entry.flags & _LZMA_MARKED)
        return unpack(self._pieces, entry.method, entry.packed, entry.unpacked, self._memory, marked=marked, sink=sink)

    def _trouble(self, reason: str, entry: Entry, words: str) -> None:
        self._troubles.setdefault(reason, _Trouble()).add(entry.name, words)

    def conclude(self, notes: Notes) -> None:
        """Say what was wrong with entries."""
        if self._skip:
            notes.add("resumed", f"the first {self._skip} entries were read before a restart; there is no checksum of the whole file")
        for reason, trouble in self._troubles.items():
            others = f"; {trouble.count} entries in all: {', '.join(trouble.names)}" if trouble.count > 1 else ""
            more = "..." if trouble.count > len(trouble.names) else ""
            notes.add(reason, f"{trouble.words}{others}{more}")
