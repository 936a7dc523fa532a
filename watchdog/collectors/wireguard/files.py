"""The configuration files that names are read from: found by pattern, read with bounds, and again only when they change.

A file is known by its device, inode, size and times. Only regular files on local file systems are opened, never blocking, up to
``LARGEST``: a pipe, a device or a hung mount cannot hold up a look. What was read is overwritten with zeros at once, for it holds keys.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from watchdog.collectors.mounts import MountTable
from watchdog.collectors.wireguard.comments import Sheet, read_sheet
from watchdog.errors import Blind
from watchdog.model.wireguard import NameFile, PeerName
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

LARGEST = 16 << 20
LARGEST_KEY = 256
MOST_FILES = 1000
MOST_BYTES = 64 << 20  # of all files together: a look has a deadline
_REASONS = {errno.ENOENT: "missing", errno.ENOTDIR: "missing", errno.EACCES: "no_permission", errno.EPERM: "no_permission"}
_WILD = frozenset("*?[")

Identity = tuple[int, int, int, int, int]
Told = Sheet | str
"""What a file says: a sheet of names, or the public key that is all of it."""
WrittenNames = Mapping[tuple[str, str], PeerName]
"""Names by (device, public key); "" as the device = good for any."""


class Unreadable(Blind):
    """A file or directory cannot be read now; ``reason`` is a short stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read of a file, and what the file was then; no identity = it cannot be read now, and this is its last good word."""

    identity: Identity | None
    told: Told


class NameFiles:
    """All that ``patterns`` (absolute globs) lead to. One look at a time; what is remembered is swapped whole."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(patterns)
        self._kept: dict[str, _Kept] = {}
        self._merged: tuple[dict[str, _Kept], WrittenNames] = ({}, {})
        self._broken: dict[str, str] = {}

    def look(self) -> tuple[WrittenNames, tuple[NameFile, ...]]:
        """Return the names in all files (the same object while nothing changed), and each file with why it cannot be read, or None."""
        look = _Look(self._kept)
        for path, explicit in look.found(self._patterns):
            look.read(path, read_sheet, LARGEST, explicit=explicit)
        for path in sorted({entry.key_file for sheet in look.sheets() for entry in sheet.entries if entry.key_file}):
            look.read(path, _read_key, LARGEST_KEY, explicit=True)
        self._kept = look.kept
        self._say(look.states)
        if look.kept != self._merged[0]:
            self._merged = (look.kept, _merge(look.kept))
        return self._merged[1], tuple(NameFile(path, error) for path, error in sorted(look.states.items()))

    def _say(self, states: Mapping[str, str | None]) -> None:
        """Log once when a file breaks, with the reason, and once when it is readable again or gone."""
        broken = {path: error for path, error in states.items() if error is not None}
        for path, error in broken.items():
            if self._broken.get(path) != error:
                log.warning("names of peers cannot be read from a file", file=path, reason=error)
        for path in sorted(self._broken.keys() - broken.keys()):
            log.info("names of peers can be read from a file again, or it is gone", file=path)
        self._broken = broken


