"""What this panel believes, what its Wings say and what was seen of the local node, as metrics. A table; the rows are computed purely.

Families with a row per server are bounded by ``SERVER_LIMIT`` per target; how many were left out is a metric of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchdog.model.drifts import Drift
from watchdog.model.metrics import Family, Metric, MetricSpec, MetricType, Row
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl import compat, rows
from watchdog.panels.pterodactyl.rows import SERVER_LIMIT, Rows, Told
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import NOTHING, Evidence
from watchdog.panels.pterodactyl.view import PterodactylView

PANEL: Final = "From the panel's API."
WINGS: Final = "From Wings' API."
NODE: Final = "From our own look at the node."
_TARGET: Final = ("target",)
_NODE: Final = ("target", "node", "node_name")
_SERVER: Final = ("target", "server", "server_name")


NOTHING_TOLD: Final = Told()


def families(
    settings: PterodactylSettings, actual: Actual, view: PterodactylView, evidence: Evidence | None, drifts: Iterable[Drift]
) -> tuple[Family, ...]:
    """Return every family of one target, with those of other exporters that its settings switch on (``Target.families``)."""
    told = Told(settings, evidence or NOTHING, tuple(drifts))
    specs = (*METRICS, *(compat.SPECS if compat.NAME in settings.compat else ()))
    return tuple(Family(spec.metric, tuple(spec.rows(settings.name, actual, view, told))) for spec in specs)


def _spec(name: str, text: str, labels: tuple[str, ...], source: Rows, kind: MetricType = "gauge") -> MetricSpec:
    def with_told(target: str, actual: Actual, view: PterodactylView, told: Told = NOTHING_TOLD) -> Iterable[Row]:
        return source(target, actual, view, told)

    return MetricSpec(Metric(f"watchdog_pterodactyl_{name}", kind, text, labels), with_told)


METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec(
        "panel_info",
        "The panel's version and who says so. The panel itself tells nobody.",
        ("target", "version", "source"),
        rows.info,
        "info",
    ),
    _spec(
        "callback_state", f"What the probe of the callback path says; 1 for the state it is in. {NODE}", ("target", "state"), rows.callback
    ),
    _spec(
        "callback_asked_timestamp_seconds",
        f"When the callback path was last probed. {NODE}",
        _TARGET,
        rows.of_view(lambda view: view.callback.at),
    ),
    _spec(
        "servers",
        f"Servers by node and by the status that the panel has for them. {PANEL}",
        ("target", "node_name", "status"),
        rows.servers_by_status,
    ),
    _spec(
        "servers_unreadable",
        f"Servers whose backups the panel does not show now, or has not shown yet. {PANEL}",
        _TARGET,
        rows.of_view(lambda view: sum(1 for server in view.servers if server.blind or server.backups is None)),
    ),
    _spec(
        "records_complete",
        f"Whether the backups of every server have been read since we began; else no archive can be called an orphan. {PANEL}",
        _TARGET,
        rows.of_view(lambda view: float(view.complete)),
    ),
    _spec(
        "records_oldest_timestamp_seconds",
        f"When the oldest of the lists of backups was read. {PANEL}",
        _TARGET,
        rows.of_view(lambda view: view.records_since),
    ),
    _spec("requests_limit", f"Requests a minute that the panel allows the key's user. {PANEL}", ("target", "api"), rows.limits),
    _spec(
        "requests_remaining", f"Requests that are left in this minute, for us and for people. {PANEL}", ("target", "api"), rows.remaining
    ),
    _spec("backups", f"Backup records by node and by what they say. {PANEL}", ("target", "node_name", "state"), rows.backups_by_state),
    _spec(
        "stuck_backups",
        "Stuck backups by the case that each is (contract section 0). From our own judgement.",
        ("target", "case"),
        rows.stuck,
    ),
    _spec(
        "newest_backup_timestamp_seconds",
        f"When a server's newest backup was finished that the panel calls complete; 0 = it has none. {PANEL}",
        _SERVER,
        rows.per_server(rows.newest_complete),
    ),
    _spec(
        "newest_verified_backup_timestamp_seconds",
        f"When a local server's newest backup was finished whose archive we have verified and is what the panel has; 0 = none. {NODE}",
        _SERVER,
        rows.newest_verified,
    ),
    _spec("server_state", f"What Wings says a server does; 1 for the state it is in. {WINGS}", (*_SERVER, "state"), rows.states),
    _spec("server_memory_bytes", f"Memory that a server uses. {WINGS}", _SERVER, rows.per_wings(lambda wings: wings.memory_bytes)),
    _spec(
        "server_cpu_ratio",
        f"Processor that a server uses; 1 = one of them wholly. {WINGS}",
        _SERVER,
        rows.per_wings(lambda wings: wings.cpu / 100),
    ),
    _spec("server_disk_bytes", f"Disk that a server uses. {WINGS}", _SERVER, rows.per_wings(lambda wings: wings.disk_bytes)),
    _spec(
        "servers_omitted",
        f"Servers beyond {SERVER_LIMIT} that have no metrics of their own. {PANEL}",
        _TARGET,
        rows.of_view(rows.omitted),
    ),
    _spec("node_info", f"A node's Wings; unknown when it was not asked. {WINGS}", (*_NODE, "version", "local"), rows.node_info, "info"),
    _spec("node_answers", f"Whether a node's Wings answers us. {WINGS}", _NODE, rows.per_node(lambda node: rows.yes(node.wings.reachable))),
    _spec(
        "node_docker_answers",
        f"Whether Docker answers a node's Wings. {WINGS}",
        _NODE,
        rows.per_node(lambda node: rows.yes(node.wings.docker)),
    ),
    _spec(
        "node_panel_reaches",
        f"Whether the panel reaches a node's Wings. {PANEL}",
        _NODE,
        rows.per_node(lambda node: rows.yes(node.panel_reaches)),
    ),
    _spec("node_maintenance", f"Whether a node is under maintenance. {PANEL}", _NODE, rows.per_node(lambda node: float(node.maintenance))),
    _spec(
        "node_console_works",
        "Whether a console can be opened on a node, tried with one of its servers. From our own try.",
        _NODE,
        rows.consoles,
    ),
    _spec(
        "heartbeat_timestamp_seconds",
        f"When the local Wings last wrote its states, as it does every 60 s. {NODE}",
        _NODE,
        rows.local(lambda evidence: evidence.heartbeat.at),
    ),
    _spec(
        "wings_start_timestamp_seconds",
        f"When the local Wings began. {NODE}",
        _NODE,
        rows.local(lambda evidence: evidence.process.began if evidence.process is not None else None),
    ),
    _spec(
        "wings_sighted",
        f"Whether it can be seen which files the local Wings has open; without it fewer stuck backups can be mended. {NODE}",
        _NODE,
        rows.local(lambda evidence: float(evidence.process is not None and evidence.process.sighted)),
    ),
    _spec(
        "wings_log_readable",
        f"Whether Wings' log can be read and believed; without it nothing proves that an archive was finished. {NODE}",
        _NODE,
        rows.local(lambda evidence: float(not evidence.log.error)),
    ),
    _spec("canary_state", "How the newest canary stands; 1 for the state it is in.", ("target", "server", "state"), rows.canary_states),
    _spec(
        "canary_due_timestamp_seconds",
        "When the newest canary was due.",
        ("target", "server"),
        rows.canary(lambda word: word.slot),
    ),
    _spec(
        "canary_took_seconds",
        "How long the newest canary took from its beginning to its end.",
        ("target", "server"),
        rows.canary(lambda word: word.took),
    ),
    _spec("archives", f"Archives on the local node by verdict. {NODE}", ("target", "verdict"), rows.archives),
)
