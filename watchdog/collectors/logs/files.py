"""The tail of one log file over rotations: by rename (both kinds of writers), by copy and truncate, and over our own restarts."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from watchdog.collectors.logs.lines import Line, Piece, Splitter, readable
from watchdog.collectors.logs.settings import LogsSettings
from watchdog.errors import Blind
from watchdog.model.keeping import Offset

HEAD = 256
# a program goes on writing to a renamed file until it is told to open the new one
OLD_LOOKS = 6
_SIBLINGS = 1000
_NUMBER = r"(?:[-._]\d[-\d_.T:]*)?"
_REASONS = {errno.ENOENT: "missing", errno.EACCES: "no_permission", errno.EPERM: "no_permission", errno.ENOTDIR: "missing"}


class Unreadable(Blind):
    """The log cannot be read now; ``reason`` is a short stable word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OpenLog:
    """One open file. ``offset`` is the first byte not yet given as a whole line; ``again`` bytes before it were read before our restart."""

    def __init__(self, descriptor: int, facts: os.stat_result, most: int) -> None:
        self.descriptor = descriptor
        self.device, self.inode = facts.st_dev, facts.st_ino
        self.position = 0
        self.again_to = 0
        self.head = b""
        self.splitter = Splitter(most)

    @property
    def offset(self) -> int:
        """Return the first byte not yet given as a whole line."""
        return self.position - self.splitter.held

    def go_to(self, position: int) -> None:
        """Read on from ``position``; if that is within a line, its rest is dropped."""
        self.position = position
        if position > 0 and os.pread(self.descriptor, 1, position - 1) != b"\n":
            step = os.pread(self.descriptor, self.splitter.most, position)
            line_end = step.find(b"\n")
            self.position += line_end + 1 if line_end >= 0 else len(step)

    def replaced(self) -> bool:
        """Whether other bytes stand here than those that were read: it was truncated, or written anew."""
        size = os.fstat(self.descriptor).st_size
        if size < self.position:
            return True
        begin = os.pread(self.descriptor, HEAD, 0)
        same = begin.startswith(self.head)
        if same and len(begin) > len(self.head):
            self.head = begin
        return not same

    def read(self, limit: int, piece: Piece) -> bool:
        """Add up to ``limit`` bytes' lines to ``piece``; return whether the end was reached."""
        left = limit
        while left > 0:
            # the border of what was read before a restart is the end of a line: no block reaches over it
            again = self.position < self.again_to
            border = self.again_to - self.position if again else left
            data = os.pread(self.descriptor, min(left, border, 1 << 18), self.position)
            if not data:
                return True
            piece.lines.extend(Line(readable(raw), gap, again) for raw, gap in self.splitter.feed(data))
            self.position += len(data)
            left -= len(data)
        return False

    def close(self) -> None:
        """Give back the descriptor."""
        os.close(self.descriptor)


def open_log(path: str, most: int) -> OpenLog:
    """Open a regular file for reading, never blocking. Raise Unreadable naming why not."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise Unreadable(_REASONS.get(error.errno or 0, "unreadable"), f"cannot open '{path}': {error.strerror}") from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise Unreadable("not_a_file", f"'{path}' is no regular file")
    return OpenLog(descriptor, facts, most)


def fingerprint(head: bytes) -> str:
    """Return what is kept of a log's first bytes: their number and a hash. Their text stays here."""
    return f"{len(head)}:{hashlib.blake2b(head, digest_size=12).hexdigest()}" if head else ""


def has_head(log: OpenLog, kept: str) -> bool:
    """Whether a file begins with the bytes that were fingerprinted."""
    if not kept:
        return True
    count = int(kept.partition(":")[0] or 0)
    return fingerprint(os.pread(log.descriptor, min(count, HEAD), 0)) == kept


@dataclass(slots=True)
class _Old:
    log: OpenLog
    looks: int = OLD_LOOKS


