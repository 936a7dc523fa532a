"""What our own backups are called, so that the pattern finds them and we know them again. Pure but for looking at names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from watchdog.errors import Refused

MARK: Final = "-watchdog"
NOTE_SUFFIX: Final = ".watchdog.json"
_MOST: Final = 60
_OURS = re.compile(r"\d{8}T\d{6}Z-watchdog")


def name_at(pattern: str, at: float) -> str:
    """Given the configured pattern and UNIX seconds, return the name of a backup that begins then.

    Raises Refused when none of ours would match: such a backup nobody would ever look at again.
    """
    last = pattern.rpartition("/")[2]
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ") + MARK
    name = last.replace("*", stamp, 1).replace("*", "")
    if "*" not in last or not fnmatchcase(name, last) or re.search(r"[?\[\]/]", name):
        raise Refused(
            f"the pattern '{pattern}' leaves no place for the name of a backup of ours: write one such as sysreptor-full-backup-*.zip"
        )
    return name


def free_path(directory: Path, pattern: str, at: float, suffix: str) -> Path:
    """Return the path of a backup that begins at ``at`` or the first second after it that nobody has used; ``suffix`` is that of parts."""
    for second in range(_MOST):
        path = directory / name_at(pattern, at + second)
        if not os.path.lexists(path) and not os.path.lexists(f"{path}{suffix}"):
            return path
    raise Refused(f"there are backups of each of the next {_MOST} seconds in {directory}")


def ours(name: str) -> bool:
    """Whether a name is one that we give."""
    return _OURS.search(name) is not None


def began(name: str) -> float | None:
    """Return when the backup of this name of ours began, in UNIX seconds."""
    found = _OURS.search(name)
    if found is None:
        return None
    return datetime.strptime(found[0].removesuffix(MARK), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def listed(directory: Path, suffix: str = "") -> Iterator[os.DirEntry[str]]:
    """Yield the regular files of ours in ``directory`` whose names end in ``suffix``. Raises OSError."""
    with os.scandir(directory) as entries:
        yield from (each for each in entries if ours(each.name) and each.name.endswith(suffix) and each.is_file(follow_symlinks=False))