class _Look:
    """One look at all files. ``states`` is why each cannot be read, or None; ``kept`` is what they say."""

    def __init__(self, before: Mapping[str, _Kept]) -> None:
        self._before = before
        self._table: MountTable | None = None
        self._bytes = 0
        self.kept: dict[str, _Kept] = {}
        self.states: dict[str, str | None] = {}

    def sheets(self) -> list[Sheet]:
        """Return the sheets read so far."""
        return [one.told for one in self.kept.values() if isinstance(one.told, Sheet)]

    def found(self, patterns: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Yield the paths that the patterns lead to, each once, and whether it was named without a wildcard."""
        paths: dict[str, bool] = {}
        for pattern in patterns:
            folder, names = split(pattern)
            if names:
                paths |= {path: paths.get(path, False) for path in self._below(folder, names)}
            else:
                paths[folder] = True
        if len(paths) > MOST_FILES:
            self.states["/"] = "too_many_files"
        yield from sorted(paths.items())[:MOST_FILES]

    def _below(self, folder: str, names: list[str]) -> Iterator[str]:
        """Yield the paths below ``folder`` that match ``names``, one pattern for each step down."""
        try:
            self._must_be_local(folder)
            with os.scandir(folder) as entries:
                here = sorted(entry.name for entry in entries if fnmatchcase(entry.name, names[0]))
        except (OSError, Unreadable) as error:
            reason = _reason(error)
            if reason != "missing":
                self.states[folder] = reason
                # whether they are still there cannot be seen: what was read of them stands
                self.kept |= {path: one for path, one in self._before.items() if path.startswith(folder + "/")}
            return
        for name in here:
            path = f"{folder.rstrip('/')}/{name}"
            if len(names) == 1:
                yield path
            else:
                yield from self._below(path, names[1:])

    def read(self, path: str, parse: Callable[[bytearray, str], Told], largest: int, *, explicit: bool) -> None:
        """Note what ``path`` says: as it was read before while the file is the same, its last good word when it cannot be read."""
        before = self._before.get(path)
        try:
            self._must_be_local(path)
            facts = os.stat(path)  # noqa: PTH116  (text in)
            self._must_fit(facts, largest)
            if before is None or before.identity != _identity(facts):
                before = _content(path, parse, largest)
        except (OSError, Unreadable) as error:
            reason = _reason(error)
            if reason != "missing" or explicit:
                self.states[path] = reason
            if reason != "missing" and before is not None:
                self.kept[path] = _Kept(None, before.told)
            return
        self.states[path] = None
        self.kept[path] = before

    def _must_fit(self, facts: os.stat_result, largest: int) -> None:
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable("not_a_file")  # before it is opened: opening a device can have effects
        if facts.st_size <= largest:
            self._bytes += facts.st_size
        if facts.st_size > largest or self._bytes > MOST_BYTES:
            raise Unreadable("too_large")

    def _must_be_local(self, path: str) -> None:
        if self._table is None:
            try:
                self._table = MountTable.read()
            except Blind:
                raise Unreadable("mounts_unknown") from None
        if not self._table.find(path).local:
            raise Unreadable("network_filesystem")


def split(pattern: str) -> tuple[str, list[str]]:
    """Given an absolute glob, return the folder before its first wildcard and the steps below it; no steps = it has no wildcard."""
    steps = pattern.split("/")
    first = next((number for number, step in enumerate(steps) if _WILD & set(step)), len(steps))
    return "/".join(steps[:first]) or "/", steps[first:]


def _reason(error: OSError | Unreadable) -> str:
    return error.reason if isinstance(error, Unreadable) else _REASONS.get(error.errno or 0, "unreadable")


def _identity(facts: os.stat_result) -> Identity:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _content(path: str, parse: Callable[[bytearray, str], Told], largest: int) -> _Kept:
    """Read a regular file once. Raise OSError, or Unreadable naming why it is not read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  (a descriptor)
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable("not_a_file")
        if facts.st_size > largest:
            raise Unreadable("too_large")
        content = bytearray(facts.st_size)
        view, count = memoryview(content), 0
        while count < len(content) and (step := file.readinto(view[count:])):
            count += step
        view.release()
    try:
        return _Kept(_identity(facts), parse(content, os.path.basename(path)))  # noqa: PTH119  (text only)
    finally:
        content[:] = bytes(len(content))


def _read_key(content: bytearray, _name: str) -> str:
    """Given a PublicKeyFile=, return what it says."""
    return content.decode("ascii", "replace").strip()


def _merge(kept: Mapping[str, _Kept]) -> WrittenNames:
    """Return the names of all sheets. Of two that name one peer, the first file by its path counts."""
    names: dict[tuple[str, str], PeerName] = {}
    for _path, one in sorted(kept.items(), key=lambda item: item[0]):
        if not isinstance(one.told, Sheet):
            continue
        for entry in one.told.entries:
            by_file = kept.get(entry.key_file)
            key = entry.public_key or (by_file.told if by_file is not None else "")
            if entry.name is not None and key and isinstance(key, str):
                names.setdefault((one.told.device or "", key), entry.name)
    return names
