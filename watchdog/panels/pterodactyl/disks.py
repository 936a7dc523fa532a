"""Which file system a path lies on, told from ``mountinfo`` without touching a mount that may hang. Source: proc(5)."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.errors import Blind

LOCAL_KINDS: Final = frozenset({
    "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "reiserfs", "tmpfs", "xfs", "zfs",
})  # fmt: skip
"""Whose files only this kernel opens: all that have one open are in /proc. On NFS, FUSE and kin somebody else may."""
MOUNTS: Final = Path("/proc/self/mountinfo")
MOST_LINKS: Final = 40
_POINT: Final = 4


@dataclass(frozen=True, slots=True)
class Disk:
    """A mount: where, of which kind ("" = not known)."""

    point: str
    kind: str

    @property
    def local(self) -> bool:
        """Whether it is a file system of this machine alone."""
        return self.kind in LOCAL_KINDS


class Disks:
    """The mounts of one moment."""

    def __init__(self, mountinfo: str) -> None:
        """Given the text of ``mountinfo``; lines of another shape are left out."""
        self._kinds: dict[str, str] = {"/": ""}
        for line in mountinfo.splitlines():
            left, dash, right = line.partition(" - ")
            fields = left.split(" ")
            if dash and len(fields) > _POINT:  # of two mounts on one point the later covers the earlier
                self._kinds[_plain(fields[_POINT])] = right.split(" ")[0]

    @classmethod
    def read(cls, path: Path = MOUNTS) -> Disks:
        """Read those that we see. Raises Blind."""
        try:
            return cls(path.read_text(encoding="utf-8", errors="surrogateescape"))
        except OSError as error:
            raise Blind(f"{path} cannot be read: {error.strerror}") from None

    def of(self, path: Path) -> Disk:
        """Return where an absolute path leads to through symbolic links, stopping at the first mount that is not local."""
        todo, done = [part for part in str(path).split("/") if part], "/"
        disk = self.lexical(done)
        links = 0
        while todo:
            done = os.path.normpath(f"{done.rstrip('/')}/{todo.pop(0)}")  # "//" would stay "//"
            disk = self.lexical(done)
            target = _link(done) if disk.local and links < MOST_LINKS else None
            if target is not None:
                links += 1
                todo = [part for part in target.split("/") if part] + todo
                done = "/" if target.startswith("/") else str(Path(done).parent)
            elif not disk.local and disk.kind:
                return disk
        return disk

    def lexical(self, path: str) -> Disk:
        """Return the mount of an absolute path by its text alone, nothing touched; of any other text that of the root."""
        path = f"/{path.lstrip('/')}"
        while path not in self._kinds:
            path = path.rpartition("/")[0] or "/"
        return Disk(path, self._kinds[path])


def _link(path: str) -> str | None:
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return str(Path(path).readlink())
    except OSError:
        pass
    return None


def _plain(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
