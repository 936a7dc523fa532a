"""What ``doctor`` tries beyond the program itself: which features are on, each collector once, each panel's own probes, each hook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from watchdog import settings
from watchdog.app.rooms import build_rooms
from watchdog.app.ruling import needs_of
from watchdog.cli.pause_rules import rule_probes
from watchdog.collectors.runner import CollectorSpec
from watchdog.errors import LedgerUnavailable, WatchdogError
from watchdog.model.archives import ArchiveFacts, WatchedDirectory
from watchdog.model.engines import EngineRead
from watchdog.model.hooks import ContainerHook, Hook, UnitHook, describe
from watchdog.model.metrics import Silent
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports, Probe
from watchdog.model.snapshots import Snapshot
from watchdog.model.wireguard import WireguardFacts
from watchdog.panels import discover
from watchdog.runtime.child import run as run_program
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.hooks import Hooks
from watchdog.snapshots import SnapshotStore

Section = tuple[str, Iterable[Probe]]
SECONDS = 5.0


class _NoBook:
    """A book that keeps nothing: doctor must change nothing."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def refuse(*_: Any, **__: Any) -> Any:
            raise LedgerUnavailable(f"doctor keeps nothing ({name})")

        return refuse


class _NoLedger:
    """Books that keep nothing."""

    tallies = _NoBook()
    offsets = _NoBook()
    verifications = _NoBook()


def sections(loaded: settings.SettingsBase) -> Iterator[Section]:
    """Try every collector and every target of ``loaded``; nothing is changed, here or outside."""
    clock, panels = SystemClock(), discover()
    needs = (*(panels[name].needs(target) for name, target in loaded.targets()), *needs_of(loaded.pauses))
    no_ledger: Any = _NoLedger()
    store = SnapshotStore()
    rooms = build_rooms(loaded, needs, no_ledger, store, clock, Silent(), lambda _name: None)
    wanted = {spec.name for spec in rooms.specs}
    try:
        yield "features", list(_features(loaded, wanted, directories=any(need.directories for need in needs)))
        yield "collectors", [probe for spec in rooms.specs for probe in _collect(spec, store, clock.now())]
        if loaded.pauses.patterns():
            yield "pauses", list(rule_probes(loaded, store.actual, clock.now()))
        ports = Ports(clock, Silent(), Hooks(rooms.engine_act), rooms.engine_read, rooms.engine_act)
        for name, target in loaded.targets():
            title = f"{name}/{target.name} (mode {target.mode.value})"
            yield title, [*panels[name].probe(target, ports), *_hooks(target, rooms.engine_read)]
    finally:
        rooms.close()


def _features(loaded: settings.SettingsBase, wanted: set[str], *, directories: bool) -> Iterator[Probe]:
    chosen, server = loaded.collectors, loaded.server
    docker = "" if "docker" in wanted else f"off: there is no Docker here (collectors.docker.enabled: {chosen.docker.enabled})"
    yield Probe("Docker facts", True if not docker else None, docker)
    off = chosen.wireguard.enabled is False
    yield Probe("WireGuard facts", None if off else True, "off: collectors.wireguard.enabled is false" if off else "")
    archives = directories or bool(chosen.archives.directories)
    yield Probe("backup archives", archives or None, "" if archives else "off: no directory is named in collectors.archives.directories")
    acting = [target.name for _, target in loaded.targets() if target.mode.value == "repair"]
    asking = [target.name for _, target in loaded.targets() if target.mode.value == "approve"]
    said = [f"by itself: {', '.join(acting)}"] * bool(acting) + [f"after your word: {', '.join(asking)}"] * bool(asking)
    yield Probe("repairs", bool(said) or None, "; ".join(said) or "off: no target has mode approve or repair")
    token = server.api_token_file is not None
    yield Probe("changes over HTTP", token or None, "" if token else "off: server.api_token_file is not set")


def _collect(spec: CollectorSpec, store: SnapshotStore, now: Moment) -> Iterator[Probe]:
    name = spec.name
    try:
        facts = spec.factory().collect()
    except WatchdogError as error:
        yield Probe(name, False, f"{error} ({type(error).__name__})")
        return
    # one collector may want what another has found: WireGuard the containers
    store.publish(Snapshot(name, facts, now, now, spec.interval))
    yield Probe(name, True)
    if isinstance(facts, ArchiveFacts):
        for directory in facts.directories:
            said = f"'{directory.path}' cannot be read: {directory.error}" if directory.error else _to_read(directory, facts.rate)
            yield Probe(f"{name}: {directory.name}", directory.error is None, said)
        sweep = sum(directory.sweep_bytes for directory in facts.directories)
        if sweep:
            yield Probe(f"{name}: all", True, _sweep(sweep, facts.rate))
    if isinstance(facts, WireguardFacts):
        yield from _wireguard(name, facts)


def _wireguard(name: str, facts: WireguardFacts) -> Iterator[Probe]:
    for namespace in facts.namespaces:
        said = f"cannot be looked into: {namespace.error}" if namespace.error else ""
        yield Probe(f"{name}: {namespace.label}", namespace.error is None, said)
    for device in facts.devices:
        if device.error:
            yield Probe(f"{name}: {device.name}", False, f"its daemon or the kernel does not tell: {device.error}")
    peers, named = sum(len(device.peers) for device in facts.devices), len(facts.naming.names)
    if peers:
        yield Probe(f"{name}: names", bool(named) or None, f"{named} of {peers} peers have a name")
    for file in facts.naming.files:
        if file.error is not None:
            yield Probe(f"{name}: names", False, f"'{file.path}' cannot be read: {file.error}")


def _to_read(directory: WatchedDirectory, rate: float) -> str:
    """Say what is in a directory, and what verifying all of it means at ``rate`` bytes a second."""
    found = f"{directory.files} files, {directory.bytes / (1 << 30):.2f} GiB"
    if not directory.files:
        return found
    read = _sweep(directory.sweep_bytes, rate) if directory.sweep_bytes else "none is read whole (level or network file system)"
    return f"{found}; {read}"


def _sweep(size: int, rate: float) -> str:
    """Say how long it takes to read ``size`` bytes for the first time; what is verified already is not read again."""
    speed = f"{size / rate / 3600:.1f} hours at {rate / (1 << 20):g} MiB/s" if rate else "as fast as the disks give them"
    return f"the first sweep reads {size / (1 << 30):.2f} GiB, {speed}"


def _hooks(target: Any, engine: EngineRead | None) -> Iterator[Probe]:
    """Yield what can be known of each hook without running it."""
    hooks = getattr(target, "hooks", None)
    for name in type(hooks).model_fields if hooks is not None else ():
        hook: Hook | None = getattr(hooks, name)
        if isinstance(hook, UnitHook):
            yield _unit(f"hook {name}", hook)
        elif isinstance(hook, ContainerHook) and engine is not None:
            yield _container(f"hook {name}", hook, engine)


def _unit(name: str, hook: UnitHook) -> Probe:
    try:
        known = run_program(["systemctl", "cat", "--", hook.unit], seconds=SECONDS).code == 0
    except WatchdogError as error:
        return Probe(name, False, f"systemd cannot be asked about '{hook.unit}': {error}")
    return Probe(name, known, describe(hook) if known else f"systemd knows no unit '{hook.unit}'")


def _container(name: str, hook: ContainerHook, engine: EngineRead) -> Probe:
    try:
        engine.inspect(hook.container, SECONDS)
    except WatchdogError as error:
        return Probe(name, False, f"Docker does not show a container '{hook.container}': {error}")
    return Probe(name, True, describe(hook))
