"""One file, verified because somebody asks for it now: as fast as it goes, with what it is named when it is no regular file."""

from __future__ import annotations

import errno
import math
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from watchdog.collectors.archives.answers import Finished, by_mode
from watchdog.collectors.archives.keys import key_or_why, without_key
from watchdog.collectors.archives.meanings import named as means
from watchdog.collectors.archives.order import Limits, Turn, verify
from watchdog.collectors.archives.scan import KINDS
from watchdog.collectors.archives.settings import promise
from watchdog.errors import BadSettings, NotFound
from watchdog.model.archives import Identity, Verification
from watchdog.model.moments import Clock
from watchdog.model.rehearsals import Rehearsed

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
    """The outcome for one path; ``size`` is bytes as of the open, ``seconds`` how long it took.

    ``identity`` is that of the file that was read, None when none was; ``rehearsed`` is its last rehearsal,
    where somebody has looked for the note beside it.
    """

    path: str
    size: int
    seconds: float
    finished: Finished
    identity: Identity | None = None
    rehearsed: Rehearsed | None = None


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


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep somebody asks: the ``level``, and what a panel's ``meaning`` and a ``key_file`` add, as in DirectoryNeed."""

    level: int
    meaning: str = ""
    key_file: str = ""


def verify_path(
    path: str, depth: int | Depth, memory: int, stop: threading.Event, watch: Callable[[int, int], None], clock: Callable[[], float]
) -> Verified:
    """Verify the file ``path`` up to a ``depth``, which may be a level alone.

    ``watch`` is told (bytes read, bytes in all) every half second; ``clock`` returns seconds that never go back. Raises what ``verify``
    raises, and OSError when nothing is there.
    """
    began = clock()
    depth = Depth(depth) if isinstance(depth, int) else depth
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
        facts = os.fstat(descriptor)
        size, identity = facts.st_size, Identity.of(facts)
        key, no_key = key_or_why(depth.key_file)
        finished = verify(
            descriptor, depth.level, promise(path), limits_for(size, memory), stop,
            Turn(watch=lambda: watch(os.lseek(descriptor, 0, os.SEEK_CUR), size), meaning=depth.meaning, key=key),
        )  # fmt: skip
        finished = without_key(finished, no_key) if no_key else finished
        remarks = (*finished.remarks, *by_mode(facts.st_mode, finished.format))
        return Verified(path, size, clock() - began, replace(finished, remarks=remarks), identity)
    finally:
        os.close(descriptor)


class VerifyNow:
    """The port by which panels verify a file at once: VerifyArchive of the model. ``keep`` is told of each file that was read, and how."""

    def __init__(self, memory: int, clock: Clock, keep: Callable[[Verified, Depth], None] = lambda _done, _depth: None) -> None:
        self._memory = memory
        self._clock = clock
        self._keep = keep

    def __call__(self, path: str, /, *, level: int, meaning: str = "", key_file: str = "", alive: Callable[[], None]) -> Verification:
        """Verify ``path`` as the model says. Raises BadSettings for a meaning that is none, and what ``order.verify`` raises."""
        if meaning and not means(meaning):
            raise BadSettings(f"'{meaning}' is not the meaning of a panel")
        depth = Depth(level if meaning else min(level, 2), meaning if level > 2 else "", key_file)  # noqa: PLR2004  (every byte)
        began = self._clock.now()
        try:
            done = verify_path(
                path, depth, self._memory, threading.Event(),
                lambda _done, _total: alive(), lambda: self._clock.now().since(began),
            )  # fmt: skip
        except FileNotFoundError:
            raise NotFound(f"there is no '{path}'") from None
        found = done.finished
        self._keep(done, depth)
        return Verification(
            "result", found.verdict, found.level, found.reasons[0] if found.reasons else None, found.message or None,
            self._clock.now().wall, done.identity, done.size, found.entries, found.sha1, found.salvage, found.facts, found.remarks,
        )  # fmt: skip
