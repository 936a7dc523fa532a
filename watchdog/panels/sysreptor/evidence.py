"""Evidence about one SysReptor: which backups run in its container right now, and what the newest backup of ours took. Reads only.

A part that cannot be looked at says so and proves nothing (house rule 3).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from watchdog.errors import MalformedAnswer, NotFound, WatchdogError
from watchdog.model.engines import EngineRead
from watchdog.panels.sysreptor.naming import NOTE_SUFFIX, listed
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.traces import BackupProcess, Evidence, LastRun
from watchdog.runtime.shapes import listing, mapping, text

SECONDS: Final = 5.0
LARGEST_NOTE: Final = 1 << 20
NO_ENGINE: Final = "no_engine"
NO_CONTAINER: Final = "no_container"


class EvidenceReader:
    """Reads the evidence of one target; raises nothing of the house's errors."""

    def __init__(self, settings: SysreptorSettings, engine: EngineRead | None) -> None:
        self._container = settings.run.container
        self._directory = Path(settings.run.directory or settings.backups.path)
        self._engine = engine

    def read(self) -> Evidence:
        """Look now."""
        processes, error = self._processes()
        return Evidence(processes, error, last_run(self._directory))

    def _processes(self) -> tuple[tuple[BackupProcess, ...] | None, str]:
        if self._engine is None:
            return None, NO_ENGINE
        if not self._container:
            return None, NO_CONTAINER
        try:
            return backups_in(self._engine.top(self._container, SECONDS)), ""
        except NotFound:
            return None, NO_CONTAINER
        except WatchdogError as error:
            return None, type(error).__name__


def backups_in(top: Mapping[str, object]) -> tuple[BackupProcess, ...]:
    """Given the engine's ``top`` of a container, return the backups in it. Raises MalformedAnswer."""
    titles = [str(each) for each in listing(top.get("Titles"), "top.Titles")]
    if "PID" not in titles:
        raise MalformedAnswer("top.Titles names no PID")
    rows = [[str(each) for each in listing(row, "top.Processes[]")] for row in listing(top.get("Processes"), "top.Processes")]
    if any(len(row) != len(titles) or not row[titles.index("PID")].isdigit() for row in rows):
        raise MalformedAnswer("a row of top.Processes does not fit its titles")
    return tuple(BackupProcess(int(row[titles.index("PID")])) for row in rows if _is_backup(row[-1].split()))


def last_run(directory: Path) -> LastRun | None:
    """Return what the note beside the newest backup of ours says; None = there is none, or it cannot be read."""
    try:
        notes = sorted(listed(directory, NOTE_SUFFIX), key=lambda entry: entry.name, reverse=True)
    except OSError:
        return None
    return next(_runs([Path(note.path) for note in notes]), None)


def _runs(notes: list[Path]) -> Iterator[LastRun]:
    for note in notes:
        try:
            with note.open("rb") as file:
                said = mapping(json.loads(file.read(LARGEST_NOTE)), "note")
            peak = said.get("peak_memory")
            yield LastRun(
                path=text(said, "path", "note"), began=_number(said, "began"), bytes=int(_number(said, "bytes")),
                seconds=_number(said, "seconds"), peak_memory=peak if isinstance(peak, int) else None,
            )  # fmt: skip
        except (OSError, ValueError, MalformedAnswer):
            continue  # somebody's edit of a note: an older one may still tell


def _number(said: Mapping[str, object], key: str) -> float:
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedAnswer(f"note.{key} is not a number")
    return float(value)


def _is_backup(words: list[str]) -> bool:
    return any(program.endswith("manage.py") and verb == "backup" for program, verb in pairwise(words))
