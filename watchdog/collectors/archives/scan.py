"""One look at watched directories: names and facts by lstat, no symbolic link followed, nothing opened but directories and our own notes.

Also a child, ``python -m watchdog.collectors.archives.scan JSON``: the same look for a mount that may hang. It prints one JSON array per
line and is as small as its imports.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import heapq
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from watchdog.collectors.archives.notes import SUFFIX, UNFINISHED, Note, from_wire, read_note

KINDS = ((stat.S_ISLNK, "symlink"), (stat.S_ISFIFO, "fifo"), (stat.S_ISSOCK, "socket"), (stat.S_ISBLK, "device"), (stat.S_ISCHR, "device"))
_ERRORS = {errno.ENOENT: "missing", errno.EACCES: "no_permission", errno.EPERM: "no_permission", errno.ENOTDIR: "not_a_directory"}
MAX_PASSED = 200
MAX_NOTES = 1000

Fact = tuple[str, int, int, int, int, int]  # path, device, inode, size, mtime_ns, mode bits


@dataclass(frozen=True, slots=True)
class Wish:
    """One directory to look at. ``avoid`` are mount points below it that are not touched; ``most`` is how many files are kept.

    Of ``most`` 0 only the free space of its file system is wanted. ``notes``: those beside the kept files are read.
    """

    name: str
    path: str
    pattern: str
    avoid: tuple[str, ...] = ()
    most: int = 20_000
    notes: bool = True


@dataclass(slots=True)
class Look:
    """What one look at one directory found.

    ``error`` names why absence proves nothing; ``files`` are the newest, ``count`` and ``bytes`` of all; ``free`` are the bytes that
    programs without privileges may still write on its file system, None where it does not say. ``notes`` are those of rehearsals beside
    the files, by the file's path; a word for one that says nothing. A note is no archive, whatever the pattern.
    """

    name: str
    error: str | None = None
    count: int = 0
    bytes: int = 0
    files: list[Fact] = field(default_factory=list)
    passed: list[tuple[str, str]] = field(default_factory=list)
    free: int | None = None
    notes: dict[str, Note | str] = field(default_factory=dict)
    noted: set[str] = field(default_factory=set)


def look(wish: Wish) -> Look:
    """Given a wish, return what is there now. Never raises for what the file system says: it is named instead."""
    found = Look(wish.name)
    with contextlib.suppress(OSError):
        told = os.statvfs(wish.path)
        found.free = told.f_bavail * told.f_frsize
    if wish.most == 0:
        return found
    try:
        # a directory that ends with a slash is opened through a symbolic link too: the configured path itself may be one
        os.scandir(wish.path).close()
    except OSError as error:
        found.error = _ERRORS.get(error.errno or 0, "unreadable")
        return found
    newest = heapq.nlargest(wish.most, _facts(found, wish), key=lambda fact: (fact[4], fact[0]))
    found.files = sorted(newest)
    if wish.notes and found.noted:
        read = [(path, read_note(path)) for path, *_ in newest if path + SUFFIX in found.noted][:MAX_NOTES]
        found.notes = {path: note for path, note in read if note is not None}
    if found.count > wish.most:
        found.error = "too_many_files"
    return found


def _facts(found: Look, wish: Wish) -> Iterator[Fact]:
    avoid = frozenset(wish.avoid)
    matchers = _matchers(wish.pattern)
    twice: set[str] | None = set() if matchers.count(None) > 1 else None  # only then can one path match in two ways
    for path in _walk(found, wish.path.rstrip("/") or "/", matchers, avoid):
        if twice is not None:
            if path in twice:
                continue
            twice.add(path)
        try:
            facts = os.lstat(path)
        except OSError as error:
            _pass(found, path, "vanished" if error.errno == errno.ENOENT else "unreadable")
            continue
        if stat.S_ISREG(facts.st_mode):
            found.count += 1
            found.bytes += facts.st_size
            yield path, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, stat.S_IMODE(facts.st_mode)
        else:
            _pass(found, path, next((word for test, word in KINDS if test(facts.st_mode)), ""))


_Matcher = Callable[[str], object] | None  # None = any number of folders (**)


def _matchers(pattern: str) -> tuple[_Matcher, ...]:
    """Compile a glob, folder by folder. As in a shell, a leading dot must be written."""
    parts = [part for part in pattern.split("/") if part]
    single = [part for index, part in enumerate(parts) if part != "**" or parts[index - 1 : index] != ["**"]]
    return tuple(None if part == "**" else re.compile(_shell(part)).match for part in single)


def _shell(part: str) -> str:
    return ("" if part.startswith(".") else r"(?!\.)") + fnmatch.translate(part)


def _walk(found: Look, path: str, matchers: tuple[_Matcher, ...], avoid: frozenset[str]) -> Iterator[str]:
    """Yield the paths that match; go down into real directories only, never onto a mount that may hang."""
    first, rest = (matchers[0], matchers[1:]) if matchers else (None, ())
    if first is None and not rest:
        rest = (re.compile(r"[^.]").match,)  # a pattern that ends with ** means every file below
    for name, is_dir in _names(found, path):
        full = f"{path.rstrip('/')}/{name}"
        if name.endswith((SUFFIX, UNFINISHED)) and not is_dir:
            found.noted.add(full)
        elif full in avoid:
            _pass(found, full, "mount_point")
        elif first is None:
            if is_dir and not name.startswith("."):
                yield from _walk(found, full, matchers, avoid)
            yield from _step(found, full, name, is_dir, rest, avoid)
        else:
            yield from _step(found, full, name, is_dir, (first, *rest), avoid)


def _step(found: Look, full: str, name: str, is_dir: bool, matchers: tuple[_Matcher, ...], avoid: frozenset[str]) -> Iterator[str]:
    match, rest = matchers[0], matchers[1:]
    if match is None or not match(name):
        return
    if rest and is_dir:
        yield from _walk(found, full, rest, avoid)
    elif not rest and not is_dir:
        yield full


def _names(found: Look, path: str) -> list[tuple[str, bool]]:
    """Return the names of one directory and whether each is a real directory. One below that cannot be read is an error of the whole."""
    try:
        with os.scandir(path) as entries:
            return [(entry.name, _is_dir(entry)) for entry in entries]
    except OSError as error:
        reason = _ERRORS.get(error.errno or 0, "unreadable")
        _pass(found, path, "vanished" if reason == "missing" else reason)
        if reason != "missing":
            found.error = found.error or reason
        return []


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _pass(found: Look, path: str, reason: str) -> None:
    if reason and len(found.passed) < MAX_PASSED:
        found.passed.append((path, reason))


# ---- as a child --------------------------------------------------------------------------------------------------------------------------


def tell(looks: Iterable[Look]) -> Iterator[str]:
    """Turn looks into lines for the parent."""
    for found in looks:
        yield json.dumps(["look", found.name, found.error, found.count, found.bytes, found.free])
        yield from (json.dumps(["file", *fact]) for fact in found.files)
        yield from (json.dumps(["passed", *passed]) for passed in found.passed)
        yield from (json.dumps(["note", path, note]) for path, note in found.notes.items())
    yield json.dumps(["end"])


def understand(text: bytes) -> list[Look] | None:
    """Turn the lines of ``tell`` back into looks; None when they are cut or not of that shape."""
    looks: list[Look] = []
    try:
        for line in text.splitlines():
            match json.loads(line):
                case ["look", str() as name, error, int() as count, int() as size, int() | None as free]:
                    looks.append(Look(name, error, count, size, free=free))
                case ["file", str() as path, int() as device, int() as inode, int() as size, int() as mtime, int() as mode]:
                    looks[-1].files.append((path, device, inode, size, mtime, mode))
                case ["passed", str() as path, str() as reason]:
                    looks[-1].passed.append((path, reason))
                case ["note", str() as path, told]:
                    looks[-1].notes[path] = from_wire(told)
                case ["end"]:
                    return looks
                case _:
                    return None
    except (ValueError, IndexError):
        return None
    return None


def main(argv: list[str]) -> int:
    """Look at the directories of the first argument and print what is there."""
    for line in tell(look(Wish(*wish)) for wish in json.loads(argv[0])):
        sys.stdout.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
