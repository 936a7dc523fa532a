"""Setting a file aside: a rename into ``quarantine/`` beside it, with the reason in a JSON file. Nothing is ever deleted here.

The reason is written first: a crash in between leaves a note without its file, never a file without its note. The new name ends in
``.quarantined``, so that no pattern that meant the old one means it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from watchdog.errors import Refused
from watchdog.model.archives import Identity
from watchdog.runtime.partfile import sync_directory, translated

FOLDER: Final = "quarantine"
SUFFIX: Final = ".quarantined"
_MOST = 1000


def set_aside(path: Path, identity: Identity, note: Mapping[str, object]) -> Path:
    """Rename ``path`` into its quarantine, the ``note`` (what, why, when; no secrets) beside it; return the new path.

    Raises Refused when the file is not that of ``identity`` any more, or no regular file; Refused or Temporary when it cannot be done.
    """
    with translated(path):
        if identity_of(path) != identity:
            raise Refused(f"{path.name} has changed since it was judged")
        folder = path.parent / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        goal = _unused(folder, path.name)
        _write_note(goal, {"file": path.name, "from": str(path.parent), **note})
        path.rename(goal)
        sync_directory(folder)
        sync_directory(path.parent)
    return goal


def identity_of(path: Path) -> Identity:
    """Return what makes the file at ``path`` this file. Raises OSError, and Refused for what is no regular file."""
    told = os.lstat(path)
    if not stat.S_ISREG(told.st_mode):
        raise Refused(f"{path.name} is no regular file")
    return Identity.of(told)


def _unused(folder: Path, name: str) -> Path:
    for number in range(_MOST):
        goal = folder / f"{name}{f'.{number}' if number else ''}{SUFFIX}"
        if not os.path.lexists(goal):
            return goal
    raise Refused(f"{folder} holds {_MOST} files called {name} already")


def _write_note(goal: Path, note: Mapping[str, object]) -> None:
    # an older note without its file is what a crash left behind: this one takes its place
    path = goal.with_name(goal.name + ".json")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        json.dump(note, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
