"""Wings in ``/proc``: which process it is, when it began, which archives are open, and whether that was really seen. Reads only.

Guard 4 of the contract (section 3.5): "nobody has the archive open" counts only with proof of sight. Found by what cannot be mistaken: a
program called ``wings`` that has our log open or was given our configuration; by its name alone only what needs no sight is said of it.
Raises Blind when it cannot be seen, which is not the same as "it does not run".
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from watchdog.errors import Blind
from watchdog.model.docker import Container
from watchdog.model.moments import Moment
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl.descriptors import Descriptors, File
from watchdog.panels.pterodactyl.disks import Disk, Disks
from watchdog.panels.pterodactyl.settings import NodeSettings
from watchdog.panels.pterodactyl.traces import WingsProcess

TICKS: Final = float(os.sysconf("SC_CLK_TCK"))
STARTED: Final = 19
"""Where ``starttime`` stands in /proc/PID/stat behind the name in brackets (proc(5), field 22)."""
PARENT, FLAGS = 1, 6
KERNEL_THREAD: Final = 0x00200000
OTHER_COMMANDS: Final = frozenset({b"configure", b"diagnostics", b"version", b"help", b"completion"})
STEPPED: Final = 2.0
"""Seconds by which two answers for one start may differ: clock ticks and slewing."""
WAY_OUT: Final = "run in the host's pid namespace, as root with CAP_SYS_PTRACE, without ProtectProc and hidepid"


@dataclass(frozen=True, slots=True)
class _Task:
    pid: int
    parent: int
    started: float  # seconds since boot
    kernel: bool


class Hidden(Blind):
    """The configured container runs, and this /proc does not show its processes: Docker still says when it was started."""


class ProcessReader:
    """Finds and looks at one node's Wings, look by look. Keeps only when it first saw each start."""

    def __init__(self, node: NodeSettings, proc: Path) -> None:
        """Given the node's settings and /proc."""
        self._node = node
        self._proc = proc
        self._began: dict[tuple[int, float], float] = {}

    def read(self, actual: Actual, now: Moment, logs: frozenset[File], disks: Disks) -> WingsProcess:
        """Look once. ``logs`` are the files that Wings may write its log to. Raises Blind."""
        tasks = {task.pid: task for task in self._tasks()}
        descriptors = Descriptors(self._proc, disks)
        try:
            pid, proof = self._wings(tasks, actual, logs, descriptors)
        except Hidden as hidden:
            began_at = self._container(actual).started_at
            if began_at is None:
                raise
            return WingsProcess(NO_PID, began_at, why=str(hidden), proof="Docker says when its container was started")
        began, stepped = self._start(tasks[pid], now)
        files = descriptors.files(pid)
        found = WingsProcess(
            pid, began, stepped=stepped, descriptors=descriptors.count(pid), logs=bool((files or set()) & logs), proof=proof
        )
        if proof == NAME_ONLY:
            return replace(found, why=f"the descriptors of Wings (pid {pid}) cannot be resolved ({descriptors.refusal(pid)}): {WAY_OUT}")
        return self._sighted(found, tasks, descriptors, disks.of(self._node.backups))

    def _sighted(self, found: WingsProcess, tasks: Mapping[int, _Task], descriptors: Descriptors, disk: Disk) -> WingsProcess:
        ours = _descendants(self._own_pid(), tasks)
        opened: set[File] = set()
        hidden = []
        for pid, task in tasks.items():
            if pid in ours and pid != found.pid:
                continue  # our own verification reads archives, and is nobody to wait for
            files = descriptors.files(pid)
            if files is None:
                hidden += [] if task.kernel else [pid]
            else:
                opened |= files
        why = ""
        twins = sorted(pid for pid in hidden if self._is_wings(pid))
        if not found.descriptors:
            why = f"Wings (pid {found.pid}) has just ended"
        elif twins:
            why = f"another process called wings (pid {twins[0]}) hides its descriptors ({descriptors.refusal(twins[0])}): {WAY_OUT}"
        elif not disk.local:
            why = (
                f"the archives lie on '{disk.kind or 'an unknown file system'}': other machines may have one open, and nobody here sees it"
            )
        return replace(found, sighted=not why, open=frozenset(opened), why=why, hidden=len(hidden))

    def _wings(
        self, tasks: Mapping[int, _Task], actual: Actual, logs: frozenset[File], descriptors: Descriptors
    ) -> tuple[int, str]:  # fmt: skip
        namespace = self._namespace(actual)
        named = [pid for pid in tasks if self._is_wings(pid) and (namespace is None or self._pid_namespace(pid) == namespace)]
        if not named:
            kind = Hidden if namespace is not None and namespace == self._pid_namespace("self") else Blind
            raise kind(f"no process of Wings is in sight: if it runs, we do not see all processes; {WAY_OUT}")
        by_log = [pid for pid in named if (descriptors.files(pid) or frozenset()) & logs]
        by_configuration = [pid for pid in named if self._has_our_configuration(pid)]
        for pids, proof in ((by_log, "it has our log open"), (by_configuration, "it was given our configuration")):
            if len(pids) == 1:
                return pids[0], proof
            if pids:
                raise Blind(f"{len(pids)} processes could be this node's Wings (pids {_some(pids)}): {proof}, each of them")
        seen = [pid for pid in named if descriptors.files(pid) is not None]
        if seen:
            raise Blind(f"'wings' (pid {seen[0]}) has neither our log open nor our configuration: are node.log and node.config its own?")
        if len(named) > 1:
            raise Blind(f"{len(named)} processes are called wings (pids {_some(named)}), and none shows whose it is: {WAY_OUT}")
        return named[0], NAME_ONLY

    def _start(self, task: _Task, now: Moment) -> tuple[float, bool]:
        """Return when a process began by the earliest clock that we have seen, and whether the clock was set since."""
        key = (task.pid, task.started)
        began = now.wall - (now.mono - task.started)
        earliest = min(began, self._began.get(key, began))
        self._began = {key: earliest}
        return earliest, began - earliest > STEPPED

    def _tasks(self) -> Iterator[_Task]:
        for entry in self._proc.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile, or it is hidden: then Wings is not found, or cannot be proven
            kernel = bool(int(fields[FLAGS]) & KERNEL_THREAD)
            yield _Task(int(entry.name), int(fields[PARENT]), int(fields[STARTED]) / TICKS, kernel)

    def _is_wings(self, pid: int) -> bool:
        try:
            words = (self._proc / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        program = words[0].rpartition(b"/")[2]
        if OTHER_COMMANDS.intersection(words[1:]):
            return False
        return program == b"wings" or program.startswith(b"wings_linux_")

    def _has_our_configuration(self, pid: int) -> bool:
        """Whether the configuration that it was given is, seen from its own root, the file that we read."""
        home = self._proc / str(pid)
        try:
            words = (home / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            told = next(
                (word.partition("=")[2] or after for word, after in zip(words, [*words[1:], ""], strict=True) if _is_config(word)), ""
            )
            path = Path(told or "/etc/pterodactyl/config.yml")
            place = home / "root" / path.relative_to("/") if path.is_absolute() else home / "cwd" / path
            return os.path.samestat(place.stat(), self._node.config.stat())
        except OSError:
            return False

    def _namespace(self, actual: Actual) -> int | None:
        """Return the pid namespace of the configured container; None = Wings runs on the host."""
        if not self._node.container:
            return None
        inner = self._pid_namespace(self._container(actual).pid or 0)
        if inner is None:
            raise Hidden(f"the processes of the container '{self._node.container}' may not be looked at: {WAY_OUT}")
        return inner

    def _container(self, actual: Actual) -> Container:
        facts = actual.docker.facts if actual.docker else None
        container = facts.by_name(self._node.container) if facts else None
        if container is None or not container.running or not container.pid:
            raise Blind(f"the container '{self._node.container}' does not run, or Docker is not watched")
        return container

    def _pid_namespace(self, pid: int | str) -> int | None:
        try:
            return (self._proc / str(pid) / "ns" / "pid").stat().st_ino
        except OSError:
            return None

    def _own_pid(self) -> int:
        """Return our own process id as this /proc numbers it, which may be another pid namespace's; -1 = it does not show us."""
        try:
            return int(str((self._proc / "self").readlink()))
        except (OSError, ValueError):
            return -1


NO_PID: Final = 0
"""Of a process that this /proc does not show."""
NAME_ONLY: Final = "it is the only process called wings"
"""Enough to say when it began; never for what it has open."""


def _is_config(word: str) -> bool:
    return word == "--config" or word.startswith("--config=")


def _descendants(pid: int, tasks: Mapping[int, _Task]) -> frozenset[int]:
    found = {pid}
    for _ in range(len(tasks)):
        more = {task.pid for task in tasks.values() if task.parent in found} - found
        if not more:
            break
        found |= more
    return frozenset(found)


def _some(pids: list[int]) -> str:
    return ", ".join(map(str, sorted(pids)[:3]))
