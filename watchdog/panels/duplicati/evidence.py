"""What this host can see beside the server: the databases and the sources of its jobs. Nothing here raises for one that cannot be seen."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from watchdog.model.moments import Clock
from watchdog.model.volumes import volume_name
from watchdog.panels.duplicati.job_database import JobDatabaseReader
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.traces import Evidence, FolderSeen, JobDatabase, SourceSeen

AT_WORK: Final = JobDatabase("busy", "its job runs or waits")
MOST_NAMES: Final = 1_000_000
READING: Final = 20.0
"""Seconds that all databases together may take in one look."""


class EvidenceReader:
    """Reads it. Each thread that looks has its own."""

    def __init__(self, settings: DuplicatiSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._databases = {key: JobDatabaseReader(one.database) for key, one in settings.destinations.items() if one.database is not None}

    def read(self, busy: Collection[str] = ()) -> Evidence:
        """Return what can be seen now. The databases of jobs that are ``busy`` (ids and names, casefolded) are left alone."""
        ends = self._clock.now().mono + READING
        return Evidence(
            {
                key: AT_WORK if key.casefold() in busy else reader.read(lambda: self._clock.now().mono < ends)
                for key, reader in self._databases.items()
            },
            self.sources(),
        )

    def folders(self) -> Mapping[str, FolderSeen]:
        """Return what one listing of each destination shows; for ``doctor``."""
        return {key: _folder(one.path, one.prefix) for key, one in self._settings.destinations.items()}

    def sources(self) -> Mapping[str, tuple[SourceSeen, ...]]:
        """Return what can be seen of the jobs' sources now."""
        return {key: tuple(map(_seen, paths)) for key, paths in self._settings.sources.items()}


def _folder(path: Path, prefix: str) -> FolderSeen:
    try:
        with os.scandir(path) as entries:
            names = [found for entry in islice(entries, MOST_NAMES) if (found := volume_name(entry.name)) and found.prefix == prefix]
    except OSError as error:
        return FolderSeen(error=error.strerror or type(error).__name__)
    return FolderSeen(sum(name.kind != "list" for name in names), any(name.kind == "list" for name in names))


def _seen(path: Path) -> SourceSeen:
    return SourceSeen(str(path), _state(path))


def _state(path: Path) -> Literal["there", "absent", "empty", "unseen"]:
    """Say whether a source is there. A folder without a single name counts as empty: so does a mount point without its mount."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return "there"
        with os.scandir(path) as entries:
            return "there" if list(islice(entries, 1)) else "empty"
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    except OSError:
        return "unseen"
