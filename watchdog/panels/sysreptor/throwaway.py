"""A restore by the panel itself into an environment of its own: planned, with every name, and refused where it could touch what people use.

Never the vendor's compose file (its container and volume names are fixed), never S3 settings (a restore deletes every file in the storages
that are configured), never a network that leads anywhere (contract section 3). Nothing here runs anything.
"""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from watchdog.errors import NotFound, WatchdogError
from watchdog.model.engines import EngineRead
from watchdog.model.rehearsals import ThrowAway
from watchdog.panels.sysreptor.releases import parse_version
from watchdog.panels.sysreptor.settings import SysreptorSettings

SECONDS: Final = 10.0
PREFIX: Final = "watchdog-rehearsal"
VENDOR: Final = frozenset({"sysreptor-app", "sysreptor-db", "sysreptor-app-data", "sysreptor-db-data", "sysreptor_default"})
"""Names of the vendor's compose file: taken for production wherever they stand."""


def plan(settings: SysreptorSettings, archive: BinaryIO, engine: EngineRead | None) -> ThrowAway:
    """Plan it; see ``model.rehearsals.Rehearsing``."""
    version = _version(archive)
    engine, silent = _answering(engine)
    names = tuple(f"{PREFIX}-{settings.name}-{part}" for part in ("network", "database", "app"))
    refusals = [*_lacking(settings, version), *silent, *clashes(names, production(settings, engine))]
    return ThrowAway(names, () if refusals else tuple(_commands(settings, version, names)), tuple(refusals))


def production(settings: SysreptorSettings, engine: EngineRead | None) -> frozenset[str]:
    """Return every name that people use: the vendor's, all containers of the engine, and the volumes, networks and hosts of the panel's."""
    names = {*VENDOR, settings.run.container}
    if engine is None:
        return frozenset(names)
    for row in engine.list(SECONDS):
        told = row.get("Names")
        names |= {str(name).lstrip("/") for name in told} if isinstance(told, list) else set()
    found = _inspected(settings, engine)
    names |= {str(mount.get("Name") or mount.get("Source") or "") for mount in found.get("Mounts") or ()}
    names |= set((found.get("NetworkSettings") or {}).get("Networks") or {})
    for line in (found.get("Config") or {}).get("Env") or ():
        variable, _, value = str(line).partition("=")
        if variable in {"DATABASE_HOST", "REDIS_HOST"}:
            names.add(value)
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
    if parse_version(version) is None:
        yield f"it was made by '{version}', of which there is no image"


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


def _commands(settings: SysreptorSettings, version: str, names: tuple[str, ...]) -> Iterator[str]:
    network, database, app = names
    image = settings.restore.image.replace("{version}", version)
    inside = f"--network {network}"
    yield f"docker network create --internal {network}"
    yield (
        f"docker run -d --name {database} {inside} --tmpfs /var/lib/postgresql/data -e POSTGRES_DB=reptor -e POSTGRES_USER=reptor"
        f" -e POSTGRES_PASSWORD=reptor {settings.restore.database_image}"
    )
    yield (
        f"docker run -d --name {app} {inside} --no-healthcheck --tmpfs /data:uid=1000 -e MEDIA_ROOT=/data -e DATABASE_HOST={database}"
        f" -e DATABASE_NAME=reptor -e DATABASE_USER=reptor -e DATABASE_PASSWORD=reptor -e SECRET_KEY=rehearsal"
        f" -v {shlex.quote(str(settings.restore.licence_file))}:/licence:ro --entrypoint sleep {image} infinity"
    )
    yield f"docker exec -i {app} sh -c 'LICENSE=\"$(cat /licence)\" python3 manage.py restorebackup -' < ARCHIVE"
    yield f"docker exec {app} python3 manage.py migrate --check"
    yield f"docker rm -f {app} {database} && docker network rm {network}"


def _version(archive: BinaryIO) -> str:
    try:
        with zipfile.ZipFile(archive) as opened, opened.open("VERSION") as file:
            return file.read(64).decode("ascii", "replace").strip()[:20]
    except (zipfile.BadZipFile, KeyError, ValueError):
        return ""
