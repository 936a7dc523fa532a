"""For ``doctor``: try the panel, the token, the backup key, the database, the container, the directory. Makes and writes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from watchdog.errors import Blind, Forbidden, NotFound, WatchdogError
from watchdog.model.panels import Ports, Probe
from watchdog.panels.sysreptor import advise, client
from watchdog.panels.sysreptor.client import SysreptorClient, aes_key
from watchdog.panels.sysreptor.evidence import EvidenceReader
from watchdog.panels.sysreptor.releases import broken_in
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.tasks import TaskReader
from watchdog.panels.sysreptor.view import NOT_CONFIGURED, Preflight, SysreptorView
from watchdog.runtime.buckets import MOST_COUNTED

NO_ADMIN: Final = "the token's user may not: it must be a system user, or a superuser with a token made with --admin"
PREFLIGHT_SAID: Final[Mapping[Preflight, tuple[bool | None, str]]] = {
    Preflight.READY: (True, "the panel would make a backup now"),
    Preflight.NO_LICENCE: (False, "the panel has no Professional licence: it makes no backup, by web or by command"),
    Preflight.KEY_MISSING: (False, "the panel has no BACKUP_KEY, or one of fewer than 20 characters: set it in its app.env"),
    Preflight.KEY_WRONG: (False, "the panel has another BACKUP_KEY than backup_key_file"),
    Preflight.TOKEN_WRONG: (False, "the panel does not know the token in token_file, or it has expired"),
    Preflight.FORBIDDEN: (False, NO_ADMIN),
    Preflight.REFUSED: (False, "the panel refuses for a reason that is not known here"),
    Preflight.UNKNOWN: (None, "the panel did not say"),
    Preflight.NOT_ASKED: (None, "not asked: set backup_key_file to have it tried, which makes nothing"),
}


def probe(settings: SysreptorSettings, ports: Ports) -> tuple[Probe, ...]:
    """Return one line per thing tried."""
    connection = client.connect(settings, ports.clock, ports.instruments)
    try:
        return tuple(_lines(settings, ports, connection))
    finally:
        connection.close()


def _lines(settings: SysreptorSettings, ports: Ports, connection: SysreptorClient) -> Iterator[Probe]:
    yield _directory(settings)
    if settings.aes_key_file is not None:
        yield _tried("aes key", lambda: aes_key(settings), "it is one")
    if settings.url is None:
        yield Probe("panel", ok=None, message="no url is set: only files are judged, neither licence nor log is known")
    view = connection.view()
    if settings.url is not None:
        yield from _panel(settings, view)
    yield from _bucket(settings, view)
    yield from _database(settings)
    yield from _container(settings, ports)
    for sentence in advise.advise(settings, view, ports.clock.now().wall):
        yield Probe("advice", ok=None, message=sentence)


def _directory(settings: SysreptorSettings) -> Probe:
    path = settings.backups.path
    try:
        names = sum(1 for _ in path.iterdir())
    except OSError as error:
        return Probe("backups", ok=False, message=f"{path} cannot be read: {error.strerror}; check backups.path")
    own = settings.run.directory or path
    if settings.run.method != "none" and not os.access(own, os.W_OK | os.X_OK):
        return Probe("backups", ok=False, message=f"{own} cannot be written, where our backups would go")
    return Probe("backups", ok=True, message=f"{path} can be read, {names} names in it")


def _panel(settings: SysreptorSettings, view: SysreptorView) -> Iterator[Probe]:
    if view.reached is False:
        why = next(error for error in (view.health_error, view.licence_error) if error not in {"", NOT_CONFIGURED})
        yield Probe("panel", ok=False, message=f"it does not answer ({why}); check url: {settings.url}")
        return
    yield Probe("panel", ok=view.health.well if view.health is not None else None, message=_health(view))
    if settings.token_file is None:
        yield Probe("token", ok=None, message="none: set token_file to read the release and the log of backups")
    elif view.licence is None:
        refused = view.licence_error == Forbidden.__name__
        yield Probe("token", ok=False, message="the panel does not know it" if refused else f"it cannot be tried ({view.licence_error})")
    else:
        yield Probe("token", ok=True, message=f"accepted, release {view.version or 'unknown'}")
        yield _log(view)
    if view.licence is not None:
        said = "Professional" if view.licence.professional else f"Community: no backups{_because(view.licence.error)}"
        yield Probe("licence", ok=view.licence.professional, message=said)
    for each in broken_in(view.numbers):
        yield Probe("release", ok=False, message=f"{view.version}: {each.story}; mended in {each.fixed[0]}.{each.fixed[1]}")
    if settings.token_file is not None:
        ok, said = PREFLIGHT_SAID[view.preflight]
        yield Probe("a backup now", ok=ok, message=said)


def _health(view: SysreptorView) -> str:
    if view.health is None:
        return "it answers; its health is not asked for (healthcheck: false)"
    names = {"database": view.health.database, "migrations": view.health.migrations, "cache": view.health.cache}
    bad = [name for name, well in names.items() if well is False]
    return f"it answers, and is not well: {', '.join(bad)}" if bad else "it answers and is well"


def _because(error: str) -> str:
    return f" ({error})" if error else ""


def _log(view: SysreptorView) -> Probe:
    if view.log is None:
        forbidden = "the token's user may not read it: it must be a system user, or a superuser with a token made with --admin"
        return Probe(
            "log", ok=False, message=forbidden if view.log_error == Forbidden.__name__ else f"it cannot be read ({view.log_error})"
        )
    return Probe("log", ok=True, message=f"{len(view.log)} rows{'' if view.log_whole else ', older ones are left out'}")


def _bucket(settings: SysreptorSettings, view: SysreptorView) -> Iterator[Probe]:
    """Tell whether the bucket can be listed: objects, unfinished uploads and their parts each need a permission of their own."""
    look = view.bucket
    if settings.s3 is None or look is None:
        return
    if look.objects_error:
        yield Probe("bucket", ok=False, message=look.objects_message)
    else:
        newest = f", the newest is {look.newest.name}" if look.newest is not None else ""
        said = f"{settings.s3.place} can be listed, {len(look.objects or ())} objects fit{newest}; none is ever read, so none is proven"
        yield Probe("bucket", ok=True, message=said)
    if not settings.s3.uploads:
        yield Probe("bucket uploads", ok=None, message="not asked (s3.uploads: false): a backup that is killed may leave an upload behind")
    elif look.uploads_error:
        yield Probe("bucket uploads", ok=None if look.uploads_error == Blind.__name__ else False, message=look.uploads_message)
    else:
        uncounted = any(each.parts is None for each in (look.uploads or ())[:MOST_COUNTED])
        more = "; their parts cannot be counted: allow s3:ListMultipartUploadParts" if uncounted else ""
        yield Probe("bucket uploads", ok=True, message=f"{len(look.uploads or ())} are unfinished{more}")


def _database(settings: SysreptorSettings) -> Iterator[Probe]:
    reader = TaskReader(settings)
    if not reader.configured:
        yield Probe("periodic tasks", ok=None, message="not judged: they are visible in the database only; set database.url_file")
        return
    yield _tried("periodic tasks", lambda: str(len(reader.read())), "{} can be read")
    try:
        if reader.may_write():
            yield Probe("database login", ok=None, message="it may write as well: give us one that may only SELECT from tasks_periodictask")
    except WatchdogError:
        return  # the line above says why


def _container(settings: SysreptorSettings, ports: Ports) -> Iterator[Probe]:
    name = settings.run.container
    evidence = EvidenceReader(settings, ports.engine_read).read()
    needed = settings.run.method == "exec"
    if evidence.processes is None:
        away = {NotFound.__name__, "no_container"}
        said = f"there is no container '{name}' here" if evidence.processes_error in away else f"not in sight ({evidence.processes_error})"
        yield Probe("container", ok=False if needed else None, message=f"{said}; it is run.container")
        return
    running = [str(each.pid) for each in evidence.processes]
    more = f"; a backup runs in it (pid {', '.join(running)})" if running else ""
    yield Probe("container", ok=True, message=f"'{name}' runs{more}")
    if needed:
        acts = ports.engine_act is not None
        yield Probe(
            "exec", ok=acts, message="our engine lets us act" if acts else "the engine may only be read: no backup can be made by exec"
        )


def _tried(name: str, deed: Callable[[], str], well: str) -> Probe:
    try:
        said = deed()
    except WatchdogError as error:
        return Probe(name, ok=False, message=str(error))
    return Probe(name, ok=True, message=well.format(said))
