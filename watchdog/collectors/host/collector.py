"""The host collector: space, memory, pressure, OOM kills, boot time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.host import proc
from watchdog.collectors.host.settings import HostSettings
from watchdog.collectors.host.space import Space, ask, understand
from watchdog.collectors.mounts import MountTable
from watchdog.errors import Blind, DeadlinePassed, MalformedAnswer, WatchdogError
from watchdog.model.host import Filesystem, HostFacts, Pressure
from watchdog.model.needs import FilesystemNeed
from watchdog.runtime.child import module_argv, run
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

MODULE = "watchdog.collectors.host.space"
SpaceArgv = Callable[[Sequence[str]], list[str]]


def space_argv(paths: Sequence[str]) -> list[str]:
    """Return the child that asks about ``paths``, all of one mount."""
    return module_argv(MODULE, json.dumps(list(paths)))


class HostCollector:
    """Reads the host. File systems on mounts that may hang are asked in one child for each mount."""

    name = "host"

    def __init__(
        self,
        settings: HostSettings,
        filesystems: tuple[FilesystemNeed, ...],
        hanging: HangingLooks[list[Space]],
        *,
        mounts: Callable[[], MountTable] = MountTable.read,
        argv: SpaceArgv = space_argv,
    ) -> None:
        self._settings = settings
        self._filesystems = filesystems
        self._hanging = hanging
        self._mounts = mounts
        self._argv = argv
        self._errors: dict[str, str] = {}

    def collect(self) -> HostFacts:
        """Look once. Raises Blind when neither memory nor mounts can be read; one file system's error is in the facts."""
        memory = proc.meminfo(self._text("meminfo"))
        if "MemTotal" not in memory:
            raise Blind(f"cannot read memory from {self._settings.proc}/meminfo: is collectors.host.proc right?")
        spaces = self._spaces()
        self._say(spaces)
        return HostFacts(
            filesystems=self._named(spaces),
            memory_total_bytes=memory.get("MemTotal"),
            memory_available_bytes=memory.get("MemAvailable"),
            swap_total_bytes=memory.get("SwapTotal"),
            swap_free_bytes=memory.get("SwapFree"),
            pressures=self._pressures(),
            oom_kills=proc.oom_kills(self._text("vmstat")),
            booted_at=proc.booted_at(self._text("stat")),
        )

    def close(self) -> None:
        """Nothing is held."""

    def _text(self, name: str) -> str:
        """Return a file of proc, "" when this kernel or container has none."""
        try:
            return (Path(self._settings.proc) / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _pressures(self) -> tuple[Pressure, ...]:
        return tuple(line for resource in proc.RESOURCES for line in proc.pressures(resource, self._text(f"pressure/{resource}")))

    def _spaces(self) -> dict[str, Space]:
        table = self._mounts()
        spaces: dict[str, Space] = {}
        remote: dict[str, list[FilesystemNeed]] = {}
        for need in self._filesystems:
            mount = table.find(need.path)
            if mount.local:
                spaces[need.name] = ask(need.path)
            else:
                remote.setdefault(f"{mount.device} {mount.point}", []).append(need)
        jobs = {lane: self._job([need.path for need in needs]) for lane, needs in remote.items()}
        for lane, answer in self._hanging.look(jobs, self._settings.deadline + 3.0).items():
            spaces.update(_answers(remote[lane], answer))
        return spaces

    def _job(self, paths: Sequence[str]) -> Callable[[], list[Space]]:
        argv = self._argv(paths)

        def job() -> list[Space]:
            result = run(argv, seconds=self._settings.deadline)
            spaces = understand(result.stdout) if result.code == 0 else None
            if spaces is None or len(spaces) != len(paths):
                raise MalformedAnswer(f"asking for space brought no whole answer: {result.told()}")
            return spaces

        return job

    def _named(self, spaces: Mapping[str, Space]) -> tuple[Filesystem, ...]:
        first: dict[int, str] = {}
        named = []
        for need in self._filesystems:
            space = spaces[need.name]
            owner = first.setdefault(space.device, need.name) if space.error is None else need.name
            named.append(
                Filesystem(
                    need.name,
                    need.path,
                    space.total_bytes,
                    space.free_bytes,
                    space.total_inodes,
                    space.free_inodes,
                    space.read_only,
                    space.error,
                    "" if owner == need.name else owner,
                )
            )
        return tuple(named)

    def _say(self, spaces: Mapping[str, Space]) -> None:
        """Log once when a file system does not answer and once when it does again."""
        errors = {name: space.error for name, space in spaces.items() if space.error is not None}
        for name, error in errors.items():
            if self._errors.get(name) != error:
                log.warning("a file system cannot be asked for its space", filesystem=name, error=error)
        for name in self._errors.keys() - errors.keys():
            log.info("a file system answers again", filesystem=name)
        self._errors = errors


def _answers(needs: Sequence[FilesystemNeed], answer: list[Space] | WatchdogError) -> dict[str, Space]:
    if isinstance(answer, WatchdogError):
        error = "hung" if isinstance(answer, DeadlinePassed) else "unreadable"
        return {need.name: Space(error=error) for need in needs}
    return {need.name: space for need, space in zip(needs, answer, strict=True)}
