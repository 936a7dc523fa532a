"""What each feature takes: the collectors' and the program's own here, the panels' from their folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from watchdog.model.hooks import ContainerHook, ExecHook, UnitHook
from watchdog.model.rights import Capability, Reach, Right, rights_of
from watchdog.panels import discover
from watchdog.settings import SettingsBase

READS, OVERRIDES = (Capability.CAP_DAC_READ_SEARCH,), (Capability.CAP_DAC_OVERRIDE,)


def _socket(url: str | None) -> tuple[Reach, ...]:
    return (Reach(Path(url.removeprefix("unix://")), write=True),) if url and url.startswith("unix://") else ()


def _named_files(loaded: SettingsBase) -> Iterator[Reach]:
    """Yield the folders that are there, of files whose comments name peers."""
    for pattern in loaded.collectors.wireguard.names.files:
        folder = Path(pattern).parent
        if "*" not in str(folder) and folder.is_dir():
            yield Reach(folder)


def _sockets(loaded: SettingsBase) -> Iterator[Reach]:
    """Yield the sockets of userspace daemons that are there now; connecting to one is writing."""
    for folder in loaded.collectors.wireguard.sockets:
        if folder.is_dir():
            yield Reach(folder)
            yield from (Reach(path, write=True) for path in sorted(folder.glob("*.sock")))


def _hooks(loaded: SettingsBase, *kinds: type) -> bool:
    return any(isinstance(hook, kinds) for _, target in loaded.targets() for hook in _hooks_of(target))


def _hooks_of(target: Any) -> Iterator[Any]:
    hooks = getattr(target, "hooks", None)
    yield from (getattr(hooks, name) for name in type(hooks).model_fields) if hooks is not None else ()
    yield from (each.restart_daemon for each in getattr(target, "daemons", ()))


def _ledger(loaded: SettingsBase) -> Iterator[Reach]:
    where = loaded.ledger.path
    if where is not None:
        yield Reach(next(parent for parent in where.parents if parent.exists()), write=True)


OWN: tuple[Right, ...] = (
    Right(
        "ledger and control socket", "ledger.url", mount="its folder, read and write", reaches=_ledger,
    ),
    Right(
        "metrics, API, status page", "server.listen", namespace="network: the host's, or a published port",
        on=lambda one: bool(one.server.listen),
    ),
    Right(
        "Docker, reading", "collectors.docker.url", closed=OVERRIDES,
        mount="`/var/run/docker.sock`, or a proxy that allows PING, VERSION, INFO, CONTAINERS and EVENTS",
        panel="Docker: group `docker`",
        on=lambda one: one.collectors.docker.wanted(needed=False), reaches=lambda one: _socket(one.collectors.docker.url),
    ),
    Right(
        "Docker, cgroups and the engine's start", "collectors.docker.proc", mount="the host's `/proc` and `/sys/fs/cgroup`, read-only",
        namespace="pid: the host's", on=lambda one: one.collectors.docker.wanted(needed=False),
        reaches=lambda one: (Reach(one.collectors.docker.proc), Reach(one.collectors.docker.cgroup)),
    ),
    Right(
        "Docker, acting: remedies and hooks on containers", "collectors.docker.act_url", closed=OVERRIDES,
        mount="the socket, or a proxy that allows POST: ALLOW_START, ALLOW_STOP, ALLOW_RESTARTS; `exec` hooks EXEC as well",
        panel="Docker: group `docker`",
        on=lambda one: one.collectors.docker.act_url is not None or _hooks(one, ContainerHook, ExecHook),
        reaches=lambda one: _socket(one.collectors.docker.act_url or one.collectors.docker.url),
    ),
    Right(
        "WireGuard of the kernel", "collectors.wireguard.enabled", (Capability.CAP_NET_ADMIN,), namespace="network: the host's",
        on=lambda one: one.collectors.wireguard.enabled is not False,
    ),
    Right(
        "WireGuard daemons in userspace", "collectors.wireguard.sockets", closed=OVERRIDES,
        mount="`/var/run/wireguard`, `/var/run/amneziawg`", on=lambda one: one.collectors.wireguard.enabled is not False, reaches=_sockets,
    ),
    Right(
        "names of peers out of files", "collectors.wireguard.names.files", closed=READS, mount="`/etc/wireguard`, read-only",
        on=lambda one: one.collectors.wireguard.enabled is not False, reaches=_named_files,
    ),
    Right(
        "WireGuard in other network namespaces", "collectors.wireguard.netns", (Capability.CAP_SYS_ADMIN, Capability.CAP_NET_ADMIN),
        mount="`/var/run/netns`", on=lambda one: bool(one.collectors.wireguard.netns),
        reaches=lambda one: [Reach(path) for path in one.collectors.wireguard.netns],
    ),
    Right(
        "WireGuard in containers", "collectors.wireguard.containers",
        (Capability.CAP_SYS_ADMIN, Capability.CAP_SYS_PTRACE, Capability.CAP_NET_ADMIN), namespace="pid: the host's",
        on=lambda one: bool(one.collectors.wireguard.containers),
    ),
    Right(
        "backup archives", "collectors.archives.directories", closed=READS, mount="each directory under its own path, read-only",
        on=lambda one: bool(one.collectors.archives.directories),
        reaches=lambda one: [Reach(each.path) for each in one.collectors.archives.directories],
    ),
    Right(
        "space, memory, pressure", "collectors.host", mount="the host's `/proc`, and each file system that is named",
        reaches=lambda one: (Reach(one.collectors.host.proc), *(Reach(each.path) for each in one.collectors.host.filesystems)),
    ),
    Right(
        "a hook that restarts a unit", "panels.*.hooks: {unit: ...}", panel="systemd: the unit in `deploy/panel-watchdog.rules` (polkit)",
        on=lambda one: _hooks(one, UnitHook),
    ),
    Right(
        "notifications, heartbeat, silences", "notify.channels", namespace="network: a way out",
        on=lambda one: bool(one.notify.channels) or one.notify.heartbeat is not None or one.alertmanager is not None,
    ),
)  # fmt: skip
"""What no panel needs to be there for."""


def table() -> Iterator[tuple[str, Right]]:
    """Yield (panel or "", right) of everything there is."""
    yield from (("", right) for right in OWN)
    for name, panel in discover().items():
        yield from ((name, right) for right in rights_of(panel))


def wanted(loaded: SettingsBase) -> Iterator[tuple[str, Right, Iterable[Reach]]]:
    """Yield (who, right, its paths) of every feature that this configuration switches on; ``who`` is "" or PANEL/TARGET."""
    yield from (("", right, right.reaches(loaded)) for right in OWN if right.on(loaded))
    panels = discover()
    for name, target in loaded.targets():
        yield from ((f"{name}/{target.name}", right, right.reaches(target)) for right in rights_of(panels[name]) if right.on(target))
