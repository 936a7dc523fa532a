"""For ``doctor``: try the key, the reach of the panel, each daemon's Docker and place, and say which hooks there are. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.errors import Forbidden, Permanent, Temporary, Unknown, WatchdogError
from watchdog.model.panels import Ports, Probe
from watchdog.panels.mcsmanager import advise, client
from watchdog.panels.mcsmanager.answers import inspected
from watchdog.panels.mcsmanager.client import McsmanagerClient
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.view import Daemon, McsmanagerView
from watchdog.runtime.hooklines import hook_line

SECONDS = 10.0


def probe(settings: McsmanagerSettings, ports: Ports) -> tuple[Probe, ...]:
    """Return one line per thing tried."""
    connection = client.connect(settings, ports.clock, ports.instruments)
    try:
        return tuple(_lines(settings, ports, connection))
    finally:
        connection.close()


def _lines(settings: McsmanagerSettings, ports: Ports, connection: McsmanagerClient) -> Iterator[Probe]:
    try:
        connection.services()
    except WatchdogError as error:
        yield _unreached(settings, error)
        return
    yield Probe("panel and key", ok=True, message=f"{settings.url} answers an admin key")
    try:
        view = connection.view()
    except WatchdogError as error:
        yield Probe("overview", ok=False, message=f"the overview cannot be read: {error}")
        return
    yield Probe("version", ok=True, message=f"panel {view.version}")
    yield _operation_log(view)
    for daemon in view.daemons:
        yield from _daemon(settings, ports, daemon)
    for sentence in advise.advise(settings, view):
        yield Probe("advice", ok=None, message=sentence)


def _unreached(settings: McsmanagerSettings, error: WatchdogError) -> Probe:
    if isinstance(error, Forbidden):
        way_out = (
            "the panel refused the key: is it the whole key of a user with administrator rights? From 10.17 on API keys must also be "
            "enabled in the panel's settings"
        )
        return Probe("panel and key", ok=False, message=f"{way_out} (api_key_file: {settings.api_key_file})")
    kinds = {Temporary: "the panel cannot be reached now", Unknown: "this does not look like MCSManager", Permanent: "the panel refused"}
    said = next((text for kind, text in kinds.items() if isinstance(error, kind)), "it failed")
    return Probe("panel and key", ok=False, message=f"{said}: {error}; check url: {settings.url}")


def _operation_log(view: McsmanagerView) -> Probe:
    if view.operations is not None:
        return Probe("operation log", ok=True, message=f"{len(view.operations)} entries: stops by a person are respected")
    return Probe("operation log", ok=None, message=f"not readable ({view.operations_error}): it exists from 10.7.0 on")


def _daemon(settings: McsmanagerSettings, ports: Ports, daemon: Daemon) -> Iterator[Probe]:
    name = f"daemon '{daemon.name}'"
    if not daemon.available:
        yield Probe(name, ok=False, message="offline in the panel: does it run, and can the panel reach its port?")
        return
    yield Probe(name, ok=True, message=f"online, version {daemon.version or 'unknown'}, {len(daemon.instances or ())} instances")
    docker_ok = daemon.containers is not None
    yield Probe(f"{name}: its Docker", ok=docker_ok, message="answers" if docker_ok else f"does not answer ({daemon.containers_error})")
    yield _place(settings, ports, daemon, name)
    entry = settings.of_daemon(daemon.uuid, daemon.remarks)
    hook = (entry.restart_daemon if entry else None) or settings.hooks.restart_daemon
    message = hook_line(hook) if hook else "none: ghosts and dead consoles are reported, not mended"
    yield Probe(f"{name}: restart hook", ok=True if hook else None, message=message)


def _place(settings: McsmanagerSettings, ports: Ports, daemon: Daemon, name: str) -> Probe:
    entry = settings.of_daemon(daemon.uuid, daemon.remarks)
    if entry and entry.place != "auto":
        return Probe(f"{name}: place", ok=True, message=f"configured: {entry.place}")
    if ports.engine_read is None or not daemon.containers:
        return Probe(f"{name}: place", ok=None, message="not proven: no engine to compare with, or no container runs; set daemons[].place")
    for seen in daemon.containers[:5]:
        try:
            inspected(ports.engine_read.inspect(seen.id, SECONDS))
        except WatchdogError:
            continue
        return Probe(f"{name}: place", ok=True, message="on this host: our engine has a container that its Docker lists")
    return Probe(f"{name}: place", ok=None, message="its Docker lists no container of our engine: it runs on another host")
