"""One Duplicati destination, verified because somebody asks for it now: each volume in a child of its own, then all of them together."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.collectors.archives.answers import Finished
from watchdog.collectors.archives.folders import Judged, Seen, algorithm_of, conclude
from watchdog.collectors.archives.order import Turn, verify
from watchdog.collectors.archives.running import volume_argv, volume_order
from watchdog.collectors.archives.settings import promise
from watchdog.collectors.archives.single import OPEN, Verified, limits_for
from watchdog.collectors.archives.volumes import volume_name
from watchdog.model.archives import ArchiveVerdict, VolumeSet

_WORST: tuple[ArchiveVerdict, ...] = ("bad", "unverifiable", "good")


@dataclass(frozen=True, slots=True)
class Asked:
    """How somebody asks: up to which ``level``, with how many bytes of ``memory`` for a decoder, until ``stop`` is set.

    ``watch`` is told (bytes behind us, bytes in all) every half second; ``clock`` returns seconds that never go back. An archive in parts
    may have a ``meaning`` and a ``key_file`` as in ``single.Depth``.
    """

    level: int
    memory: int
    stop: threading.Event
    watch: Callable[[int, int], None]
    clock: Callable[[], float]
    meaning: str = ""
    key_file: str = ""


def is_destination(path: str) -> bool:
    """Whether ``path`` is a folder with volumes of Duplicati in it. False for whatever cannot be listed."""
    try:
        names = [one.name for one in Path(path).iterdir()] if stat.S_ISDIR(os.lstat(path).st_mode) else []
    except OSError:
        return False
    return any(name.kind != "list" for name in map(volume_name, names) if name is not None)


def verify_folder(path: str, asked: Asked) -> Verified:
    """Verify the destination ``path``. Raises what ``order.verify`` raises, and OSError when the folder cannot be listed."""
    began = asked.clock()
    files = _files(path)
    total = sum(file.size for file in files)
    behind = 0
    judged: list[Seen] = []
    # the list of volumes comes first: it tells by which algorithm all others are compared
    for file in sorted(files, key=lambda file: (file.name.kind != "list", file.name.name)):
        algorithm = algorithm_of(file.name.prefix, judged)
        judged.append(_one(path, file, algorithm, replace(asked, watch=_further(asked.watch, behind, total))))
        behind += file.size
        asked.watch(behind, total)
    return Verified(path, total, asked.clock() - began, _together(conclude("", path, judged), judged))


def _further(watch: Callable[[int, int], None], behind: int, total: int) -> Callable[[int, int], None]:
    """Return a watch of one file that tells of all files."""
    return lambda done, _: watch(behind + done, total)


def _files(path: str) -> list[Seen]:
    found = []
    with os.scandir(path) as entries:
        for entry in entries:
            name = volume_name(entry.name)
            if name is not None:
                facts = entry.stat(follow_symlinks=False)
                found.append(Seen(name, facts.st_size, facts.st_mtime_ns))
    return found


def _one(path: str, file: Seen, algorithm: str, asked: Asked) -> Seen:
    try:
        descriptor = os.open(Path(path) / file.name.name, OPEN)
    except OSError as error:
        return replace(file, judged=Judged("unverifiable", 0, ("unreadable",), f"it cannot be opened: {error.strerror}"))
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return replace(file, judged=Judged("unverifiable", 0, ("unreadable",), "it is no regular file"))
        limits = limits_for(facts.st_size, asked.memory)
        turn = Turn(watch=lambda: asked.watch(os.lseek(descriptor, 0, os.SEEK_CUR), facts.st_size))
        done = verify(
            descriptor, asked.level, promise(file.name.name), limits, asked.stop, turn,
            argv=volume_argv(volume_order(file.name, algorithm)),
        )  # fmt: skip
        return Seen(
            file.name, facts.st_size, facts.st_mtime_ns, Judged(done.verdict, done.level, done.reasons, done.message, done.told)
        )  # fmt: skip
    finally:
        os.close(descriptor)


def _together(sets: Sequence[VolumeSet], files: Sequence[Seen]) -> Finished:
    """Join the sets of one folder, as good as the worst of them."""
    verdict = next(word for word in _WORST if any((one.verdict or "unverifiable") == word for one in sets))
    reasons = tuple(dict.fromkeys(reason for one in sorted(sets, key=_gravity) for reason in one.reasons))
    said = [f"{one.prefix}: {one.message}" if len(sets) > 1 else one.message for one in sorted(sets, key=_gravity) if one.message]
    return Finished("duplicati", min(one.level for one in sets), verdict, reasons, "; ".join(said), entries=len(files))


def _gravity(one: VolumeSet) -> int:
    return _WORST.index(one.verdict or "unverifiable")
