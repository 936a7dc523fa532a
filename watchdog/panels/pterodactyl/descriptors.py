"""Open files of processes, by (device, inode), each resolved: a link that cannot be read hides the whole process.

CAP_DAC_READ_SEARCH alone lists /proc/PID/fd and cannot read the links in it (contract section 3.5, tested): such a list proves nothing.
Only names of archives and logs are looked up, for a file on somebody's dead NFS would hang us.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from watchdog.panels.pterodactyl.disks import Disks

File = tuple[int, int]
DELETED: Final = " (deleted)"


class Descriptors:
    """The descriptors of one pass; each process is looked at once."""

    def __init__(self, proc: Path, disks: Disks) -> None:
        """Given /proc and the mounts of this moment."""
        self._proc = proc
        self._disks = disks
        self._files: dict[int, frozenset[File] | None] = {}
        self._counts: dict[int, int] = {}
        self._refusals: dict[int, str] = {}

    def files(self, pid: int) -> frozenset[File] | None:
        """Return the archives and logs that a process has open; None = it hides them. A process that ended has none."""
        if pid not in self._files:
            try:
                self._files[pid] = frozenset(self._look(pid))
            except (FileNotFoundError, ProcessLookupError):
                self._files[pid] = frozenset()
            except OSError as error:
                self._files[pid] = None
                self._refusals[pid] = error.strerror or type(error).__name__
        return self._files[pid]

    def count(self, pid: int) -> int:
        """Return how many descriptors of a process were resolved."""
        self.files(pid)
        return self._counts.get(pid, 0)

    def refusal(self, pid: int) -> str:
        """Return why a process could not be looked at, in the kernel's words."""
        return self._refusals.get(pid, "")

    def _look(self, pid: int) -> set[File]:
        found: set[File] = set()
        home = self._proc / str(pid) / "fd"
        for number in os.listdir(home):  # noqa: PTH208  (names only: a Path for each of ten thousand costs more than the call)
            link = f"{home}/{number}"
            try:
                target = os.readlink(link)  # noqa: PTH115
            except FileNotFoundError:
                continue  # closed meanwhile
            self._counts[pid] = self._counts.get(pid, 0) + 1
            if _matters(target) and self._safe(target):
                try:
                    facts = os.stat(link)  # noqa: PTH116  (follows the kernel's own link: also a deleted file, in any mount namespace)
                except FileNotFoundError:
                    continue
                found.add((facts.st_dev, facts.st_ino))
        return found

    def _safe(self, target: str) -> bool:
        """Whether a file may be looked up without hanging; what lies on a network is no archive of a local file system."""
        disk = self._disks.lexical(target)
        return disk.local or not disk.kind


def _matters(target: str) -> bool:
    name = target.removesuffix(DELETED).rpartition("/")[2]
    return target.startswith("/") and (name.endswith(".tar.gz") or "wings" in name or ".log" in name)
