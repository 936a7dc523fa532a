"""What this panel believes, what its Wings say and what was seen of the local node, as metrics. A table; the rows are computed purely.

Families with a row per server are bounded by ``SERVER_LIMIT`` per target; how many were left out is a metric of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from watchdog.model.drifts import Drift
from watchdog.model.metrics import Family, Metric, MetricSpec, MetricType, Row
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl import compat, stock
from watchdog.panels.pterodactyl.cases import CASES
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.stock import Stock
from watchdog.panels.pterodactyl.traces import NOTHING, Evidence
from watchdog.panels.pterodactyl.view import CALLBACK_STATES, Backup, Node, PterodactylView, Server, WingsServer

SERVER_LIMIT: Final = 600
PANEL: Final = "From the panel's API."
WINGS: Final = "From Wings' API."
NODE: Final = "From our own look at the node."
STATES: Final = ("pending", "complete", "failed", "odd")
VERDICTS: Final = ("good", "bad", "unverifiable", "pending")
_TARGET: Final = ("target",)
_NODE: Final = ("target", "node", "node_name")
_SERVER: Final = ("target", "server", "server_name")


@dataclass(frozen=True, slots=True)
class Told:
    """What a target knows beside its view: its settings, its evidence, and the drifts of its newest judgement."""

    settings: PterodactylSettings | None = None
    evidence: Evidence = NOTHING
    drifts: tuple[Drift, ...] = ()


NOTHING_TOLD: Final = Told()
Rows = Callable[[str, Actual, PterodactylView, Told], Iterable[Row]]


def families(
    settings: PterodactylSettings, actual: Actual, view: PterodactylView, evidence: Evidence | None, drifts: Iterable[Drift]
) -> tuple[Family, ...]:
    """Return every family of one target, with those of other exporters that its settings switch on (``Target.families``)."""
    told = Told(settings, evidence or NOTHING, tuple(drifts))
    specs = (*METRICS, *(compat.SPECS if compat.NAME in settings.compat else ()))
    return tuple(Family(spec.metric, tuple(spec.rows(settings.name, actual, view, told))) for spec in specs)


def _info(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    yield (target, view.version or "unknown", view.version_source or "unknown"), 1.0


def _callback(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    yield from (((target, state), float(view.callback.state == state)) for state in CALLBACK_STATES)


def _of_view(value: Callable[[PterodactylView], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        number = value(view)
        if number is not None:
            yield (target,), float(number)

    return rows


def _servers_by_status(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    found = Counter((server.node, "transferring" if server.transferring else server.status or "normal") for server in view.servers)
    yield from (((target, _name(view, node), status), float(count)) for (node, status), count in sorted(found.items()))


def _backups_by_state(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    found = Counter((server.node, each.state) for server in view.servers for each in server.backups or ())
    for node in sorted({server.node for server in view.servers}):
        yield from (((target, _name(view, node), state), float(found[node, state])) for state in STATES)


def _limits(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    yield from (((target, each.api), float(each.limit)) for each in view.limits)


def _remaining(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    yield from (((target, each.api), float(each.remaining)) for each in view.limits if each.remaining is not None)


def _name(view: PterodactylView, node: str) -> str:
    found = view.node(node)
    return found.name if found is not None else "unknown"


def _stuck(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del view
    found = Counter(each.evidence.get("case") for each in told.drifts if each.kind == "backup_stuck")
    yield from (((target, case), float(found[case])) for case in CASES)


def _listed(view: PterodactylView) -> list[Server]:
    return sorted(view.servers, key=lambda server: server.uuid)[:SERVER_LIMIT]


def _per_server(value: Callable[[Server], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        for server in _listed(view):
            number = value(server)
            if number is not None:
                yield (target, server.uuid, server.name), float(number)

    return rows


def _per_wings(value: Callable[[WingsServer], float]) -> Rows:
    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        loaded = {(node.uuid, each.uuid): each for node in view.nodes for each in node.wings.servers or ()}
        for server in _listed(view):
            wings = loaded.get((server.node, server.uuid))
            if wings is not None:
                yield (target, server.uuid, server.name), float(value(wings))

    return rows


def _states(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    loaded = {(node.uuid, each.uuid): each for node in view.nodes for each in node.wings.servers or ()}
    for server in _listed(view):
        wings = loaded.get((server.node, server.uuid))
        if wings is not None:
            yield (target, server.uuid, server.name, wings.state), 1.0


def _newest_complete(server: Server) -> float | None:
    if server.backups is None:
        return None
    return max((each.completed_at or 0.0 for each in server.backups if each.state == "complete"), default=0.0)


def _newest_verified(target: str, actual: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Return when the newest backup of each local server was made whose archive we have read to its end; 0 = none."""
    if told.settings is None or told.evidence.local is None or told.evidence.mismatch:
        return
    here = stock.look(told.settings, actual, None)
    for server in _listed(view):
        if server.node == told.evidence.local.uuid and server.backups is not None:
            good = (each.completed_at or 0.0 for each in server.backups if _verified(here, each))
            yield (target, server.uuid, server.name), float(max(good, default=0.0))


