"""The panel's gunicorn in ``/proc``: which processes it is, which threads its worker has, where it stands. Reads only.

Found by what cannot be mistaken: a gunicorn whose working directory is the panel's folder (gunicorn.conf.py starts it there), or, when a
container is named, one in that container's pid namespace. Raises Blind when it cannot be seen, which is not the same as "it is not there".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from watchdog.errors import Blind, WatchdogError
from watchdog.model.hooks import HookRunner, UnitHook
from watchdog.model.snapshots import Actual
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import Process

DAEMONS: Final = ("wireguard-go", "amneziawg-go", "boringtun", "boringtun-cli", "wireguard-rs")
LONGEST_NAME: Final = 15
"""The kernel cuts the names of processes to this length."""
SYSTEMCTL_SECONDS: Final = 20.0
"""Seconds for systemd to answer; a machine that is so busy needs them, and no answer makes a restart a person's to order."""
ASK_AGAIN: Final = 60.0
"""Seconds for which systemd's answer about a unit is good enough to plan by; right before a restart it is asked for anew."""
TICKS: Final = float(os.sysconf("SC_CLK_TCK"))
BOOT: Final = 19
"""Where ``starttime`` stands in /proc/PID/stat behind the name in brackets (proc(5), field 22)."""


@dataclass(frozen=True, slots=True)
class _Gunicorn:
    pid: int
    parent: int
    began: float


