"""``doctor``: each permission and credential tried without side effects; features on, or off because; advice."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from watchdog import settings
from watchdog.cli import notify, permissions, rooms
from watchdog.cli.check import secret_files
from watchdog.cli.options import ConfigOption, default_path, spoken
from watchdog.errors import BadSettings, WatchdogError
from watchdog.ledger.open import open_ledger
from watchdog.model.panels import Probe
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.fields import read_secret
from watchdog.runtime.log import configure

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
            mark = "off " if probe.message.startswith("off: ") else MARKS[probe.ok]
            print(f"  {mark} {probe.name}" + (f": {probe.message.removeprefix('off: ')}" if probe.message else ""))
    print(f"{failed} thing{'s' if failed != 1 else ''} to mend" if failed else "all well")
    raise typer.Exit(1 if failed else 0)


def _examine(loaded: settings.SettingsBase, path: Path | None) -> Iterator[tuple[str, Iterable[Probe]]]:
    yield "configuration", [Probe("file", True, str(path) if path else "none: Docker, WireGuard and host facts only")]
    secrets = list(_secrets(loaded))
    if secrets:
        yield "secrets", secrets
    yield "program", [_running(loaded)]
    yield "ledger", [_ledger(loaded)]
    yield "notifications", list(notify.probes(loaded))
    yield "permissions", list(permissions.probes(loaded))
    yield from rooms.sections(loaded)


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
        body = find(settings.control_path(loaded), SystemClock()).status()
    except WatchdogError as error:
        return Probe("running", None, str(error))
    return Probe("running", body.healthy, "; ".join(body.missing) or f"version {body.version}, ready")


def _ledger(loaded: settings.SettingsBase) -> Probe:
    where = loaded.ledger.path
    if where is not None and not where.exists():
        folder = next(parent for parent in where.parents if parent.exists())
        if os.access(folder, os.W_OK | os.X_OK):
            return Probe("ledger", True, f"'{where}' will be made at the first run")
        needed = bool(loaded.targets())
        return Probe("ledger", False if needed else None, f"'{folder}' cannot be written by this user" + (": no repairs" if needed else ""))
    try:
        ledger = open_ledger(loaded.ledger, SystemClock(), migrate=False, host=loaded.host)
    except WatchdogError as error:
        return Probe("ledger", False, str(error))
    try:
        ledger.check()
    except WatchdogError as error:
        return Probe("ledger", False, str(error))
    finally:
        ledger.close()
    return Probe("ledger", True, str(where or "PostgreSQL"))
