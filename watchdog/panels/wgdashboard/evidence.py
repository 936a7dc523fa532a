"""Truth that only this panel has: its database's time, its ini, its error log, its worker's threads, its configuration files.

Read from ``directory`` (the panel's ``src``) and from ``/proc``; nothing is ever written there and no database is opened. Each part that
cannot be seen is named in ``Evidence.blind``: it is Unknown then, never "no". Contract sections 2.1 (B, D) and 3.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from watchdog.errors import Blind, WatchdogError
from watchdog.model.hooks import HookRunner
from watchdog.model.moments import Clock
from watchdog.model.snapshots import Actual
from watchdog.panels.wgdashboard import texts
from watchdog.panels.wgdashboard.processes import ProcessReader
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import NOTHING, ConfFile, Evidence, Ini, Journal, Part

MOST_CONF: Final = 4 << 20
"""Bytes of a configuration file; two thousand peers take a tenth of it."""
MOST_LOG: Final = 4 << 20
"""Bytes of the error log that are read at once; of a longer one the beginning of the worker's life and the end count."""
HEAD: Final = 64 << 10

PartT = TypeVar("PartT")
Stamp = tuple[int, int, int]


class EvidenceReader:
    """Reads the evidence of one target, look by look; what has not changed is not read again."""

    def __init__(self, settings: WgdashboardSettings, clock: Clock, proc: Path = Path("/proc"), hooks: HookRunner | None = None) -> None:
        """Given the target's settings, and who can say what a restart of its unit ends (None = nobody)."""
        self._settings = settings
        self._clock = clock
        self._process = ProcessReader(settings, proc, hooks)
        self._confs: dict[Path, tuple[Stamp, ConfFile]] = {}
        self._log: _Log | None = None

    def read(self, actual: Actual) -> Evidence:
        """Look once. Raises nothing: what cannot be seen stands in ``blind``."""
        directory = self._settings.directory
        if directory is None:
            return NOTHING
        blind: dict[Part, str] = {}

        def attempt(part: Part, read: Callable[[], PartT]) -> PartT | None:
            try:
                return read()
            except (OSError, WatchdogError) as error:
                said = error.strerror if isinstance(error, OSError) else str(error)
                blind[part] = f"{type(error).__name__}: {said}"
                return None

        ini = attempt("ini", lambda: _ini(directory))
        return Evidence(
            ini=ini,
            database_at=attempt("database", lambda: _database(directory, ini)),
            journal=attempt("log", lambda: self._journal(directory / "log")),
            process=attempt("process", lambda: self._process.read(directory, actual, self._clock.now().wall)),
            files=attempt("files", lambda: self._files(ini)),
            blind=blind,
        )

    def _journal(self, folder: Path) -> Journal:
        newest = max(((entry.stat().st_mtime_ns, entry) for entry in folder.glob("error_*.log")), default=None)
        if newest is None:
            raise Blind("there is no log/error_*.log")
        if self._log is None or not self._log.is_of(newest[1]):
            self._log = _Log(newest[1])
        return self._log.read(self._clock.now().wall)

    def _files(self, ini: Ini | None) -> dict[str, ConfFile]:
        found: dict[str, ConfFile] = {}
        seen: dict[Path, tuple[Stamp, ConfFile]] = {}
        for folder in self._folders(ini):
            for path, status in _confs(folder):
                stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
                known = self._confs.get(path)
                seen[path] = known if known and known[0] == stamp else (stamp, _conf(path, status.st_mtime))
                found.setdefault(path.stem, seen[path][1])
        self._confs = seen
        return found

    def _folders(self, ini: Ini | None) -> tuple[Path, ...]:
        if self._settings.configurations_directory is not None:
            return (self._settings.configurations_directory,)
        if self._settings.container:
            raise Blind("the panel runs in a container: name its wg_conf_path as this host sees it (configurations_directory)")
        if ini is None or not ini.wg_directory:
            raise Blind("the ini does not tell where the configurations are")
        awg = Path(ini.awg_directory) if ini.awg_directory else None
        return (Path(ini.wg_directory), *((awg,) if awg and awg.is_dir() else ()))


class _Log:
    """One error log, read on from where the last look ended."""

    def __init__(self, path: Path) -> None:
        status = path.stat()
        self._path, self._inode = path, (status.st_dev, status.st_ino)
        self._offset = 0
        self._rest = b""
        self._reader = texts.JournalReader()

    def is_of(self, path: Path) -> bool:
        """Whether ``path`` is still this file, and not shorter than what was read."""
        status = path.stat()
        return (status.st_dev, status.st_ino) == self._inode and status.st_size >= self._offset

    def read(self, now: float) -> Journal:
        # what was there before our first look may be old: the file's own time is the latest that it can be
        at = now if self._offset else min(now, self._path.stat().st_mtime)
        with self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size - self._offset > MOST_LOG:
                if not self._offset:
                    self._take(file.read(HEAD), at)  # the beginning tells the thread's id
                file.seek(size - MOST_LOG)
                self._rest = b""
            else:
                file.seek(self._offset)
            whole = file.read(MOST_LOG)
            self._offset = file.tell()
        self._take(whole, at)
        return self._reader.journal

    def _take(self, chunk: bytes, at: float) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._reader.feed((line.decode("utf-8", "replace") for line in lines), at)


def _ini(directory: Path) -> Ini:
    found = texts.ini((directory / "wg-dashboard.ini").read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise Blind("wg-dashboard.ini has no [Server] section; it may just be being written")
    return found


def _database(directory: Path, ini: Ini | None) -> float:
    if ini is None:
        raise Blind("without the ini nobody knows which database it is")
    if ini.database != "sqlite":
        raise Blind(f"the database is {ini.database or 'not named'}, not a file")
    return (directory / "db" / "wgdashboard.db").stat().st_mtime


def _confs(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the configuration files of a folder; one that vanishes meanwhile is gone. Raises OSError when the folder cannot be listed."""
    for path in sorted(folder.iterdir()):
        if path.suffix != ".conf":
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode):
            yield path, status


def _conf(path: Path, changed_at: float) -> ConfFile:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_CONF + 1)
    except OSError as error:
        return ConfFile(path.stem, changed_at, error=type(error).__name__)
    if len(content) > MOST_CONF:
        return ConfFile(path.stem, changed_at, error="too long")
    return ConfFile(path.stem, changed_at, texts.conf(content.decode("utf-8", "replace")))
