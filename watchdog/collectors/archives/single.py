"""One file, verified because somebody asks for it now: as fast as it goes, with what it is named when it is no regular file."""

from __future__ import annotations

import errno
import math
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.collectors.archives.order import Finished, Limits, Turn, verify
from watchdog.collectors.archives.scan import KINDS
from watchdog.collectors.archives.settings import promise

OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_SECONDS = 600.0
_SLOWEST = 4 << 20
_TEXTS = {
    "symlink": "it is a symbolic link: name the file itself",
    "directory": "it is a directory: name the files in it",
    "fifo": "it is a pipe with a name, not a file",
    "socket": "it is a socket, not a file",
    "device": "it is a device, not a file",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome for one path; ``size`` is bytes as of the open, ``seconds`` how long it took."""

    path: str
    size: int
    seconds: float
    finished: Finished


def limits_for(size: int, memory: int) -> Limits:
    """Return what a child may use for a file of ``size`` bytes when nobody else is to be spared: no rate, time for a slow disk."""
    return Limits(memory, math.ceil(_SECONDS + size / _SLOWEST), 0.0)


def named(path: str) -> Finished | None:
    """Return what ``path`` is when it is no regular file, unopened. Raises OSError when nothing is there."""
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        return None
    word = "directory" if stat.S_ISDIR(mode) else next((word for test, word in KINDS if test(mode)), "device")
    return Finished(None, 0, "unverifiable", (word,), _TEXTS[word])


def verify_path(
    path: str, level: int, memory: int, stop: threading.Event, watch: Callable[[int, int], None], clock: Callable[[], float]
) -> Verified:
    """Verify the file ``path`` up to ``level``.

    ``watch`` is told (bytes read, bytes in all) every half second; ``clock`` returns seconds that never go back. Raises what ``verify``
    raises, and OSError when nothing is there.
    """
    began = clock()
    other = named(path)
    if other is not None:
        return Verified(path, 0, clock() - began, other)
    try:
        descriptor = os.open(path, OPEN)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        return Verified(
            path, 0, clock() - began, Finished(None, 0, "unverifiable", ("unreadable",), f"it cannot be opened: {error.strerror}")
        )
    try:
        size = os.fstat(descriptor).st_size
        finished = verify(
            descriptor, level, promise(path), limits_for(size, memory), stop,
            Turn(watch=lambda: watch(os.lseek(descriptor, 0, os.SEEK_CUR), size)),
        )  # fmt: skip
        return Verified(path, size, clock() - began, finished)
    finally:
        os.close(descriptor)