class ProcessReader:
    """Reads the panel's processes, look by look."""

    def __init__(self, settings: WgdashboardSettings, proc: Path, hooks: HookRunner | None = None) -> None:
        """Given /proc, and who can say what a restart of the hook's unit ends (None = nobody)."""
        self._settings = settings
        self._proc = proc
        self._hooks = hooks
        self._told: tuple[float, str] | None = None

    def read(self, directory: Path, actual: Actual, now: float) -> Process:
        """Look once; ``now`` is UNIX seconds. Raises Blind."""
        found = {each.pid: each for each in self._gunicorns(directory, actual)}
        masters = [each for each in found.values() if each.parent not in found]
        if len(masters) != 1:
            raise Blind(f"{len(masters) or 'no'} gunicorn masters of this panel are in sight")
        master = masters[0]
        workers = sorted((each for each in found.values() if each.parent == master.pid), key=lambda each: -each.began)
        if not workers:
            raise Blind("the panel's gunicorn has no worker in sight")
        worker = workers[0]
        cgroup = self._cgroup(master.pid)
        daemons = self._daemons(cgroup)
        return Process(
            master=master.pid,
            worker=worker.pid,
            master_began=master.began,
            worker_began=worker.began,
            tasks=self._tasks(worker.pid),
            netns=self._netns(master.pid, actual),
            cgroup=cgroup,
            daemons=daemons,
            kill_mode=self._ends_with_the_unit(now) if daemons else "",
            utc_offset=self._utc_offset(worker.pid, now),
            first=bool(self._settings.container) and _inmost(self._proc / str(master.pid)) == 1,
        )

    def _gunicorns(self, directory: Path, actual: Actual) -> Iterator[_Gunicorn]:
        home, namespace = directory.stat(), self._namespace(actual)
        for pid in self._pids():
            try:
                if not _is_gunicorn((self._proc / str(pid) / "cmdline").read_bytes()):
                    continue
                if namespace is not None:
                    own = (self._proc / str(pid) / "ns" / "pid").stat().st_ino == namespace
                else:
                    own = os.path.samestat((self._proc / str(pid) / "cwd").stat(), home)
                if own:
                    yield self._gunicorn(pid)
            except FileNotFoundError:
                continue  # it ended meanwhile
            except ProcessLookupError:
                continue
            except PermissionError as error:
                raise Blind(f"process {pid} may not be looked at: run as root, or with CAP_SYS_PTRACE") from error

    def _namespace(self, actual: Actual) -> int | None:
        """Return the pid namespace of the configured container; None = the panel runs on the host."""
        if not self._settings.container:
            return None
        facts = actual.docker.facts if actual.docker else None
        container = facts.by_name(self._settings.container) if facts else None
        if container is None or not container.pid:
            raise Blind(f"the container '{self._settings.container}' does not run, or Docker is not watched")
        inner = (self._proc / str(container.pid) / "ns" / "pid").stat().st_ino
        if inner == (self._proc / "self" / "ns" / "pid").stat().st_ino:
            raise Blind(f"the container '{self._settings.container}' shares this host's processes")
        return inner

    def _pids(self) -> Iterator[int]:
        for entry in self._proc.iterdir():
            if entry.name.isdigit():
                yield int(entry.name)

    def _gunicorn(self, pid: int) -> _Gunicorn:
        fields = (self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return _Gunicorn(pid, int(fields[1]), int(fields[BOOT]) / TICKS)

    def _tasks(self, worker: int) -> frozenset[int]:
        """Return the worker's threads by their ids in the innermost pid namespace (NSpid's last number)."""
        found = (_inmost(task) for task in (self._proc / str(worker) / "task").iterdir())
        return frozenset(each for each in found if each is not None)

    def _netns(self, pid: int, actual: Actual) -> str | None:
        theirs = (self._proc / str(pid) / "ns" / "net").stat()
        if os.path.samestat(theirs, (self._proc / "self" / "ns" / "net").stat()):
            return ""
        facts = actual.wireguard.facts if actual.wireguard else None
        container = f"container:{self._settings.container}"
        if self._settings.container and facts and any(device.netns == container for device in facts.devices):
            return container
        for name in sorted({device.netns for device in facts.devices if device.netns.startswith("/")} if facts else ()):
            try:
                if os.path.samestat(theirs, Path(name).stat()):
                    return name
            except OSError:
                continue
        return None

    def _cgroup(self, pid: int) -> str:
        """Return the path of the unified hierarchy, or of systemd's own in the old ones; "" = the root."""
        for line in (self._proc / str(pid) / "cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if names in ("", "name=systemd"):
                return path.rstrip("/")
        return ""

    def _daemons(self, cgroup: str) -> int:
        """Count userspace WireGuard daemons in a cgroup or below it; in the root there is nothing that a unit would take with it."""
        if not cgroup:
            return 0
        found = 0
        for pid in self._pids():
            try:
                name = (self._proc / str(pid) / "comm").read_text().strip()
                if name not in [each[:LONGEST_NAME] for each in DAEMONS]:
                    continue
                where = self._cgroup(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue
            found += where == cgroup or where.startswith(f"{cgroup}/")
        return found

    def _ends_with_the_unit(self, now: float) -> str:
        """Return the KillMode of the hook's unit, asked for once a minute; "" = not known."""
        hook = self._settings.hooks.restart_panel
        if not isinstance(hook, UnitHook) or self._hooks is None:
            return ""
        if self._told is None or not 0.0 <= now - self._told[0] < ASK_AGAIN:
            try:
                self._told = (now, self._hooks.kill_mode(hook.unit, SYSTEMCTL_SECONDS))
            except WatchdogError:
                self._told = (now, "")
        return self._told[1]

    def _utc_offset(self, pid: int, now: float) -> float | None:
        """Return the panel's zone as seconds east of UTC now; its TZ goes before its /etc/localtime. None = unknown."""
        root = self._proc / str(pid) / "root"
        try:
            words = (self._proc / str(pid) / "environ").read_bytes().split(b"\0")
            name = next((word[3:].decode() for word in words if word.startswith(b"TZ=")), "").lstrip(":")
            zone = ZoneInfo(name) if name else _zone_of(root)
        except (OSError, ValueError, KeyError):
            return None
        return (datetime.fromtimestamp(now, zone).utcoffset() or timedelta()).total_seconds()


def _inmost(process: Path) -> int | None:
    """Return the id of a process or thread in its innermost pid namespace, None = it has ended."""
    try:
        status = (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    line = next((line for line in status.splitlines() if line.startswith("NSpid:")), f"NSpid: {process.name}")
    return int(line.split()[-1])


def _is_gunicorn(command: bytes) -> bool:
    """Whether a process is gunicorn itself: ``python .../gunicorn``, ``python -m gunicorn``, or the title that it may give itself.

    Not one that speaks of it: the image's own health check is ``pgrep gunicorn``, and a person may read gunicorn.conf.py.
    """
    first, *others = (word.rpartition(b"/")[2] for word in command.split(b"\0")[:4])
    return first == b"gunicorn" or first.startswith(b"gunicorn: ") or (first.startswith(b"python") and b"gunicorn" in others)


def _zone_of(root: Path) -> ZoneInfo:
    """Return the zone of the file system that begins at ``root``; an absolute link is followed inside of it."""
    path = root / "etc/localtime"
    if path.is_symlink():
        target = path.readlink()
        path = root / target.relative_to("/") if target.is_absolute() else path.parent / target
    elif not path.exists():
        return ZoneInfo("UTC")  # without the file the C library takes UTC
    with path.open("rb") as file:
        return ZoneInfo.from_file(file)
