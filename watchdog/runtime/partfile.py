"""A file that is ours while it grows and somebody's backup only once it is proven: ``NAME.watchdog.part``, then a rename.

A part is created new (never over anything), for its owner's eyes only, and locked while its writer lives: a part without a lock has no
writer any more. Its first bytes are judged as they come, its hashes run along, and the file system's free space is watched.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from watchdog.errors import MalformedAnswer, Refused, Temporary

SUFFIX: Final = ".watchdog.part"
HEAD: Final = 64 << 10
"""Bytes that are judged as they come."""
_ROOM_EVERY: Final = 32 << 20
_LEAST_LINES: Final = 8
_PAGE = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SHUT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class PartFile:
    """One growing file. Use as a context manager: leaving it closes it and leaves it where it is, marked by its name.

    ``final`` is the path it will have; ``magics`` are the only first bytes that it may have; ``floor`` bytes must stay free on its file
    system. Everything here raises Refused (it is there already, no permission), Temporary (no room) or MalformedAnswer (not what it was to
    be; ``wrong`` says it in a word and a sentence).
    """

    def __init__(self, final: Path, magics: tuple[bytes, ...], floor: int) -> None:
        self.final = final
        self.path = final.with_name(final.name + SUFFIX)
        self.size = 0
        self.wrong: tuple[str, str] | None = None
        self._magics = magics
        self._floor = floor
        self._head = bytearray()
        self._sha1, self._sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        self._room_at = 0
        with translated(self.path):
            if os.path.lexists(final):
                raise Refused(f"{final.name} is there already")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self.path, flags, 0o600)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def sha1(self) -> str:
        """Return the checksum of what was written, in lower-case hex."""
        return self._sha1.hexdigest()

    @property
    def sha256(self) -> str:
        """Return the checksum of what was written, in lower-case hex."""
        return self._sha256.hexdigest()

    def write(self, piece: bytes) -> None:
        """Add the next bytes, whole. A ``Sink``."""
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]
            self.judge()
        if self.size >= self._room_at:
            self._watch_room()
        view = memoryview(piece)
        with translated(self.path):
            while view:
                view = view[os.write(self._descriptor, view) :]
        self._sha1.update(piece)
        self._sha256.update(piece)
        self.size += len(piece)

    def judge(self, *, whole: bool = False) -> None:
        """Judge what came so far; ``whole``: nothing more will come. Raises MalformedAnswer."""
        self.wrong = wrong_head(bytes(self._head), self._magics, whole=whole)
        if self.wrong is not None:
            raise MalformedAnswer(self.wrong[1])

    def settle(self) -> None:
        """Note that all has come: judge it, and force it to the disk."""
        self.judge(whole=True)
        with translated(self.path):
            os.fsync(self._descriptor)

    def publish(self) -> None:
        """Give it its final name, for good. Call after ``settle`` and after the proof."""
        with translated(self.final):
            if os.path.lexists(self.final):
                raise Refused(f"{self.final.name} has appeared meanwhile")
            self.path.rename(self.final)
            sync_directory(self.final.parent)

    def close(self) -> None:
        """Close it, wherever it stands; its lock goes with it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _watch_room(self) -> None:
        self._room_at = self.size + _ROOM_EVERY
        with translated(self.path):
            room = free_bytes(self.path.parent)
        if room < self._floor:
            raise Temporary(f"only {room >> 20} MiB are left on the file system of {self.path.parent}: stopped before it is full")


def wrong_head(head: bytes, magics: tuple[bytes, ...], *, whole: bool) -> tuple[str, str] | None:
    """Given the first bytes, return (word, sentence) for what they are instead of what they should be; None = nothing is wrong yet."""
    if not head:
        return ("empty", "nothing came at all: 0 bytes") if whole else None
    if head.startswith(magics):
        lines = head.count(b"\n")
        if lines >= _LEAST_LINES and head.count(b"\r\n") == lines:
            return "crlf_mangled", "a carriage return stands before every line feed: it went through a terminal"
        return None
    if not whole and any(magic.startswith(head) for magic in magics):
        return None
    if any(magic in head for magic in magics):
        return "log_line_before", "readable lines stand before the archive: a log was written into it"
    return _instead(head.lstrip().lower())


def _instead(start: bytes) -> tuple[str, str]:
    if start.startswith(_PAGE):
        return "html_page", "it is a web page, not an archive"
    if start[:1] in (b"{", b"["):
        return "json_text", "it is a JSON text, not an archive"
    return "no_archive", "it does not begin like an archive"


def writer_lives(path: Path) -> bool:
    """Whether somebody holds the lock of a part. Raises OSError when it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def free_bytes(path: Path) -> int:
    """Return the bytes that we may still write on the file system of ``path``. Raises OSError."""
    told = os.statvfs(path)
    return (told.f_bavail if os.geteuid() else told.f_bfree) * told.f_frsize


def sync_directory(path: Path) -> None:
    """Force the names in a directory to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems know no fsync of a directory
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn OSError into the house's errors: no room is Temporary, no permission and what is in the way are Refused."""
    try:
        yield
    except OSError as error:
        said = f"{path}: {error.strerror or type(error).__name__}"
        if error.errno in _SHUT:
            raise Refused(f"{said}: let this program's user write there") from None
        if error.errno in {errno.EEXIST, errno.ELOOP, errno.ENOENT, errno.ENOTDIR}:
            raise Refused(said) from None
        raise Temporary(f"no room: {said}" if error.errno in _FULL else said) from None
