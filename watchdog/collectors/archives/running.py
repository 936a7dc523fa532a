"""One verification at work, as the queue sees it: its descriptor, how far it has come, where it could go on."""

from __future__ import annotations

import functools
import json
import os
import stat
import threading
from collections import deque
from dataclasses import dataclass

from watchdog.collectors.archives.results import CHECK_VERSION
from watchdog.collectors.archives.single import OPEN
from watchdog.collectors.archives.talk import Place
from watchdog.model.archives import Identity
from watchdog.model.volumes import VolumeName
from watchdog.runtime.child import module_argv

LOCAL = ""
_LOOKS = 20  # of half a second each: ten seconds tell of now and are not nervous
VOLUME_MODULE = "watchdog.collectors.archives.volume_check"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to verify up to ``level``.

    ``lane`` is LOCAL or the mount that may hang. ``volume`` is the order of ``volume_check`` for a file of a Duplicati destination;
    ``meaning`` and ``key_file`` as in DirectoryNeed.
    """

    path: str
    directory: str
    identity: Identity
    level: int
    lane: str = LOCAL
    volume: str = ""
    meaning: str = ""
    key_file: str = ""


class Running:
    """One verification at work. Its descriptor's offset is how far the child has read."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._lock = threading.Lock()
        self._descriptor = -1
        self._counted = 0
        self._looks: deque[tuple[float, int]] = deque(maxlen=_LOOKS)

    def open(self) -> int:
        """Open the file, never a link and never waiting for a pipe. Raises OSError."""
        descriptor = os.open(self.wanted.path, OPEN)
        with self._lock:
            self._descriptor = descriptor
        return descriptor

    def close(self) -> None:
        """Close it."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def position(self) -> int:
        """Return how many bytes of the file lie behind the child."""
        with self._lock:
            return os.lseek(self._descriptor, 0, os.SEEK_CUR) if self._descriptor >= 0 else 0

    def look(self, seconds: float) -> None:
        """Take note of where it stands at ``seconds`` of a clock that never goes back."""
        position = self.position()
        with self._lock:
            if self._looks and position < self._looks[-1][1]:  # a second way through the file
                self._looks.clear()
            self._looks.append((seconds, position))

    def rate(self) -> float | None:
        """Return the bytes a second between the first and the last look of late; None before there are two."""
        with self._lock:
            looks = list(self._looks)
        if len(looks) < 2 or looks[-1][0] <= looks[0][0]:  # noqa: PLR2004  (from one to another)
            return None
        return (looks[-1][1] - looks[0][1]) / (looks[-1][0] - looks[0][0])

    def progress(self, read: int | None = None) -> int:
        """Return how many bytes more were read since the last call: by the position, or up to the child's own count."""
        now = self.position() if read is None else read
        more = max(0, now - self._counted)
        self._counted += more
        return more


def written(wanted: Wanted, place: Place | None) -> str:
    """Write a place to go on from as the ledger keeps it; None = begun, and no such place yet."""
    return json.dumps({"check": CHECK_VERSION, "level": wanted.level, "place": place})


def place_of(wanted: Wanted, text: str | None) -> Place | None:
    """Read a place; None when there is none, or it belongs to another check."""
    try:
        match json.loads(text or "null"):
            case {"check": version, "level": level, "place": dict() as place} if (version, level) == (CHECK_VERSION, wanted.level):
                return place
    except ValueError:
        return None
    return None


def volume_order(volume: VolumeName, algorithm: str) -> str:
    """Return what ``volume_check`` wants to know of a file: the same text for the same check."""
    return _order(volume.kind, volume.packing, volume.encryption, algorithm)


@functools.lru_cache(maxsize=256)
def _order(kind: str, packing: str, encryption: str, algorithm: str) -> str:
    return json.dumps({"kind": kind, "packing": packing, "encryption": encryption, "algorithm": algorithm}, sort_keys=True)


def volume_argv(order: str) -> list[str]:
    """Return the child that verifies by ``order`` of volume_order."""
    return module_argv(VOLUME_MODULE, order)


def identity_of(descriptor: int) -> Identity | None:
    """Return what makes the open file the same file; None when it is no regular one."""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Identity.of(facts)