def _verified(here: Stock, backup: Backup) -> bool:
    file = here.files.get(backup.uuid)
    if backup.state != "complete" or file is None or file.identity.size != backup.bytes:
        return False
    found = file.verification
    return found.verdict == "good" and found.identity == file.identity and found.sha1 is not None and found.sha1 == backup.sha1


def _node_info(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    for node in view.nodes:
        yield (target, node.uuid, node.name, node.wings.version or "unknown", "yes" if node.local else "no"), 1.0


def _per_node(value: Callable[[Node], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        for node in view.nodes:
            number = value(node)
            if number is not None:
                yield (target, node.uuid, node.name), float(number)

    return rows


def _consoles(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    del told
    for tried in view.websockets:
        if tried.state != "unknown":
            yield (target, tried.node, _name(view, tried.node)), float(tried.state == "works")


def _local(value: Callable[[Evidence], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        local = told.evidence.local
        number = value(told.evidence) if local is not None else None
        if local is not None and number is not None:
            yield (target, local.uuid, _name(view, local.uuid)), float(number)

    return rows


def _archives(target: str, actual: Actual, _: PterodactylView, told: Told) -> Iterator[Row]:
    if told.settings is None or told.settings.node is None:
        return
    here = stock.look(told.settings, actual, None)
    if not here.clear:
        return
    results = [each.verification for each in here.files.values()]
    found = Counter(each.verdict if each.state == "result" and each.verdict is not None else "pending" for each in results)
    yield from (((target, verdict), float(found[verdict])) for verdict in VERDICTS)


def _yes(value: bool | None) -> float | None:
    return None if value is None else float(value)


def _spec(name: str, text: str, labels: tuple[str, ...], rows: Rows, kind: MetricType = "gauge") -> MetricSpec:
    def with_told(target: str, actual: Actual, view: PterodactylView, told: Told = NOTHING_TOLD) -> Iterable[Row]:
        return rows(target, actual, view, told)

    return MetricSpec(Metric(f"watchdog_pterodactyl_{name}", kind, text, labels), with_told)


METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec(
        "panel_info", "The panel's version and who says so. The panel itself tells nobody.", ("target", "version", "source"), _info, "info"
    ),
    _spec("callback_state", f"What the probe of the callback path says; 1 for the state it is in. {NODE}", ("target", "state"), _callback),
    _spec(
        "callback_asked_timestamp_seconds",
        f"When the callback path was last probed. {NODE}",
        _TARGET,
        _of_view(lambda view: view.callback.at),
    ),
    _spec(
        "servers",
        f"Servers by node and by the status that the panel has for them. {PANEL}",
        ("target", "node_name", "status"),
        _servers_by_status,
    ),
    _spec(
        "servers_unreadable",
        f"Servers whose backups the panel does not show now, or has not shown yet. {PANEL}",
        _TARGET,
        _of_view(lambda view: sum(1 for server in view.servers if server.blind or server.backups is None)),
    ),
    _spec(
        "records_complete",
        f"Whether the backups of every server have been read since we began; else no archive can be called an orphan. {PANEL}",
        _TARGET,
        _of_view(lambda view: float(view.complete)),
    ),
    _spec(
        "records_oldest_timestamp_seconds",
        f"When the oldest of the lists of backups was read. {PANEL}",
        _TARGET,
        _of_view(lambda view: view.records_since),
    ),
    _spec("requests_limit", f"Requests a minute that the panel allows the key's user. {PANEL}", ("target", "api"), _limits),
    _spec("requests_remaining", f"Requests that are left in this minute, for us and for people. {PANEL}", ("target", "api"), _remaining),
    _spec("backups", f"Backup records by node and by what they say. {PANEL}", ("target", "node_name", "state"), _backups_by_state),
    _spec(
        "stuck_backups", "Stuck backups by the case that each is (contract section 0). From our own judgement.", ("target", "case"), _stuck
    ),
    _spec(
        "newest_backup_timestamp_seconds",
        f"When a server's newest backup was finished that the panel calls complete; 0 = it has none. {PANEL}",
        _SERVER,
        _per_server(_newest_complete),
    ),
    _spec(
        "newest_verified_backup_timestamp_seconds",
        f"When a local server's newest backup was finished whose archive we have verified and is what the panel has; 0 = none. {NODE}",
        _SERVER,
        _newest_verified,
    ),
    _spec("server_state", f"What Wings says a server does; 1 for the state it is in. {WINGS}", (*_SERVER, "state"), _states),
    _spec("server_memory_bytes", f"Memory that a server uses. {WINGS}", _SERVER, _per_wings(lambda wings: wings.memory_bytes)),
    _spec(
        "server_cpu_ratio",
        f"Processor that a server uses; 1 = one of them wholly. {WINGS}",
        _SERVER,
        _per_wings(lambda wings: wings.cpu / 100),
    ),
    _spec("server_disk_bytes", f"Disk that a server uses. {WINGS}", _SERVER, _per_wings(lambda wings: wings.disk_bytes)),
    _spec(
        "servers_omitted",
        f"Servers beyond {SERVER_LIMIT} that have no metrics of their own. {PANEL}",
        _TARGET,
        _of_view(lambda view: max(0, len(view.servers) - SERVER_LIMIT)),
    ),
    _spec("node_info", f"A node's Wings; unknown when it was not asked. {WINGS}", (*_NODE, "version", "local"), _node_info, "info"),
    _spec("node_answers", f"Whether a node's Wings answers us. {WINGS}", _NODE, _per_node(lambda node: _yes(node.wings.reachable))),
    _spec("node_docker_answers", f"Whether Docker answers a node's Wings. {WINGS}", _NODE, _per_node(lambda node: _yes(node.wings.docker))),
    _spec(
        "node_panel_reaches", f"Whether the panel reaches a node's Wings. {PANEL}", _NODE, _per_node(lambda node: _yes(node.panel_reaches))
    ),
    _spec("node_maintenance", f"Whether a node is under maintenance. {PANEL}", _NODE, _per_node(lambda node: float(node.maintenance))),
    _spec(
        "node_console_works",
        "Whether a console can be opened on a node, tried with one of its servers. From our own try.",
        _NODE,
        _consoles,
    ),
    _spec(
        "heartbeat_timestamp_seconds",
        f"When the local Wings last wrote its states, as it does every 60 s. {NODE}",
        _NODE,
        _local(lambda evidence: evidence.heartbeat.at),
    ),
    _spec(
        "wings_start_timestamp_seconds",
        f"When the local Wings began. {NODE}",
        _NODE,
        _local(lambda evidence: evidence.process.began if evidence.process is not None else None),
    ),
    _spec(
        "wings_sighted",
        f"Whether it can be seen which files the local Wings has open; without it fewer stuck backups can be mended. {NODE}",
        _NODE,
        _local(lambda evidence: float(evidence.process is not None and evidence.process.sighted)),
    ),
    _spec(
        "wings_log_readable",
        f"Whether Wings' log can be read and believed; without it nothing proves that an archive was finished. {NODE}",
        _NODE,
        _local(lambda evidence: float(not evidence.log.error)),
    ),
    _spec("archives", f"Archives on the local node by verdict. {NODE}", ("target", "verdict"), _archives),
)
