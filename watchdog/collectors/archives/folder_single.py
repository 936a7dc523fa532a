"""One Duplicati destination, verified because somebody asks for it now: its volumes, many in each child, then all of them together."""

from __future__ import annotations

import os
import resource
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from watchdog.collectors.archives.answers import Finished
from watchdog.collectors.archives.batches import Job, verify_batch
from watchdog.collectors.archives.folders import Judged, Seen, algorithm_of, conclude
from watchdog.collectors.archives.running import volume_order
from watchdog.collectors.archives.single import OPEN, Verified, limits_for
from watchdog.model.archives import ArchiveVerdict, VolumeSet
from watchdog.model.volumes import volume_name

MOST_FILES, MOST_BYTES = 500, 256 << 20
"""What one child is handed, at most half of the descriptors that we may have: usually 1024. What it dies of is looked for among these."""
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
    files = sorted(_files(path), key=lambda file: file.name.name)
    total = sum(file.size for file in files)
    # the list of volumes comes first: it tells by which algorithm all others are compared
    lists = [file for file in files if file.name.kind == "list"]
    judged: list[Seen] = []
    behind = 0
    for group in (*_groups(lists), *_groups(file for file in files if file.name.kind != "list")):
        algorithms = {prefix: algorithm_of(prefix, judged[: len(lists)]) for prefix in {file.name.prefix for file in group}}
        judged += _judged(path, group, algorithms, replace(asked, watch=_further(asked.watch, behind, total)))
        behind += sum(file.size for file in group)
        asked.watch(behind, total)
    return Verified(path, total, asked.clock() - began, _together(conclude("", path, judged), judged))


def _groups(files: Iterable[Seen]) -> Iterator[list[Seen]]:
    """Yield the files in groups, each for one child: by number and by bytes, so that a death costs little."""
    most = max(1, min(MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
    group: list[Seen] = []
    held = 0
    for file in files:
        if group and (len(group) >= most or held + file.size > MOST_BYTES):
            yield group
            group, held = [], 0
        group.append(file)
        held += file.size
    if group:
        yield group


def _further(watch: Callable[[int, int], None], behind: int, total: int) -> Callable[[int, int], None]:
    """Return a watch of some files that tells of all files."""
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


def _judged(path: str, group: Sequence[Seen], algorithms: Mapping[str, str], asked: Asked) -> list[Seen]:
    """Verify one group of files, in one child if none of them kills it; return them judged, in their order."""
    seen: list[Seen] = []
    jobs: list[tuple[int, Job]] = []
    with ExitStack() as opened:
        for file in group:
            one, descriptor = _opened(Path(path), file)
            seen.append(one)
            if descriptor is not None:
                opened.callback(os.close, descriptor)
                order = volume_order(file.name, algorithms[file.name.prefix])
                jobs.append((len(seen) - 1, Job(descriptor, order, limits_for(one.size, asked.memory))))
        ends = list(accumulate(one.size for one in seen))

        def watch(at: int) -> None:
            index, job = jobs[at]
            asked.watch(ends[index] - seen[index].size + os.lseek(job.descriptor, 0, os.SEEK_CUR), 0)

        found = verify_batch([job for _, job in jobs], asked.level, asked.stop, watch)
        for (index, _), done in zip(jobs, found, strict=True):
            seen[index] = replace(seen[index], judged=Judged(done.verdict, done.level, done.reasons, done.message, done.told))
    return seen


def _opened(folder: Path, file: Seen) -> tuple[Seen, int | None]:
    """Open one file; return it as it is now, and its descriptor, None when it cannot be verified: then it is judged already."""
    try:
        descriptor = os.open(folder / file.name.name, OPEN)
    except OSError as error:
        return replace(file, judged=Judged("unverifiable", 0, ("unreadable",), f"it cannot be opened: {error.strerror}")), None
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        return replace(file, judged=Judged("unverifiable", 0, ("unreadable",), "it is no regular file")), None
    return Seen(file.name, facts.st_size, facts.st_mtime_ns), descriptor


def _together(sets: Sequence[VolumeSet], files: Sequence[Seen]) -> Finished:
    """Join the sets of one folder, as good as the worst of them."""
    verdict = next(word for word in _WORST if any((one.verdict or "unverifiable") == word for one in sets))
    reasons = tuple(dict.fromkeys(reason for one in sorted(sets, key=_gravity) for reason in one.reasons))
    said = [f"{one.prefix}: {one.message}" if len(sets) > 1 else one.message for one in sorted(sets, key=_gravity) if one.message]
    return Finished("duplicati", min(one.level for one in sets), verdict, reasons, "; ".join(said), entries=len(files))


def _gravity(one: VolumeSet) -> int:
    return _WORST.index(one.verdict or "unverifiable")
