"""Which mount a path lies on, told without touching a mount that may hang.

Shared by the collectors that look at files. Source: proc(5), ``/proc/PID/mountinfo``.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from watchdog.errors import Blind

# Types whose system calls end by themselves. Anything else (nfs, cifs, fuse.*, autofs, 9p, an unknown one) may hang for ever.
LOCAL_TYPES = frozenset({
    "bcachefs", "btrfs", "devtmpfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jfs", "ntfs3", "overlay", "ramfs",
    "reiserfs", "rootfs", "squashfs", "tmpfs", "vfat", "xfs", "zfs",
})  # fmt: skip
MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: ``point`` (absolute path), ``device`` ("major:minor", the file system's st_dev) and its type."""

    point: str
    device: str
    type: str

    @property
    def local(self) -> bool:
        """Whether a system call on it is sure to end."""
        return self.type in LOCAL_TYPES


UNKNOWN = Mount("/", "", "")


def parse(mountinfo: str) -> tuple[Mount, ...]:
    """Given the text of ``mountinfo``, return its mounts in order; lines of another shape are left out."""
    mounts = []
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(" - ")
        fields, kinds = left.split(" "), right.split(" ")
        if dash and len(fields) > 4:  # noqa: PLR2004  (the fifth field is the mount point)
            mounts.append(Mount(_unescape(fields[4]), fields[2], kinds[0]))
    return tuple(mounts)


def _unescape(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


class MountTable:
    """The mounts of one moment."""

    def __init__(self, mounts: tuple[Mount, ...]) -> None:
        self._by_point = {mount.point: mount for mount in mounts}  # of two on one point the later one covers the earlier

    @classmethod
    def read(cls, path: str = "/proc/self/mountinfo") -> MountTable:
        """Read the table of this moment. Raise Blind when it cannot be read: then nothing is known to be safe to touch."""
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123  (a plain proc file)
                return cls(parse(file.read()))
        except OSError as error:
            raise Blind(f"cannot read {path}: {error.strerror}") from error

    def lexical(self, path: str) -> Mount:
        """Return the mount that ``path`` lies on by its text alone, nothing touched."""
        prefix = path
        while prefix not in self._by_point and prefix != "/":
            prefix = os.path.dirname(prefix)  # noqa: PTH120  (text only)
        return self._by_point.get(prefix, UNKNOWN)

    def beneath(self, path: str) -> frozenset[str]:
        """Return the mount points below ``path`` that may hang."""
        stem = path.rstrip("/") + "/"
        return frozenset(p for p, m in self._by_point.items() if p.startswith(stem) and not m.local)

    def find(self, path: str) -> Mount:
        """Return the mount that the absolute ``path`` leads to through symbolic links, stopping at the first that may hang."""
        todo, done, links = [part for part in path.split("/") if part], "/", 0
        mount = self.lexical("/")
        while todo:
            part = todo.pop(0)
            done = os.path.normpath(os.path.join(done, part))  # noqa: PTH118  (text only)
            mount = self.lexical(done)
            if not mount.local:
                return mount
            target = _link(done)
            if target is None:
                continue
            links += 1
            if links > MAX_LINKS:
                return mount
            todo = [piece for piece in target.split("/") if piece] + todo
            done = "/" if target.startswith("/") else os.path.dirname(done)  # noqa: PTH120  (text only)
            mount = self.lexical(done)
        return mount


def _link(path: str) -> str | None:
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return os.readlink(path)  # noqa: PTH115  (text in, text out)
    except OSError:
        pass
    return None
