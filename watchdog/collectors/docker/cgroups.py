"""Memory, CPU, pids and OOM kills of running containers, from the kernel's cgroup files: no engine call, microseconds each.

The stats endpoint costs a second or two per container; these files cost tens of microseconds. Versions 1 and 2 are read, with the
layouts of Docker's cgroupfs and systemd drivers, wherever /proc/PID/cgroup of the container's first process points.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from watchdog.model.docker import CgroupUse, Container

_LAYOUTS = ("docker/{id}", "system.slice/docker-{id}.scope", "machine.slice/libpod-{id}.scope", "machine.slice/libpod-{id}.scope/container")
_UNLIMITED = 1 << 60  # version 1 writes "no limit" as the largest multiple of the page size
_READ = 1 << 16
_TRY_AGAIN = 20  # looks; where cgroups cannot be seen at all (a remote engine), searching for them is most of a look's cost


class CgroupReader:
    """Reads below ``root`` (/sys/fs/cgroup) and ``proc`` (/proc); both may be mounts of the host's. Never raises."""

    def __init__(self, root: Path, proc: Path) -> None:
        self._root, self._proc = root, proc
        self._found: Mapping[tuple[str, int | None], Mapping[str, str]] = {}
        self._missing: dict[tuple[str, int | None], int] = {}

    def read(self, containers: Iterable[Container]) -> Mapping[str, CgroupUse]:
        """Given containers, return the use of those that run, by container id; one whose files cannot be read is left out."""
        unified = (self._root / "cgroup.controllers").exists()
        found: dict[tuple[str, int | None], Mapping[str, str]] = {}
        missing: dict[tuple[str, int | None], int] = {}
        uses: dict[str, CgroupUse] = {}
        for container in containers:
            if container.state not in {"running", "paused"}:
                continue
            key = (container.id, container.pid)
            if self._missing.get(key, 0) > 0:
                missing[key] = self._missing[key] - 1
                continue
            folders = self._found.get(key) or self._folders(container.id, container.pid, unified=unified)
            use = _read_v2(folders) if unified else _read_v1(folders)
            if use is not None:
                uses[container.id] = use
                found[key] = folders
            elif key not in self._found:
                missing[key] = _TRY_AGAIN
        self._found, self._missing = found, missing
        return uses

    def _folders(self, container_id: str, pid: int | None, *, unified: bool) -> Mapping[str, str]:
        """Return the folder per controller ('' in version 2)."""
        told = self._told_by_proc(container_id, pid)
        if unified:
            return {"": self._pick(self._root, told.get(""), container_id)}
        folders = {}
        for controller in ("memory", "cpuacct", "pids"):
            for mount in (controller, "cpu,cpuacct", "cpuacct,cpu") if controller == "cpuacct" else (controller,):
                if (self._root / mount).is_dir():
                    folders[controller] = self._pick(self._root / mount, told.get(controller), container_id)
                    break
        return folders

    def _told_by_proc(self, container_id: str, pid: int | None) -> Mapping[str, str]:
        told: dict[str, str] = {}
        with contextlib.suppress(OSError):
            for line in (self._proc / str(pid) / "cgroup").read_text().splitlines() if pid else ():
                _, controllers, path = line.split(":", 2)
                # a path without the id is another process (the pid was taken anew) or is seen from inside a cgroup namespace
                if container_id in path and ".." not in path:
                    told |= dict.fromkeys(controllers.split(","), path)
        return told

    @staticmethod
    def _pick(mount: Path, told: str | None, container_id: str) -> str:
        tries = [told.lstrip("/")] if told else []
        tries += [layout.format(id=container_id) for layout in _LAYOUTS]
        return next((str(mount / path) for path in tries if (mount / path).is_dir()), "")


def _read_v1(folders: Mapping[str, str]) -> CgroupUse | None:
    memory, cpu, pids = folders.get("memory", ""), folders.get("cpuacct", ""), folders.get("pids", "")
    usage = _number(memory, "memory.usage_in_bytes")
    nanoseconds = _number(cpu, "cpuacct.usage")
    if usage is None and nanoseconds is None:
        return None
    limit = _number(memory, "memory.limit_in_bytes")
    return CgroupUse(
        memory_bytes=_without_cache(usage, _field(memory, "memory.stat", "total_inactive_file")),
        memory_limit_bytes=None if limit is None or limit >= _UNLIMITED else limit,
        cpu_seconds=None if nanoseconds is None else nanoseconds / 1e9,
        oom_kills=_field(memory, "memory.oom_control", "oom_kill"),
        pids=_number(pids, "pids.current"),
    )


def _read_v2(folders: Mapping[str, str]) -> CgroupUse | None:
    folder = folders.get("", "")
    usage, microseconds = _number(folder, "memory.current"), _field(folder, "cpu.stat", "usage_usec")
    if usage is None and microseconds is None:
        return None
    return CgroupUse(
        memory_bytes=_without_cache(usage, _field(folder, "memory.stat", "inactive_file")),
        memory_limit_bytes=_number(folder, "memory.max"),
        cpu_seconds=None if microseconds is None else microseconds / 1e6,
        oom_kills=_field(folder, "memory.events", "oom_kill"),
        pids=_number(folder, "pids.current"),
    )


def _without_cache(usage: int | None, inactive: int | None) -> int | None:
    # what `docker stats` shows: page cache that can be dropped at once is not use
    return usage if usage is None or inactive is None or inactive > usage else usage - inactive


def _text(folder: str, name: str) -> str:
    if not folder:
        return ""
    try:
        descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _READ).decode(errors="replace")
    except OSError:  # ENODEV: the cgroup went away between open and read
        return ""
    finally:
        os.close(descriptor)


def _number(folder: str, name: str) -> int | None:
    text = _text(folder, name).strip()
    return int(text) if text.isdigit() else None  # "max" is no number: no limit


def _field(folder: str, name: str, key: str) -> int | None:
    for line in _text(folder, name).splitlines():
        word, _, value = line.partition(" ")
        if word == key and value.strip().isdigit():
            return int(value)
    return None
