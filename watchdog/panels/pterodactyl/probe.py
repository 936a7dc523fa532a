"""For ``doctor``: try the panel, the key, each path between panel, Wings and us, and what is evidence. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from watchdog.errors import BadSettings, Blind, Forbidden, NotFound, Temporary, WatchdogError
from watchdog.model.hooks import Hook
from watchdog.model.panels import Ports, Probe
from watchdog.panels.pterodactyl import advise, client
from watchdog.panels.pterodactyl.client import PterodactylClient
from watchdog.panels.pterodactyl.evidence import EvidenceReader
from watchdog.panels.pterodactyl.releases import panel_rows
from watchdog.panels.pterodactyl.settings import NodeSettings, PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence
from watchdog.panels.pterodactyl.view import Callback, Node, PterodactylView, Websocket
from watchdog.runtime.hooklines import hook_line
from watchdog.runtime.lookup import container_alone

CALLBACKS: Final[Mapping[str, tuple[bool | None, str]]] = {
    "healthy": (True, "Wings can report backups"),
    "broken_by_1_11_6": (
        False,
        "the bug of 1.11.6: each report ends in an error, and Wings deletes each archive after about 30 s; upgrade to 1.11.7",
    ),
    "database_down": (False, "the panel's database does not answer"),
    "token_drift": (False, "the panel does not take the token in Wings' configuration: copy the node's configuration from the panel again"),
    "wrong_url": (False, "the panel's address in Wings' configuration (remote) leads elsewhere: write the very last one"),
    "maintenance": (False, "the panel is in maintenance: archives made now are deleted after about 30 s; end it with 'php artisan up'"),
    "unreachable": (False, "the panel cannot be reached at the address in Wings' configuration (remote)"),
    "unknown": (None, "what it answers says neither"),
    "not_asked": (None, "not asked"),
}
WEBSOCKETS: Final[Mapping[str, tuple[bool | None, str]]] = {
    "works": (True, "a browser's console works"),
    "no_credentials": (False, "the panel gives no credentials for a console"),
    "unreachable": (False, "Wings cannot be reached at the address that browsers are given: name, port, firewall, certificate"),
    "refused": (False, "Wings refuses the panel's credentials: the node's token differs, or a clock is wrong"),
    "origin": (False, "Wings lets in no browser from this address: its remote must be the panel's address, or set watch.origin"),
    "unknown": (None, "what it answers says neither"),
}
NO_ADMIN: Final = "it must be an account key (ptlc_...) of an administrator; an application key (ptla_...) cannot see backups"
STALE: Final = 150.0


def probe(settings: PterodactylSettings, ports: Ports) -> tuple[Probe, ...]:
    """Return one line per thing tried."""
    connection = client.connect(settings, ports.clock, ports.instruments)
    try:
        return tuple(_lines(settings, ports, connection))
    finally:
        connection.close()


def _lines(settings: PterodactylSettings, ports: Ports, connection: PterodactylClient) -> Iterator[Probe]:
    view: PterodactylView | None = None
    try:
        view = connection.view()
    except WatchdogError as error:
        yield _unread(settings, error)
    if view is not None:
        yield from _panel(settings, view)
    evidence = Evidence()
    if settings.node is not None:
        actual = container_alone(settings.node.container, ports.engine_read, ports.clock, settings.timeout, settings.interval)
        evidence = EvidenceReader(settings, ports.clock, settings.node.proc).read(actual)
        yield _callback(view.callback if view is not None else connection.probe())
        yield from _node(settings.node, evidence, view, ports.clock.now().wall)
    else:
        yield Probe("node", ok=None, message="none of this host is configured: archives are not judged here")
    yield from _hooks(settings)
    for sentence in advise.advise(settings, view, evidence, ports.clock.now()):
        yield Probe("advice", ok=None, message=sentence)


def _unread(settings: PterodactylSettings, error: WatchdogError) -> Probe:
    if isinstance(error, Forbidden):
        return Probe("key", ok=False, message=f"the panel refuses the key in token_file: {settings.token_file} ({error}); {NO_ADMIN}")
    if isinstance(error, BadSettings):
        return Probe("key", ok=False, message=str(error))
    if isinstance(error, Blind):
        return Probe("key", ok=False, message=f"{error}; {NO_ADMIN}")
    if isinstance(error, NotFound):
        return Probe("panel", ok=False, message=f"{error}; is url: {settings.url} the panel's address and no more?")
    said = "the panel cannot be read now" if isinstance(error, Temporary) else "this does not look like a Pterodactyl panel"
    return Probe("panel", ok=False, message=f"{said}: {error}; check url: {settings.url}")


def _panel(settings: PterodactylSettings, view: PterodactylView) -> Iterator[Probe]:
    yield Probe("panel", ok=True, message=f"{settings.url} answers: {len(view.servers)} servers on {len(view.nodes)} nodes")
    yield Probe("key", ok=True, message="accepted by both APIs: an administrator's")
    said = {"config": "by its config/app.php", "settings": "by your word (panel_version)"}.get(view.version_source, "")
    bad = panel_rows(view.version, flavour=settings.flavour)
    if view.version:
        yield Probe("release", ok=not bad, message=f"{view.version}, {said}" + "".join(f"; {row.story}" for row in bad))
    else:
        yield Probe("release", ok=None, message="not known: no API tells it; set panel_config or panel_version")
    blind = [server.name for server in view.servers if server.blind]
    read = sum(1 for server in view.servers if server.backups is not None)
    hidden = f"; the panel shows none of {', '.join(blind[:5])} now (suspended, installing or moving: 409)" if blind else ""
    yield Probe("backups", ok=None if blind or read < len(view.servers) else True, message=f"those of {read} servers were read{hidden}")
    for limit in view.limits:
        name = f"{limit.api} limit"
        yield Probe(
            name,
            ok=limit.remaining != 0,
            message=f"{limit.limit} requests a minute, {limit.remaining} left; we take {settings.request_share:.0%}",
        )
    for node in view.nodes:
        yield _wings(node)
    for each in view.websockets:
        yield _websocket(each, view)


def _wings(node: Node) -> Probe:
    name, wings = f"node {node.name}", node.wings
    panel = {True: "the panel reaches it", False: "the panel does NOT reach it", None: "whether the panel reaches it is not known"}
    if wings.reachable is False:
        return Probe(name, ok=False, message=f"Wings does not answer at {node.address} ({wings.error}); {panel[node.panel_reaches]}")
    if wings.docker is False:
        return Probe(name, ok=False, message=f"Wings {wings.version} answers, and its Docker does not; {panel[node.panel_reaches]}")
    ok = None if wings.servers is None else node.panel_reaches is not False
    read = f"{len(wings.servers)} servers" if wings.servers is not None else f"its servers are not read: {wings.error or 'no token for it'}"
    maintenance = ", under maintenance" if node.maintenance else ""
    return Probe(name, ok=ok, message=f"Wings {wings.version or 'of unknown release'}{maintenance}, {read}; {panel[node.panel_reaches]}")


def _websocket(each: Websocket, view: PterodactylView) -> Probe:
    node = view.node(each.node)
    ok, said = WEBSOCKETS[each.state]
    return Probe(f"console on {node.name if node is not None else each.node}", ok=ok, message=_with(said, each.message))


def _callback(callback: Callback) -> Probe:
    ok, said = CALLBACKS[callback.state]
    return Probe("callback path", ok=ok, message=_with(said, callback.message))


def _node(node: NodeSettings, evidence: Evidence, view: PterodactylView | None, now: float) -> Iterator[Probe]:
    local = evidence.local
    if local is None:
        yield Probe("wings configuration", ok=False, message=evidence.error)
        return
    known = view.node(local.uuid) if view is not None else None
    if view is not None and known is None:
        yield Probe(
            "wings configuration", ok=False, message=f"{node.config} is of node {local.uuid}, which this panel does not have: whose is it?"
        )
    else:
        name = f" ({known.name})" if known is not None else ""
        yield Probe(
            "wings configuration", ok=not evidence.mismatch, message=evidence.mismatch or f"node {local.uuid}{name}, its paths are ours"
        )
    process = evidence.process
    seen = f"pid {process.pid}: {process.proof}, {process.descriptors} descriptors" if process is not None else ""
    yield Probe("wings process", ok=not evidence.process_word, message=evidence.process_word or seen)
    log = evidence.log
    told = f"{len(log.backups)} backups in it" + ("" if log.covered_from is not None else "; its silence proves nothing yet")
    yield Probe("wings log", ok=not log.error, message=log.error or told)
    yield _heartbeat(evidence, now)
    yield _archives(node, evidence)
    for part in ("kept", "volumes"):
        why = evidence.blind.get(part)
        yield Probe({"kept": "guard's directory", "volumes": "volumes"}[part], ok=why is None, message=why or "can be listed")


def _heartbeat(evidence: Evidence, now: float) -> Probe:
    at = evidence.heartbeat.at
    if at is None:
        return Probe("heartbeat", ok=False, message=evidence.heartbeat.error)
    age = now - at
    late = "" if age <= STALE else "; Wings writes it every 60 s: it hangs, or does not run"
    return Probe("heartbeat", ok=age <= STALE, message=f"{age:.0f} s old{late}")


def _archives(node: NodeSettings, evidence: Evidence) -> Probe:
    """Say whether archives can be read and a hard link made; by asking the kernel, nothing is made."""
    kind = evidence.filesystem_kind or "an unknown file system"
    if not evidence.filesystem_local:
        return Probe("archives", ok=None, message=f"{node.backups} lies on '{kind}': who has an archive open elsewhere is never seen")
    if not os.access(node.backups, os.R_OK | os.X_OK):
        return Probe(
            "archives", ok=False, message=f"{node.backups} may not be read: it is 0700 of root; run as root or with CAP_DAC_READ_SEARCH"
        )
    if not os.access(node.backups, os.W_OK):
        said = f"{node.backups} can be read ({kind}) and not be written: no hard link can be made, so nothing is completed; run as root"
        return Probe("archives", ok=None, message=said)
    return Probe("archives", ok=True, message=f"{node.backups} can be read, and hard links be made ({kind})")


def _hooks(settings: PterodactylSettings) -> Iterator[Probe]:
    hooks: tuple[tuple[str, Hook | None, str], ...] = (
        ("queue hook", settings.hooks.restart_queue, "none: a dead queue worker is reported, not mended"),
        ("cron hook", settings.hooks.restart_cron, "none: a dead cron is reported, not mended"),
    )
    for name, hook, none in hooks:
        yield Probe(name, ok=True if hook else None, message=hook_line(hook) if hook else none)


def _with(said: str, message: str) -> str:
    return f"{said} ({message})" if message else said
