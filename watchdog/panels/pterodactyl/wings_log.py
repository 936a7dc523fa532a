"""Reads Wings' log and its rotated siblings: the history that lies there at first, then what is new, look by look.

Files are told apart by their first bytes, not by name or inode, so a rotation by rename, by copy and truncate, and by compression all lead
to the same place in the same stream. Wings 1.11's own rule renames the file and sends SIGHUP, after which Wings closes the file that its
log goes to and writes nothing more until it is started anew: an empty log beside a full one is named, for its silence proves nothing.

A name that somebody gives to SFTP reaches this log with its line breaks, so anybody on the network can write lines of his own into it. A
start of Wings is therefore believed only where the process in sight can have made it, or one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from watchdog.errors import Blind
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl import wings_lines, wings_times
from watchdog.panels.pterodactyl.log_files import LogFile, Piece, Replaced, siblings
from watchdog.panels.pterodactyl.traces import Log
from watchdog.panels.pterodactyl.wings_times import Zone

KEPT: Final = 7 * 86_400.0
"""Seconds for which stories are kept; Wings' own rotation keeps its files as long."""
PER_LOOK: Final = 32 << 20
"""Bytes read in one look; a longer history is read over several."""
LONGEST_BACKLOG: Final = 512 << 20
"""Bytes of one file that are read at all; of a longer one the end counts."""
BOOTING: Final = 120.0
"""Seconds within which Wings has logged all that it says of its start."""
LONGEST_ERROR: Final = 64
"""Lines behind an error with line breaks within which its end must stand."""
ROLLED: Final = 7 * 86_400.0
"""Seconds by which times run back where a year ended, and nowhere else."""


@dataclass(slots=True, eq=False)
class _Stream:
    """One text that Wings wrote, in whatever file it is now; known by its first bytes.

    ``offset`` is the first byte not yet given as a whole line; ``live``: it was being written in the last look, as far as we know.
    """

    head: bytes
    key: tuple[int, int] | None = None
    stamp: tuple[int, int] | None = None
    offset: int = 0
    live: bool = False
    skipping: bool = False


