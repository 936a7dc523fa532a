"""For ``doctor``: try the panel, the key, its names, what is evidence, and say which hook there is. Reads only; the key is sent twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from watchdog.errors import Blind, Forbidden, NotFound, Permanent, Temporary, Unknown, WatchdogError
from watchdog.model.panels import Ports, Probe
from watchdog.panels.wgdashboard import advise, client
from watchdog.panels.wgdashboard.client import WgdashboardClient
from watchdog.panels.wgdashboard.evidence import EvidenceReader
from watchdog.panels.wgdashboard.session import WrongKey
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import PARTS, Evidence
from watchdog.panels.wgdashboard.view import LOGS_EVERY_REQUEST_UNTIL, Access, WgdashboardView
from watchdog.runtime.hooklines import hook_line
from watchdog.runtime.lookup import container_alone

PARTS_SAID: Final[Mapping[str, str]] = {
    "ini": "its settings on disk: autostart, whether API keys are on",
    "database": "when its database was last written",
    "log": "what its error log says of its threads",
    "process": "its master, its worker and their threads",
    "files": "its configuration files",
}


def probe(settings: WgdashboardSettings, ports: Ports) -> tuple[Probe, ...]:
    """Return one line per thing tried."""
    connection = client.connect(settings, ports.clock, ports.instruments)
    try:
        return tuple(_lines(settings, ports, connection))
    finally:
        connection.close()


def _lines(settings: WgdashboardSettings, ports: Ports, connection: WgdashboardClient) -> Iterator[Probe]:
    try:
        version = connection.version()
    except WatchdogError as error:
        yield _unreached(settings, error)
        return
    yield Probe("panel", ok=True, message=f"{settings.url} answers, {version}")
    actual = container_alone(settings.container, ports.engine_read, ports.clock, settings.timeout, settings.interval)
    evidence = EvidenceReader(settings, ports.clock, hooks=ports.hooks).read(actual)
    view = None
    try:
        view = connection.view()
    except WatchdogError as error:
        yield _unread(settings, error)
    if view is not None:
        yield from _seen(settings, view, evidence)
    yield from _evidence(settings, evidence)
    hook = settings.hooks.restart_panel
    yield Probe(
        "restart hook", ok=True if hook else None, message=hook_line(hook) if hook else "none: a dead thread is reported, not mended"
    )
    for sentence in advise.advise(settings, view, evidence) if view is not None else ():
        yield Probe("advice", ok=None, message=sentence)


def _unreached(settings: WgdashboardSettings, error: WatchdogError) -> Probe:
    if isinstance(error, NotFound | Forbidden):
        # the version needs no key: a page that is not there is 404, and 401 to one who is not logged in (contract section 1.1)
        return Probe("panel", ok=False, message=f"{error}; is url: {settings.url} the panel's address, with its app_prefix and no more?")
    kinds = {Temporary: "the panel cannot be reached now", Unknown: "this does not look like WGDashboard", Permanent: "the panel refused"}
    said = next((text for kind, text in kinds.items() if isinstance(error, kind)), "it failed")
    return Probe("panel", ok=False, message=f"{said}: {error}; check url: {settings.url}")


def _unread(settings: WgdashboardSettings, error: WatchdogError) -> Probe:
    if isinstance(error, WrongKey):
        way_out = f"is the whole key in api_key_file: {settings.api_key_file}, and has it not expired?"
        return Probe("key", ok=False, message=f"the panel has no such key: {way_out}")
    if isinstance(error, Forbidden):
        return Probe("key", ok=False, message=str(error))
    if isinstance(error, Blind):
        return Probe("configurations", ok=False, message=str(error))
    return Probe("configurations", ok=False, message=f"they cannot be read: {error}")


def _seen(settings: WgdashboardSettings, view: WgdashboardView, evidence: Evidence) -> Iterator[Probe]:
    if view.access is Access.FEATURE_OFF:
        yield Probe("key", ok=False, message=_why_off(evidence))
    else:
        yield Probe("key", ok=True, message="accepted, and traded for a session")
    if view.configurations is None:
        return
    from_where = {"panel": "as the panel lists them", "files": "as its files name them", "settings": "as configurations: names them"}
    known = [each for each in view.configurations if not each.unknown]
    bad = [each.name for each in known if each.error]
    yield Probe("configurations", ok=not bad, message=f"{len(known)}, {from_where.get(view.names_from, '')}{_failing(bad)}")
    strangers = [each.name for each in view.configurations if each.unknown]
    if strangers:
        yield Probe("configurations", ok=None, message=f"the panel does not know {', '.join(strangers)}")
    if view.numbers is not None and view.numbers <= LOGS_EVERY_REQUEST_UNTIL:
        rows = round(86400 / settings.old_panel_interval) * len(known)
        message = f"{view.version} writes a row for each request: about {rows} a day for ours; 4.3.1 and later write none"
        yield Probe("request log", ok=None, message=message)


def _why_off(evidence: Evidence) -> str:
    if evidence.ini is not None and evidence.ini.keys_enabled:
        return (
            "the worker says that API keys are off and its ini says that they are on: a stale worker. Restart the whole panel before "
            "anybody saves settings in it, or the old ones go over the ini"
        )
    return "API keys are not enabled: switch them on in the panel's settings"


def _failing(names: list[str]) -> str:
    return f"; it fails for {', '.join(names)}" if names else ""


def _evidence(settings: WgdashboardSettings, evidence: Evidence) -> Iterator[Probe]:
    if settings.directory is None:
        yield Probe("evidence", ok=None, message="none: set directory to the panel's src folder, if this host can see it")
        return
    for part in PARTS:
        why = evidence.blind.get(part)
        yield Probe(f"evidence: {part}", ok=why is None, message=PARTS_SAID[part] if why is None else f"not in sight ({why})")
