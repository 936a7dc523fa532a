"""Wings' log as files: which of them belong to it, and whole lines from a place in one. Nothing is kept open between two looks."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import stat
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from watchdog.errors import Blind

HEAD: Final = 256
"""First bytes by which a file is known, whatever its name; the times of its first lines are in them."""
STEP: Final = 1 << 20
"""Bytes of one step, and of the longest line."""
UNPACKED_STEP: Final = 16 << 20
TAIL: Final = 64 << 10
MOST_FILES: Final = 200
_NUMBER: Final = r"(?:[-._]\d[-\d_.T:]*)?"
_PACKED: Final = r"(\.(?:gz|bz2|xz|zst))?"

Open = Callable[[BinaryIO], Any]
OPENERS: Final[Mapping[str, Open]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BROKEN: Final = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


class Replaced(Blind):
    """Another file has the name now: look again."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines without their ends. ``taken`` bytes make them; ``too_long``: they are the beginning of a line, and no lines."""

    lines: tuple[bytes, ...] = ()
    taken: int = 0
    at_end: bool = True
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of the log in this look. ``current``: it has the log's own name. ``packed`` is the suffix of its compression, "" = none."""

    path: Path
    key: tuple[int, int]
    size: int
    mtime: float
    mtime_ns: int
    current: bool
    packed: str = ""

    @property
    def plain(self) -> bool:
        """Whether it is not compressed."""
        return not self.packed

    @property
    def stamp(self) -> tuple[int, int]:
        """Return what changes when it is written to."""
        return self.size, self.mtime_ns

    def head(self) -> bytes:
        """Return its first bytes, none while its first line is not whole. Raises Blind."""
        found = self._read(0, HEAD)
        return found if len(found) == HEAD or b"\n" in found else b""

    def read(self, offset: int) -> Piece:
        """Return lines from ``offset`` on: a step of them. Raises Blind."""
        most = STEP if self.plain else UNPACKED_STEP
        found = self._read(offset, most)
        cut = found.rfind(b"\n") + 1
        if not cut:
            return Piece(taken=len(found), at_end=False, too_long=True) if len(found) == most else Piece()
        return Piece(tuple(found[: cut - 1].split(b"\n")), cut, at_end=len(found) < most)

    def tail(self) -> list[bytes]:
        """Return its last whole lines. Raises Blind."""
        begin = max(0, self.size - TAIL)
        lines = self._read(begin, TAIL).split(b"\n")[:-1]
        return lines[1:] if begin else lines

    def _read(self, offset: int, most: int) -> bytes:
        try:
            # never block: somebody's FIFO of this name must not hang a look
            with open(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY), "rb") as file:  # noqa: PTH123
                facts = os.fstat(file.fileno())
                if not stat.S_ISREG(facts.st_mode) or (facts.st_dev, facts.st_ino) != self.key:
                    raise Replaced(f"{self.path} has just been replaced")
                if self.plain:
                    return os.pread(file.fileno(), most, offset)
                if self.packed not in OPENERS:
                    raise Blind(f"{self.path}: files of its kind of compression are not read")
                with OPENERS[self.packed](file) as unpacked:
                    unpacked.seek(offset)
                    return bytes(unpacked.read(most))
        except FileNotFoundError:
            raise Replaced(f"{self.path} has just gone") from None
        except PermissionError:
            raise Blind(f"{self.path} may not be read: run as root or with CAP_DAC_READ_SEARCH") from None
        except BROKEN as error:
            raise Blind(f"{self.path} cannot be read: {type(error).__name__}") from None


def siblings(path: Path, since: float) -> tuple[LogFile, ...]:
    """Return the log at ``path`` and the files that rotations made of it and that were written after ``since``, the oldest first.

    Raises Blind when its directory cannot be listed.
    """
    name = re.compile(re.escape(path.stem) + _NUMBER + re.escape(path.suffix) + _NUMBER + _PACKED)
    found: list[LogFile] = []
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                fits = name.fullmatch(entry.name)
                if fits is None:
                    continue
                try:
                    facts = entry.stat(follow_symlinks=entry.name == path.name)
                except FileNotFoundError:
                    continue
                current = entry.name == path.name
                if stat.S_ISREG(facts.st_mode) and (current or facts.st_mtime >= since):
                    key = (facts.st_dev, facts.st_ino)
                    found.append(
                        LogFile(path.parent / entry.name, key, facts.st_size, facts.st_mtime, facts.st_mtime_ns, current, fits[1] or "")
                    )
    except FileNotFoundError:
        raise Blind(f"there is no {path.parent}: set node.log to Wings' log (its system.log_directory)") from None
    except PermissionError:
        raise Blind(f"{path.parent} may not be listed: it is 0700 of root; run as root or with CAP_DAC_READ_SEARCH") from None
    except OSError as error:
        raise Blind(f"{path.parent} cannot be listed: {error.strerror}") from None
    return tuple(sorted(found, key=lambda each: (each.current, each.mtime_ns, each.path.name)))[-MOST_FILES:]