class FileTail:
    """One watched file. ``saved`` is where an earlier run of ours stood, or None."""

    def __init__(self, path: str, settings: LogsSettings, saved: Offset | None) -> None:
        self.path = path
        self._settings = settings
        self._saved = saved
        self._log: OpenLog | None = None
        self._old: _Old | None = None

    def close(self) -> None:
        """Give back descriptors."""
        for log in (self._log, self._old.log if self._old else None):
            if log is not None:
                log.close()
        self._log = self._old = None

    def where(self) -> tuple[int, int, int, str] | None:
        """Return (device, inode, offset, fingerprint of the head) of what was read, None before the first look."""
        log = self._log
        return (log.device, log.inode, log.offset, fingerprint(log.head)) if log is not None else None

    def read(self) -> Piece:
        """Read what is new, at most ``max_bytes``. Raise Unreadable when the file is not there and nothing of it is open."""
        piece = Piece()
        began = self._log is None
        if self._log is None:
            self._log = self._first()
        limit = self._settings.max_bytes
        if self._old is not None:
            limit = self._drain(piece, limit)
        log = self._log
        if not began and log.replaced():
            log.splitter.missing("truncated")
            log.position, log.head, log.again_to = 0, b"", 0
        self._skip_backlog(log)
        before = log.position
        piece.at_end = log.read(limit, piece)
        piece.read_bytes += log.position - before
        piece.gap = log.splitter.gap
        if not log.head:
            log.replaced()  # remember its first bytes
        if piece.at_end:
            piece.at_end = not self._rotated(piece)
        return piece

    def _skip_backlog(self, log: OpenLog) -> None:
        size = os.fstat(log.descriptor).st_size
        if size - log.position > self._settings.max_backlog:
            log.splitter.missing("backlog")
            log.go_to(size - self._settings.window)

    def _drain(self, piece: Piece, limit: int) -> int:
        """Read the renamed file on for some looks; return how many bytes are left for this look."""
        old = self._old
        if old is None:
            return limit
        before = old.log.position
        ended = old.log.read(limit, piece)
        used = old.log.position - before
        piece.read_bytes += used
        old.looks = old.looks - 1 if ended and not used else OLD_LOOKS
        if old.looks <= 0:
            if old.log.splitter.rest:  # its last line was never ended
                piece.lines.append(Line(readable(old.log.splitter.rest)))
            old.log.close()
            self._old = None
        return max(limit - used, 1 << 16)

    def _rotated(self, piece: Piece) -> bool:
        """Whether the path leads to another file, or to none, now; read another one from the next look on, and the old one for a while."""
        log = self._log
        try:
            facts = Path(self.path).stat()
        except OSError as error:
            # renamed and not yet created, or removed: what is open is read on, and silence proves nothing
            piece.error = _REASONS.get(error.errno or 0, "unreadable")
            return True
        if log is None or (facts.st_dev, facts.st_ino) == (log.device, log.inode):
            return False
        try:
            new = open_log(self.path, self._settings.max_line)
        except Unreadable:
            return False
        if self._between(os.fstat(log.descriptor), new):
            new.splitter.missing("rotated_away")
        if self._old is not None:
            self._old.log.close()
        self._old, self._log = _Old(log), new
        return True

    def _between(self, old: os.stat_result, new: OpenLog) -> bool:
        """Whether a rotated file lies between the old and the new one: it was never read."""
        for entry in self._siblings():
            try:
                facts = entry.stat()
            except OSError:
                continue
            if facts.st_mtime_ns > old.st_mtime_ns and (facts.st_dev, facts.st_ino) not in (
                (old.st_dev, old.st_ino),
                (new.device, new.inode),
            ):
                return True
        return False

    def _siblings(self) -> list[os.DirEntry[str]]:
        """Return the files that a rotation may have made of this one: a number or a date added, perhaps compressed."""
        path = Path(self.path)
        rotated = re.compile(re.escape(path.stem) + _NUMBER + re.escape(path.suffix) + _NUMBER + r"(?:\.(?:gz|bz2|xz|zst))?")
        try:
            with os.scandir(path.parent) as entries:
                return [e for e in entries if rotated.fullmatch(e.name) and e.is_file(follow_symlinks=False)][:_SIBLINGS]
        except OSError:
            return []

    def _first(self) -> OpenLog:
        """Open the log for the first time in this run and find the place to begin."""
        log = open_log(self.path, self._settings.max_line)
        size, saved, window = os.fstat(log.descriptor).st_size, self._saved, self._settings.window
        self._saved = None
        if saved is None:
            log.go_to(max(0, size - window))
            log.splitter.missing("first_start")
        elif (saved.device, saved.inode) == (log.device, log.inode) and size >= saved.offset and has_head(log, saved.head):
            log.again_to = saved.offset
            log.go_to(max(0, saved.offset - window))
        else:
            self._resume(log, saved, size)
        return log

    def _resume(self, log: OpenLog, saved: Offset, size: int) -> None:
        """Find the file that an earlier run read under another name; it is read to its end before the new one."""
        for entry in self._siblings():
            try:
                if entry.inode() != saved.inode:
                    continue
                old = open_log(entry.path, self._settings.max_line)
            except (OSError, Unreadable):
                continue
            facts = os.fstat(old.descriptor)
            if (old.device, old.inode) == (saved.device, saved.inode) and facts.st_size >= saved.offset and has_head(old, saved.head):
                old.again_to = saved.offset
                old.go_to(max(0, saved.offset - self._settings.window))
                self._old = _Old(old)
                if self._between(facts, log):
                    log.splitter.missing("rotated_away")
                return
            old.close()
        log.go_to(max(0, size - self._settings.window))
        log.splitter.missing("rotated_away")