class LogReader:
    """Reads one node's log. Not shared between threads."""

    def __init__(self, path: Path, clock: Clock, *, deafens: bool = True) -> None:
        """Given where Wings writes its log; ``deafens``: SIGHUP closes it for good, as Pterodactyl's Wings has it and Pelican's has not."""
        self._path = path
        self._deafens = deafens
        self._clock = clock
        self._current: tuple[int, int] | None = None
        self._began: float | None = None
        self.files: frozenset[tuple[int, int]] = frozenset()
        """(device, inode) of the files that Wings may be writing to: at least one is open in it while it lives and logs."""
        self._reset()

    def _reset(self) -> None:
        self._stories = wings_lines.Stories()
        self._streams: list[_Stream] = []
        self._zone: Zone | None = None
        self._last = ("", 0.0)  # the newest stamp, and the mtime of its file
        self._prior: float | None = None
        self._unread: set[tuple[int, int]] = set()
        self._refused: float | None = None
        self._open: tuple[wings_lines.Entry, float, int] | None = None

    def read(self, zones: Sequence[Zone], began: float | None) -> Log:
        """Look once. ``zones`` are those that Wings may have, the likeliest first.

        ``began`` is when its process began, None = not in sight. Raises Blind when the log cannot be read at all.
        """
        self._began = began
        if self._refused is not None and self._started(self._refused):
            self._reset()  # the process was not in sight yet, or it was the one before: now this start is its own
        for last in (False, False, True):
            found = siblings(self._path, self._clock.now().wall - KEPT)
            if not found:
                raise Blind(f"there is no {self._path}: set node.log to Wings' log (its system.log_directory)")
            try:
                return self._look(found, zones, last=last)
            except Replaced:  # a rotation in this very moment
                continue
        raise Blind(f"{self._path} is being rotated again and again")

    def _look(self, found: Sequence[LogFile], zones: Sequence[Zone], *, last: bool) -> Log:
        self.files = frozenset(each.key for each in found if each.plain)
        silent = self._silent(found)
        error = self._zoned(found, zones) or silent
        pairs, unread = self._matched(found)
        error = error or unread
        self._miss_lost([stream for _, stream in pairs], last=last)
        left = PER_LOOK
        for file, stream in pairs:
            try:
                left -= self._follow(file, stream, left)
            except Replaced:
                raise
            except Blind as blind:
                error = error or self._missed(file, blind)
            if left <= 0:
                error = error or "its history is still being read"
                break
        now = self._clock.now().wall
        self._stories.forget(now - KEPT)
        # an empty one is not remembered: it is the one after a rotation that deafened Wings, in every later look too
        self._current = next((each.key for each in found if each.current and each.size), self._current)
        return self._log(error, now, deaf=bool(silent))

    def _missed(self, file: LogFile, why: Blind) -> str:
        """Take note of a file that cannot be read: a gap, once; return the error that it is, "" for an old one that is packed somehow."""
        if file.plain or file.key not in self._unread:
            self._stories.gap()
        self._unread.add(file.key)
        return str(why) if file.plain else ""

    def _zoned(self, found: Sequence[LogFile], zones: Sequence[Zone]) -> str:
        """Choose the zone whose clock agrees with the newest file's mtime; return why there is none, "" = there is."""
        if self._zone is not None and not self._contradiction():
            return ""
        stamp, written_at = _newest(found)
        fits = wings_times.fitting(stamp, written_at, zones) if stamp else None
        chosen = fits or self._zone or zones[0]
        if chosen != self._zone:
            self._reset()
            self._zone = chosen
        if fits is None and stamp and wings_times.contradicts(stamp, written_at, chosen):
            return f"its times are not of the zone {chosen.name}: '{stamp}' was written at another hour; set node.zone to Wings' zone"
        return ""

    def _contradiction(self) -> bool:
        stamp, written_at = self._last
        return self._zone is not None and bool(stamp) and wings_times.contradicts(stamp, written_at, self._zone)

    def _matched(self, found: Sequence[LogFile]) -> tuple[list[tuple[LogFile, _Stream]], str]:
        """Return each file with the stream that it is, a new one if it was never seen, and why one cannot be read. Raises Replaced."""
        pairs: list[tuple[LogFile, _Stream]] = []
        known, error = list(self._streams), ""
        for file in found:
            stream = next((each for each in known if (each.key, each.stamp) == (file.key, file.stamp)), None)
            if stream is None:
                try:
                    head = file.head()
                except Replaced:
                    raise
                except Blind as blind:
                    error = error or self._missed(file, blind)
                    continue
                if not head:
                    continue
                stream = next((each for each in known if head.startswith(each.head)), None) or _Stream(head)
                stream.head = head
                known += [] if stream in known else [stream]
            pairs.append((file, stream))
        plain = [stream for file, stream in pairs if file.plain]  # while a file is being packed both are there
        return [(file, stream) for file, stream in pairs if file.plain or stream not in plain], error

    def _miss_lost(self, here: Sequence[_Stream], *, last: bool) -> None:
        """Notice a stream that was being written and is nowhere now: nobody knows how it ended. Raises Replaced but for the last time."""
        if any(each.live and each not in here for each in self._streams):
            if not last:
                raise Replaced("a file of the log is nowhere now")
            self._stories.gap()
        self._streams = list(dict.fromkeys(here))

    def _follow(self, file: LogFile, stream: _Stream, room: int) -> int:
        """Read what is new in one file; return how many bytes that was."""
        if (stream.key, stream.stamp) == (file.key, file.stamp):
            stream.live = file.current
            return 0
        stream.key, stream.stamp = file.key, None
        if file.plain and file.size - stream.offset > LONGEST_BACKLOG:
            stream.offset, stream.skipping = file.size - LONGEST_BACKLOG, True
        total = 0
        while total < room:
            piece = file.read(stream.offset)
            self._feed(piece, stream, file)
            stream.offset += piece.taken
            total += piece.taken
            if piece.at_end:
                stream.stamp = file.stamp
                break
        stream.live = file.current or total > 0
        return total

    def _feed(self, piece: Piece, stream: _Stream, file: LogFile) -> None:
        lines = piece.lines
        if piece.too_long or stream.skipping:
            self._stories.gap()
            lines = lines[1:]  # the rest of a line whose beginning we have not
            stream.skipping = piece.too_long
        if not stream.offset and lines and wings_lines.begins_with_a_start(lines):
            self._stories.gap()  # the log before it may have been deaf for long
        bound = self._clock.now().wall if file.current else file.mtime
        for raw in lines:
            if self._open is not None or self._stories.covered_from is None or wings_lines.hinted(raw):
                self._line(wings_lines.readable(raw), bound)
        if stamp := wings_lines.last_stamp(lines):
            self._last = (stamp, file.mtime)

    def _line(self, line: str, bound: float) -> None:
        entry = wings_lines.entry_of(line)
        if entry is None:
            self._close(line)
            return
        if self._open is not None:
            self._give(*self._open[:2])
        zone = self._zone
        at = wings_times.epoch(entry.stamp, zone.info, bound, self._prior) if zone is not None else None
        if at is None or entry.torn:
            self._stories.gap()
            return
        if self._prior is not None and at < self._prior - ROLLED:
            self._stories.mistaken(at)
        self._prior = at
        if entry.message in wings_lines.BOOTS and not self._started(at):
            self._stories.gap()  # two Wings write here, the clock was set back, or somebody's user name says so
            self._refused = min(at, self._refused or at)
            return
        self._stories.begin(at)
        if entry.open:
            self._open = (entry, at, LONGEST_ERROR)
        elif entry.message:
            self._stories.take(entry, at)

    def _started(self, at: float) -> bool:
        """Whether Wings can have started then: not without a process in sight, and not after that one began."""
        return self._began is not None and at <= self._began + BOOTING

    def _close(self, line: str) -> None:
        """Look for the end of an entry whose error has line breaks."""
        if self._open is None:
            return
        entry, at, left = self._open
        server = wings_lines.server_at_the_end(line)
        if server or left <= 1:
            self._open = None
            self._stories.take(wings_lines.Entry(entry.stamp, entry.message, server=server), at)
        else:
            self._open = (entry, at, left - 1)

    def _give(self, entry: wings_lines.Entry, at: float) -> None:
        self._open = None
        self._stories.take(entry, at)

    def _silent(self, found: Sequence[LogFile]) -> str:
        """Return why Wings says nothing that we could read, "" = it does."""
        current = next((each for each in found if each.current), None)
        if current is None or current.size or current.key == self._current or not self._deafens:
            return ""  # a file that was emptied and is the same is on its way: that is copytruncate
        if not any(each.size for each in found) or any(each.plain and each.mtime_ns > current.mtime_ns for each in found):
            return ""  # the renamed file is written on: nobody told Wings, and nothing is lost until that is compressed
        return (
            f"{self._path} is empty since its rotation: Wings closes its log on SIGHUP and writes nothing until it is started anew. "
            "Use copytruncate instead of postrotate in /etc/logrotate.d/wings, and restart Wings when no backup is in flight"
        )

    def _log(self, error: str, now: float, *, deaf: bool) -> Log:
        stories = self._stories
        return Log(
            covered_from=stories.covered_from,
            error=error,
            backups=MappingProxyType(dict(stories.backups)),
            unnamed_failures=tuple(stories.unnamed),
            read_to=None if error else now,
            booted_at=stories.booted_at,
            silent_since=self._prior,
            deaf=deaf,
        )


def _newest(found: Sequence[LogFile]) -> tuple[str, float]:
    """Return the newest stamp that stands in a file that can be read, and when that file was written."""
    for file in reversed(found):
        if file.plain:
            try:
                stamp = wings_lines.last_stamp(file.tail())
            except Blind:
                continue
            if stamp:
                return stamp, file.mtime
    return "", 0.0
