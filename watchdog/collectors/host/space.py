"""Asking file systems for their free space.

Also a child, ``python -m watchdog.collectors.host.space JSON``, for those that may hang: it prints one JSON list.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_ERRORS = {
    errno.ENOENT: "missing",
    errno.EACCES: "no_permission",
    errno.EPERM: "no_permission",
    errno.ENOTDIR: "missing",
    errno.ESTALE: "stale",
}


@dataclass(frozen=True, slots=True)
class Space:
    """One answer: bytes and inodes, free ones as an unprivileged program may use them. ``device`` tells file systems apart."""

    device: int = 0
    total_bytes: int = 0
    free_bytes: int = 0
    total_inodes: int = 0
    free_inodes: int = 0
    read_only: bool = False
    error: str | None = None


def ask(path: str) -> Space:
    """Ask the file system that ``path`` is on. Never raises for what it says: it is named instead."""
    try:
        told, device = os.statvfs(path), os.stat(path).st_dev  # noqa: PTH116  (no import that the child could spare)
    except OSError as error:
        return Space(error=_ERRORS.get(error.errno or 0, "unreadable"))
    unit = told.f_frsize
    return Space(
        device, told.f_blocks * unit, told.f_bavail * unit, told.f_files, told.f_favail, read_only=bool(told.f_flag & os.ST_RDONLY)
    )


def tell(answers: Sequence[Space]) -> str:
    """Write answers for the parent."""
    return json.dumps([
        [a.device, a.total_bytes, a.free_bytes, a.total_inodes, a.free_inodes, a.read_only, a.error] for a in answers
    ])  # fmt: skip


def understand(text: bytes) -> list[Space] | None:
    """Read what ``tell`` wrote; None when it is cut or of another shape."""
    try:
        rows = json.loads(text)
        return [Space(int(d), int(tb), int(fb), int(ti), int(fi), bool(ro), error) for d, tb, fb, ti, fi, ro, error in rows]
    except (ValueError, TypeError):
        return None


def main(argv: list[str]) -> int:
    """Ask about the paths of the first argument and print the answers."""
    sys.stdout.write(tell([ask(path) for path in json.loads(argv[0])]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
