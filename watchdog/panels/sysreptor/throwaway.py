"""A restore by the panel itself into an environment of its own: planned, with every name, and refused where it could touch what people use.

Never the vendor's compose file (its container and volume names are fixed), never S3 settings (a restore deletes every file in the storages
that are configured), never a network that leads anywhere (contract section 3). Nothing here runs anything; ``restoring`` does.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from watchdog.errors import NotFound, Refused, WatchdogError
from watchdog.model.engines import OUR_LABEL, OUR_PREFIX, EngineRead
from watchdog.model.rehearsals import ThrowAway
from watchdog.panels.sysreptor import blueprint
from watchdog.panels.sysreptor.releases import parse_version
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.runtime.memory import available_bytes
from watchdog.runtime.partfile import free_bytes
from watchdog.runtime.redaction import register_secret

SECONDS: Final = 10.0
BOXES: Final = 2
FACTOR: Final = 2
"""So many times an archive's size its content takes in memory, at least: rows with their indexes, and files unpacked."""
PREFIX: Final = OUR_PREFIX.rstrip("-")
VENDOR: Final = frozenset({"sysreptor-app", "sysreptor-db", "sysreptor-app-data", "sysreptor-db-data", "sysreptor_default"})
"""Names of the vendor's compose file: taken for production wherever they stand."""


def plan(settings: SysreptorSettings, archive: BinaryIO, engine: EngineRead | None) -> ThrowAway:
    """Plan it; see ``model.rehearsals.Rehearsing``."""
    version = version_of(archive)
    engine, silent = _answering(engine)
    names = names_of(settings)
    refusals = [*_lacking(settings, version), *_room(settings, archive, engine), *silent, *clashes(names, production(settings, engine))]
    drawn = blueprint.draw(settings, version, names, {}, {})
    commands = () if refusals else tuple(blueprint.shown(drawn, str(settings.restore.licence_file)))
    return ThrowAway(names, commands, tuple(refusals))


def names_of(settings: SysreptorSettings) -> tuple[str, ...]:
    """Return our names of the network, the database and the app."""
    return blueprint.names_of(settings, PREFIX)


def licence_of(settings: SysreptorSettings) -> str:
    """Return the licence, one line; "" = there is none that can be read."""
    try:
        licence = "" if settings.restore.licence_file is None else settings.restore.licence_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
    register_secret(licence)
    return licence


def database_major(settings: SysreptorSettings, engine: EngineRead) -> str:
    """Return the major version of the panel's own PostgreSQL as its image tells it; "" = nobody knows."""
    hosts = [value for variable, value in _variables(_inspected(settings, engine)) if variable == "DATABASE_HOST"]
    for name in (*hosts, "sysreptor-db"):
        try:
            told = dict(_variables(engine.inspect(name, SECONDS)))
        except (NotFound, Refused):
            continue
        if told.get("PG_MAJOR"):
            return told["PG_MAJOR"]
    return ""


def production(settings: SysreptorSettings, engine: EngineRead | None) -> frozenset[str]:
    """Return every name that people use: the vendor's, all containers of the engine, and the volumes, networks and hosts of the panel's."""
    names = {*VENDOR, settings.run.container}
    if engine is None:
        return frozenset(names)
    for row in engine.list(SECONDS):
        told, labels = row.get("Names"), row.get("Labels")
        found = {str(name).lstrip("/") for name in told} if isinstance(told, list) else set()
        # what a killed rehearsal left is ours, and is removed first
        names |= {name for name in found if not (name.startswith(OUR_PREFIX) and isinstance(labels, dict) and labels.get(OUR_LABEL))}
    panel = _inspected(settings, engine)
    names |= {str(mount.get("Name") or mount.get("Source") or "") for mount in panel.get("Mounts") or ()}
    names |= set((panel.get("NetworkSettings") or {}).get("Networks") or {})
    names |= {value for variable, value in _variables(panel) if variable in {"DATABASE_HOST", "REDIS_HOST"}}
    return frozenset(names - {""})


def in_use(settings: SysreptorSettings, engine: EngineRead | None) -> tuple[Path, ...]:
    """Return the directories of backups, and those that the panel's container has mounted, as far as an engine tells."""
    found = {settings.backups.path, settings.run.directory or settings.backups.path}
    engine, _ = _answering(engine)
    for mount in _inspected(settings, engine).get("Mounts") or ():
        source = str(mount.get("Source") or "")
        found |= {Path(source)} if source.startswith("/") else set()
    return tuple(sorted(Path(each) for each in found))


def clashes(names: tuple[str, ...], used: frozenset[str]) -> Iterator[str]:
    """Yield a refusal for each name that production has too."""
    yield from (f"'{name}' is a name that is in use: a rehearsal shares no name with anything" for name in names if name in used)


def _lacking(settings: SysreptorSettings, version: str) -> Iterator[str]:
    if settings.restore.licence_file is None:
        yield "the panel's own restore refuses without a Professional licence, and restore.licence_file names none"
    elif not settings.restore.licence_file.is_file():
        yield f"there is no licence in {settings.restore.licence_file}"
    elif len(licence_of(settings).splitlines()) != 1:
        yield f"{settings.restore.licence_file} holds no licence that can be read: one line is one"
    if parse_version(version) is None:
        yield f"it was made by '{version}', of which there is no image"


def _room(settings: SysreptorSettings, archive: BinaryIO, engine: EngineRead | None) -> Iterator[str]:
    """Yield why there is no room for it: a host that runs out of memory or disk ends what people use."""
    size, most = archive.seek(0, os.SEEK_END), BOXES * settings.restore.memory
    if size * FACTOR > settings.restore.memory:
        least = size * FACTOR + (1 << 20) >> 20
        yield f"what is restored lies in memory, and restore.memory has no room for {size >> 20} MiB: set it to {least}MiB at least"
    free = available_bytes()
    if free is not None and free < most:
        yield f"it may take {most >> 20} MiB of memory (twice restore.memory), and this host has {free >> 20} MiB left"
    try:
        root = str(engine.info(SECONDS).get("DockerRootDir") or "") if engine is not None else ""
        left = free_bytes(Path(root)) if root else None
    except (OSError, WatchdogError):
        left = None  # not to be seen from here
    if left is not None and left < FACTOR * size:
        yield f"the restore copies the archive once more, and {root} has {left >> 20} MiB left"


def _inspected(settings: SysreptorSettings, engine: EngineRead | None) -> Mapping[str, Any]:
    """Return what the engine tells of the panel's container; nothing when there is none."""
    if engine is None or not settings.run.container:
        return {}
    try:
        return engine.inspect(settings.run.container, SECONDS)
    except NotFound:
        return {}


def _answering(engine: EngineRead | None) -> tuple[EngineRead | None, tuple[str, ...]]:
    """Return the engine if it answers, else none and why."""
    if engine is None:
        return None, ("there is no Docker engine here that could run it",)
    try:
        engine.ping(SECONDS)
    except WatchdogError as error:
        return None, (f"Docker does not answer: {error}",)
    return engine, ()


def _variables(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the environment of a container of which the engine told this."""
    lines = (str(line).partition("=") for line in (told.get("Config") or {}).get("Env") or ())
    return [(name, value) for name, _, value in lines]


def version_of(archive: BinaryIO) -> str:
    """Return which release made it, as it says; "" = it does not."""
    try:
        with zipfile.ZipFile(archive) as opened, opened.open("VERSION") as file:
            return file.read(64).decode("ascii", "replace").strip()[:20]
    except (zipfile.BadZipFile, KeyError, ValueError):
        return ""
