"""The only inotify: new names in a few directories, heard within a millisecond. On Linux, on local file systems.

The kernel tells of names, not of files: what is there by the time one looks may be another file, or nothing. Where it tells nothing (NFS,
FUSE, no watches left) only looking helps; ``Heard.lost`` says when one must.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inotify_simple import INotify, flags

_NEW: Final = flags.CREATE | flags.MOVED_TO | flags.ONLYDIR | flags.DONT_FOLLOW | flags.EXCL_UNLINK
_OVER: Final = flags.IGNORED | flags.UNMOUNT | flags.Q_OVERFLOW


@dataclass(frozen=True, slots=True)
class Heard:
    """What one wait brought: the paths of new names, and whether some may have been missed (look at the directories then)."""

    paths: tuple[Path, ...] = ()
    lost: bool = False


class NewNames:
    """Watches directories for new names. One thread waits; ``close`` may come from another. Raises OSError where there is no inotify."""

    def __init__(self) -> None:
        self._inotify = INotify()
        self._watched: dict[int, Path] = {}

    def watch(self, directories: Iterable[Path]) -> bool:
        """Watch just these directories, each followed by no link; return whether all of them are watched now."""
        wanted = set(directories)
        for number, path in list(self._watched.items()):
            if path not in wanted:
                del self._watched[number]
                self._forget(number)
        unwatched = [path for path in sorted(wanted) if not self._add(path)]
        return not unwatched

    def wait(self, seconds: float) -> Heard:
        """Wait until something is heard, at most ``seconds``; return all that was. Raises OSError when it is closed."""
        paths: dict[Path, None] = {}
        lost = False
        for event in self._inotify.read(timeout=max(0, round(seconds * 1000))):
            if event.mask & _OVER:
                self._watched.pop(event.wd, None)
                lost = True
            elif event.wd in self._watched:
                paths[self._watched[event.wd] / event.name] = None
        return Heard(tuple(paths), lost)

    def close(self) -> None:
        """End it."""
        self._inotify.close()

    def _add(self, path: Path) -> bool:
        try:
            # a directory that is watched already keeps its number; one that was made anew under its name gets another
            number = self._inotify.add_watch(os.fspath(path), _NEW)
        except OSError:
            return False
        self._watched = {known: where for known, where in self._watched.items() if where != path} | {number: path}
        return True

    def _forget(self, number: int) -> None:
        try:
            self._inotify.rm_watch(number)
        except OSError:  # its directory is gone, and the watch with it
            return
