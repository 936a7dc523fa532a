"""``doctor``: each permission and credential tried without side effects; features on, or off because; advice."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from watchdog import settings
from watchdog.app.program import control_path
from watchdog.app.rooms import build_rooms
from watchdog.cli.check import secret_files
from watchdog.cli.options import ConfigOption, default_path, spoken
from watchdog.errors import BadSettings, WatchdogError
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.model.hooks import Hook, UnitHook, describe
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports, Probe
from watchdog.panels import discover
from watchdog.runtime.child import run as run_program
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.fields import read_secret
from watchdog.runtime.hooks import Hooks
from watchdog.runtime.log import configure
from watchdog.snapshots import SnapshotStore

MARKS = {True: "ok  ", False: "FAIL", None: "?   "}


@spoken
def doctor(config: ConfigOption = None) -> None:
    """Try every permission and credential, change nothing, and say what to do about what does not work."""
    configure("error", "console")
    path = config or default_path()
    loaded = settings.load(path)
    failed = 0
    for title, probes in _examine(loaded, path):
        print(title)
        for probe in probes:
            failed += probe.ok is False
            print(f"  {MARKS[probe.ok]} {probe.name}" + (f": {probe.message}" if probe.message else ""))
    print(f"{failed} thing{'s' if failed != 1 else ''} to mend" if failed else "all well")
    raise typer.Exit(1 if failed else 0)


def _examine(loaded: settings.SettingsBase, path: Path | None) -> Iterator[tuple[str, Iterable[Probe]]]:
    yield "configuration", [Probe("file", True, str(path) if path else "none: Docker, WireGuard and host facts only")]
    secrets = list(_secrets(loaded))
    if secrets:
        yield "secrets", secrets
    yield "program", [_running(loaded)]
    ledger, probe = _ledger(loaded)
    yield "ledger", [probe]
    yield from _collectors(loaded, ledger)
    if ledger is not None:
        ledger.close()


def _secrets(loaded: settings.SettingsBase) -> Iterator[Probe]:
    for key, name in secret_files(loaded.model_dump(), ""):
        try:
            read_secret(Path(name))
            mode = stat.S_IMODE(Path(name).stat().st_mode)
        except (BadSettings, OSError) as error:
            yield Probe(key, False, str(error))
            continue
        open_to_all = bool(mode & stat.S_IRWXO)
        yield Probe(key, not open_to_all, f"'{name}' can be read by everybody on this host: chmod 0600 '{name}'" if open_to_all else "")


def _running(loaded: settings.SettingsBase) -> Probe:
    from watchdog.web.control import find  # noqa: PLC0415

    try:
        body = find(control_path(loaded), SystemClock()).status()
    except WatchdogError as error:
        return Probe("running", None, str(error))
    return Probe("running", body.healthy, "; ".join(body.missing) or f"version {body.version}, ready")


def _ledger(loaded: settings.SettingsBase) -> tuple[Ledger | None, Probe]:
    where = loaded.ledger.path
    if where is not None and not where.exists():
        folder = next(parent for parent in where.parents if parent.exists())
        writable = _writable(folder)
        message = f"'{where}' will be made at the first run" if writable else f"'{folder}' cannot be written by this user"
        return None, Probe("ledger", writable or None, message)
    try:
        ledger = open_ledger(loaded.ledger, SystemClock(), migrate=False, host=loaded.host)
        ledger.check()
    except WatchdogError as error:
        return None, Probe("ledger", False, str(error))
    return ledger, Probe("ledger", True, str(where or "PostgreSQL"))


def _writable(folder: Path) -> bool:
    import os  # noqa: PLC0415

    return os.access(folder, os.W_OK | os.X_OK)


class _NoBook:
    """A book that keeps nothing, for looks without a ledger."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from watchdog.errors import LedgerUnavailable  # noqa: PLC0415

        def refuse(*_: Any, **__: Any) -> Any:
            raise LedgerUnavailable(f"doctor keeps nothing ({name})")

        return refuse


class _NoLedger:
    """Books that keep nothing: doctor must change nothing."""

    tallies = _NoBook()
    offsets = _NoBook()
    verifications = _NoBook()


def _collectors(loaded: settings.SettingsBase, ledger: Ledger | None) -> Iterator[tuple[str, Iterable[Probe]]]:
    del ledger  # its history must not be touched by a look of ours
    clock, store = SystemClock(), SnapshotStore()
    panels = discover()
    needs = tuple(panels[name].needs(target) for name, target in loaded.targets())
    rooms = build_rooms(loaded, needs, _NoLedger(), store, clock, Silent(), lambda _name: None)  # type: ignore[arg-type]  # keeps nothing
    try:
        yield "collectors", [_collect(spec.name, spec.factory) for spec in rooms.specs]
        ports = Ports(clock, Silent(), Hooks(rooms.engine_act), rooms.engine_read, rooms.engine_act)
        for name, target in loaded.targets():
            yield f"{name}/{target.name} (mode {target.mode.value})", [*panels[name].probe(target, ports), *_hooks(target)]
    finally:
        rooms.close()


def _collect(name: str, factory: Callable[[], Any]) -> Probe:
    try:
        collector = factory()
        collector.collect()
    except WatchdogError as error:
        return Probe(name, False, f"{type(error).__name__}: {error}")
    return Probe(name, True)


def _hooks(target: Any) -> Iterator[Probe]:
    hooks = getattr(target, "hooks", None)
    for name in type(hooks).model_fields if hooks is not None else ():
        hook: Hook | None = getattr(hooks, name)
        if hook is None:
            yield Probe(f"hook {name}", None, "not configured: remedies that need it only advise")
        elif isinstance(hook, UnitHook):
            yield _unit(name, hook)
        else:
            yield Probe(f"hook {name}", None, f"{describe(hook)} (not tried: trying it would do it)")


def _unit(name: str, hook: UnitHook) -> Probe:
    try:
        known = run_program(["systemctl", "cat", "--", hook.unit], seconds=5.0).code == 0
    except WatchdogError as error:
        return Probe(f"hook {name}", False, str(error))
    return Probe(f"hook {name}", known, describe(hook) if known else f"systemd knows no unit '{hook.unit}'")
