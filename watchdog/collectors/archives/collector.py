"""The archives collector: one look at all watched directories, joined with what verification knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from watchdog.collectors.archives import backups, destinations, rehearsals
from watchdog.collectors.archives.answers import by_mode
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import Results
from watchdog.collectors.archives.running import LOCAL, Wanted
from watchdog.collectors.archives.scan import Fact, Look, Wish, look, understand
from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.mounts import MountTable
from watchdog.errors import DeadlinePassed, MalformedAnswer, WatchdogError
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity, PassedOver, Verification, VolumeSet, WatchedDirectory
from watchdog.model.moments import Clock
from watchdog.model.needs import DirectoryNeed
from watchdog.model.rehearsals import Rehearsed
from watchdog.runtime.child import module_argv, run
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

MODULE = "watchdog.collectors.archives.scan"
# a line is a path of at most 4096 bytes, escaped, and six numbers
_LINE = 512
_ANSWER = 64 << 20

STRUCTURE, MEANING = 1, 3
# begins the name of a look at free space alone: no directory's name has it
_ROOM = "\0"
ChildArgv = Callable[[str, Sequence[Wish]], list[str]]


def scan_argv(_lane: str, wishes: Sequence[Wish]) -> list[str]:
    """Return the child that looks at ``wishes``, all of one mount."""
    return module_argv(MODULE, json.dumps([[w.name, w.path, w.pattern, w.avoid, w.most, w.notes] for w in wishes]))


class ArchivesCollector:
    """Looks at every watched directory. Local ones are looked at here, those on each mount that may hang in one child for that mount."""

    name = "archives"

    def __init__(
        self,
        settings: ArchivesSettings,
        directories: tuple[DirectoryNeed, ...],
        queue: VerificationQueue,
        results: Results,
        hanging: HangingLooks[list[Look]],
        *,
        mounts: Callable[[], MountTable] = MountTable.read,
        argv: ChildArgv = scan_argv,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._directories = {directory.name: directory for directory in directories}
        self._plans = {directory.name: directory.plan for directory in directories if directory.plan is not None}
        self._clock = clock or SystemClock()
        self._queue = queue
        self._results = results
        self._mounts = mounts
        self._argv = argv
        self._hanging = hanging
        self._before: dict[str, tuple[int, int]] = {}
        self._errors: dict[str, str] = {}
        self._bad_sets: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def collect(self) -> ArchiveFacts:
        """Look once. Raises Blind when not even the table of mounts can be read; a directory's own error is in the facts."""
        table = self._mounts()
        lanes: dict[str, str] = {}
        looks: dict[str, Look] = {}
        remote: dict[str, list[Wish]] = {}
        for wish in self._wishes(table):
            mount = table.find(wish.path)
            lanes[wish.name] = LOCAL if mount.local else f"{mount.device} {mount.point}"
            if mount.local:
                looks[wish.name] = look(wish)
            else:
                remote.setdefault(lanes[wish.name], []).append(wish)
        looks.update(self._remote(remote))
        rooms = {name.removeprefix(_ROOM): looks.pop(name).free for name in list(looks) if name.startswith(_ROOM)}
        self._say(looks)
        return self._facts(looks, lanes, rooms)

    def close(self) -> None:
        """Nothing is held: the queue has its own end."""

    def _wishes(self, table: MountTable) -> Iterator[Wish]:
        """Yield every directory, then every path of which only the free space is wanted."""
        for need in self._directories.values():
            notes = table.find(need.path).local or self._settings.allow_network_filesystems
            yield Wish(need.name, need.path, need.pattern, tuple(sorted(table.beneath(need.path))), self._settings.max_files, notes)
        for path in sorted({path for plan in self._plans.values() for path in plan.restore_paths}):
            yield Wish(_ROOM + path, path, "*", most=0)

    def _remote(self, remote: dict[str, list[Wish]]) -> dict[str, Look]:
        seconds = self._settings.deadline
        jobs = {lane: self._job(lane, wishes) for lane, wishes in remote.items()}
        looks: dict[str, Look] = {}
        # the child has the deadline; we wait a little longer, so that normally it is the child that says so
        for lane, answer in self._hanging.look(jobs, seconds + 3.0).items():
            for wish in remote[lane]:
                if isinstance(answer, WatchdogError):
                    looks[wish.name] = Look(wish.name, error="hung" if isinstance(answer, DeadlinePassed) else "unreadable")
                else:
                    found = next((one for one in answer if one.name == wish.name), None)
                    looks[wish.name] = found or Look(wish.name, error="unreadable")
        return looks

    def _job(self, lane: str, wishes: Sequence[Wish]) -> Callable[[], list[Look]]:
        argv = self._argv(lane, wishes)
        limit = min(_ANSWER, _LINE * sum(wish.most for wish in wishes) + _LINE * 1000)

        def job() -> list[Look]:
            result = run(argv, seconds=self._settings.deadline, limit=limit)
            looks = understand(result.stdout) if result.code == 0 else None
            if looks is None:
                raise MalformedAnswer(f"the look at {lane} brought no whole answer: {result.told()}")
            return looks

        return job

    def _facts(self, looks: dict[str, Look], lanes: dict[str, str], rooms: Mapping[str, int | None]) -> ArchiveFacts:
        now: dict[str, tuple[int, int]] = {}
        found: list[tuple[ArchiveFile, bool]] = []
        for name, seen in looks.items():
            readable = lanes[name] == LOCAL or self._settings.allow_network_filesystems
            for fact in seen.files:
                file = self._file(name, fact)
                now[file.path] = (file.identity.size, file.identity.mtime_ns)
                found.append((file, readable))
        self._before = now
        stored = destinations.find([file for file, _ in found], self._results.get)
        orders = {(one.directory, path): order for one in stored for path, order in one.orders().items()}
        self._queue.offer(
            Wanted(
                file.path, file.directory, file.identity, _depth(self._directories[file.directory]), lanes[file.directory],
                orders.get((file.directory, file.path), ""), _meaning(self._directories[file.directory]),
                self._directories[file.directory].key_file,
            )
            for file, readable in found
            if file.stable and readable
        )  # fmt: skip
        self._results.settle()
        whole = {name for name, seen in looks.items() if seen.error is None}
        self._results.forget({file.identity for file, _ in found}, whole, looks.keys())
        files = sorted((self._verified(file, readable, looks) for file, readable in found), key=lambda file: (file.path, file.directory))
        volume_sets = tuple(volumes for one in stored for volumes in one.judge(self._results.get, whole=one.directory in whole))
        self._say_sets(volume_sets)
        wall, known = self._clock.now().wall, whole if self._results.loaded else set()
        return ArchiveFacts(
            directories=tuple(self._directory(seen, lanes[name]) for name, seen in looks.items()),
            files=tuple(files),
            queue_length=len(self._queue),
            queue_bytes=self._queue.bytes_left(),
            paused=self._queue.paused,
            rate=float(self._settings.rate),
            volume_sets=volume_sets,
            backups=backups.judge(self._plans, self._stored(looks, files, volume_sets, rooms), wall) if self._plans else (),
            rehearsals=rehearsals.judge(self._directories.values(), _rehearsed(files), known, self._results, wall),
            passed_over=tuple(PassedOver(path, seen.name, reason) for seen in looks.values() for path, reason in seen.passed),
        )

    def _stored(
        self, looks: dict[str, Look], files: Sequence[ArchiveFile], sets: Sequence[VolumeSet], rooms: Mapping[str, int | None]
    ) -> dict[str, backups.Stored]:
        """Sort one look by directory, for the judgement of backups."""
        by_name: dict[str, list[ArchiveFile]] = {name: [] for name in looks}
        for file in files:
            by_name[file.directory].append(file)
        found = {}
        for name, seen in looks.items():
            plan = self._plans.get(name)
            free = {self._directories[name].path: seen.free, **{path: rooms.get(path) for path in (plan.restore_paths if plan else ())}}
            found[name] = backups.Stored(by_name[name], [one for one in sets if one.directory == name], seen.error is None, free)
        return found

    def _file(self, directory: str, fact: Fact) -> ArchiveFile:
        path, device, inode, size, mtime, mode = fact
        return ArchiveFile(path, directory, Identity(device, inode, size, mtime), mode, stable=self._before.get(path) == (size, mtime))

    def _verified(self, file: ArchiveFile, readable: bool, looks: Mapping[str, Look]) -> ArchiveFile:
        verification, kind = self._queue.verification(file.identity)
        if verification.state == "not_asked":
            why = "it changed since the last look, or this is the first" if not file.stable else "the queue is full of newer files"
            why = why if readable else "it lies on a network or FUSE file system, and allow_network_filesystems is off"
            verification = Verification(message=why)
        remarks, note = by_mode(file.mode, kind), looks[file.directory].notes.get(file.path)
        if note is not None:
            rehearsed, odd = rehearsals.held(note, file.identity, verification.sha1, self._clock.now().wall)
            verification = replace(verification, rehearsed=rehearsed)
            remarks = (*remarks, *odd)
        if remarks:
            verification = replace(verification, remarks=(*verification.remarks, *remarks))
        return ArchiveFile(file.path, file.directory, file.identity, file.mode, file.stable, kind, verification)

    def _directory(self, seen: Look, lane: str) -> WatchedDirectory:
        newest = max((fact[4] for fact in seen.files), default=None)
        read = lane == LOCAL or self._settings.allow_network_filesystems
        return WatchedDirectory(
            seen.name,
            self._directories[seen.name].path,
            seen.count,
            seen.bytes,
            newest / 1e9 if newest is not None else None,
            seen.error,
            sum(fact[3] for fact in seen.files) if read and self._directories[seen.name].level > STRUCTURE else 0,
        )

    def _say(self, looks: dict[str, Look]) -> None:
        """Log once when a directory cannot be looked at and once when it can be again."""
        errors = {name: seen.error for name, seen in looks.items() if seen.error is not None}
        for name, error in errors.items():
            if self._errors.get(name) != error:
                log.warning(
                    "a directory of archives cannot be looked at whole", directory=name, path=self._directories[name].path, error=error
                )
        for name in self._errors.keys() - errors.keys():
            log.info("a directory of archives can be looked at again", directory=name, path=self._directories[name].path)
        self._errors = errors

    def _say_sets(self, sets: Sequence[VolumeSet]) -> None:
        """Log once when what is one thing together turns out not to be whole, and once when it is again."""
        bad = {(one.directory, one.path, one.prefix): one for one in sets if one.verdict == "bad"}
        for key, one in bad.items():
            if self._bad_sets.get(key) != one.reasons:
                log.warning("volumes are not whole together", path=one.path, name=one.prefix, reasons=one.reasons, reason=one.message)
        for one in sets:
            if one.verdict == "good" and (one.directory, one.path, one.prefix) in self._bad_sets:
                log.info("volumes are whole together again", path=one.path, name=one.prefix)
        # one that is being read again is not good yet: it stays what it was
        waiting = {(one.directory, one.path, one.prefix) for one in sets if one.verdict is None}
        kept = {key: reasons for key, reasons in self._bad_sets.items() if key in waiting}
        self._bad_sets = {**kept, **{key: one.reasons for key, one in bad.items()}}


def _rehearsed(files: Iterable[ArchiveFile]) -> dict[str, list[Rehearsed]]:
    """Return what was rehearsed of the archives that are there, by directory."""
    found: dict[str, list[Rehearsed]] = {}
    for file in files:
        if file.verification.rehearsed is not None:
            found.setdefault(file.directory, []).append(file.verification.rehearsed)
    return found


def _meaning(need: DirectoryNeed) -> str:
    return need.meaning if need.level >= MEANING else ""


def _depth(need: DirectoryNeed) -> int:
    """Return how deep its files are verified: nobody's archives have no meaning."""
    return need.level if _meaning(need) else min(need.level, MEANING - 1)
