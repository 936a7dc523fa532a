"""Truth about the local node that only its host has: Wings' configuration, processes, log, heartbeat, volumes, and what our guard holds.

Nothing is ever written. Each part that cannot be seen says so and proves nothing (house rule 3). Contract sections 2.1, 2.5, 3.5, 5.3.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from watchdog.errors import Blind, WatchdogError
from watchdog.model.moments import Clock, Moment
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl import heartbeat, wings_config, zones
from watchdog.panels.pterodactyl.disks import MOUNTS, Disks
from watchdog.panels.pterodactyl.log_files import siblings
from watchdog.panels.pterodactyl.processes import NO_PID, ProcessReader
from watchdog.panels.pterodactyl.settings import NodeSettings, PterodactylSettings
from watchdog.panels.pterodactyl.traces import NOTHING, Evidence, Heartbeat, LocalWings, Log, WingsProcess
from watchdog.panels.pterodactyl.wings_log import KEPT, LogReader
from watchdog.panels.pterodactyl.wings_times import Zone

TOGETHER: Final = 5.0
"""Seconds by which Wings' first line may precede its start by our reckoning."""

PartT = TypeVar("PartT")


class EvidenceReader:
    """Reads the evidence of one target, look by look. May be called by several threads, one after the other."""

    def __init__(self, settings: PterodactylSettings, clock: Clock, proc: Path = Path("/proc"), mounts: Path = MOUNTS) -> None:
        """Given the target's settings (without a ``node`` nothing is looked at), and where the kernel shows processes and mounts."""
        self._settings = settings
        self._clock = clock
        self._proc = proc
        self._mounts = mounts
        self._lock = threading.Lock()
        self._process = ProcessReader(settings.node, proc) if settings.node else None
        self._log = LogReader(settings.node.log, clock, deafens=settings.flavour != "pelican") if settings.node else None

    def read(self, actual: Actual) -> Evidence:
        """Look once. Raises nothing: what cannot be seen says why."""
        node = self._settings.node
        if node is None:
            return NOTHING
        with self._lock:
            try:
                local, disks = wings_config.read(node.config), Disks.read(self._mounts)
            except WatchdogError as error:
                return Evidence(error=str(error))
            return self._read(node, local, disks, actual)

    def _read(self, node: NodeSettings, local: LocalWings, disks: Disks, actual: Actual) -> Evidence:
        now = self._clock.now()
        blind: dict[str, str] = {}

        def attempt(part: str, path: Path, read: Callable[[Path], PartT]) -> PartT | None:
            try:
                disk = disks.of(path)
                if disk.kind and not disk.local:
                    raise Blind(f"{path} lies on '{disk.kind}', which may hang: it is not looked at")
                return read(path)
            except WatchdogError as error:
                blind[part] = str(error)
                return None

        process, process_error = self._look_at_the_process(node, disks, actual, now)
        home = self._proc / str(process.pid) if process is not None and process.pid != NO_PID else None
        offered = zones.candidates(node.zone, local.zone, home)
        log = attempt("log", node.log, lambda _: self._read_log(offered, process)) or Log(error=blind.get("log", ""))
        log = _believed(log, process)
        beat = attempt("heartbeat", node.states, heartbeat.heartbeat)
        archives = disks.of(node.backups)
        return Evidence(
            local=local,
            mismatch=" ".join(_mismatches(node, local, disks, home / "root" if home is not None else None)),
            process=_with(process, log),
            process_error=process_error,
            log=log,
            heartbeat=beat or Heartbeat(error=blind.get("heartbeat", "")),
            kept=attempt("kept", self._settings.held_directory or node.backups, heartbeat.kept),
            volumes=attempt("volumes", node.volumes, heartbeat.volumes),
            filesystem_kind=archives.kind,
            filesystem_local=archives.local,
            utc_offset=_utc_offset(offered, now),
            blind=blind,
        )

    def _look_at_the_process(
        self, node: NodeSettings, disks: Disks, actual: Actual, now: Moment
    ) -> tuple[WingsProcess | None, str]:  # fmt: skip
        if self._process is None:
            return None, ""
        try:
            logs = frozenset(each.key for each in siblings(node.log, now.wall - KEPT))
        except WatchdogError:
            logs = frozenset()
        try:
            return self._process.read(actual, now, logs, disks), ""
        except WatchdogError as error:
            return None, str(error)
        except OSError as error:
            return None, f"{self._proc} cannot be read: {error.strerror}"

    def _read_log(self, offered: tuple[Zone, ...], process: WingsProcess | None) -> Log:
        if self._log is None:
            raise Blind("no node is configured")
        return self._log.read(offered, process.began if process is not None else None)


def _believed(log: Log, process: WingsProcess | None) -> Log:
    """Return the log as far as it fits the process that should have written it."""
    if process is None:
        return log
    if process.proof and process.sighted and not process.logs and not log.error:
        return replace(log, error=f"Wings (pid {process.pid}) does not have it open: set node.log to the log that it writes", read_to=None)
    return log


def _with(process: WingsProcess | None, log: Log) -> WingsProcess | None:
    """Return the process with the earlier of two beginnings: what its first line says was written by the clock of that moment."""
    if process is None or log.booted_at is None or log.booted_at >= process.began - TOGETHER:
        return process
    return replace(process, began=log.booted_at, stepped=True)


def _mismatches(node: NodeSettings, local: LocalWings, disks: Disks, root: Path | None) -> Iterator[str]:
    """Yield a sentence for each path that is not the one of Wings' configuration."""
    pairs = (
        ("backups", node.backups, "system.backup_directory", local.backup_directory),
        ("log", node.log, "system.log_directory", f"{local.log_directory}/wings.log"),
        ("states", node.states, "system.root_directory", local.states),
        ("volumes", node.volumes, "system.data", local.data),
    )
    for name, ours, key, theirs in pairs:
        if not _same(ours, theirs, disks, root):
            yield f"node.{name} is {ours}, and Wings has {theirs} ({key}): set node.{name} to where this host sees that."


def _same(ours: Path, theirs: str, disks: Disks, root: Path | None) -> bool:
    """Whether a path of ours and one of Wings' lead to the same thing; by their text where neither can be looked at."""
    if disks.of(ours).local:
        for place in ((root / theirs.lstrip("/"),) if root is not None else ()) + (Path(theirs),):
            try:
                return os.path.samestat(ours.stat(), place.stat())
            except OSError:
                continue
    return os.path.normpath(ours) == os.path.normpath(theirs)


def _utc_offset(offered: tuple[Zone, ...], now: Moment) -> float | None:
    if not offered:
        return None
    return (datetime.fromtimestamp(now.wall, offered[0].info).utcoffset() or timedelta()).total_seconds()
