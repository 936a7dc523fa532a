"""The rules of Pterodactyl's drifts: (truth, view, evidence, what is remembered, now) -> judgement. Pure: no I/O, no clock, no log.

Contract sections 0, 3, 4 and 5. Whatever cannot be seen well is Unknown: a server that answers 409, a directory, a log or a process that
cannot be read, records that are old, a node that is not proven to be the one of this host.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchdog.model.drifts import Confirm, DriftKind, Judgement, Subject
from watchdog.model.moments import Moment
from watchdog.model.parts import joined, judgement
from watchdog.model.places import Place
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl.lost import lost, reported
from watchdog.panels.pterodactyl.rules_archives import about_archives
from watchdog.panels.pterodactyl.rules_backups import about_records
from watchdog.panels.pterodactyl.rules_canary import about_the_canary
from watchdog.panels.pterodactyl.rules_nodes import about_nodes
from watchdog.panels.pterodactyl.rules_panel import about_the_panel
from watchdog.panels.pterodactyl.rules_servers import about_servers
from watchdog.panels.pterodactyl.scene import prepare
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence
from watchdog.panels.pterodactyl.view import PterodactylView

_AT_ONCE: Final = Confirm(1, 0.0)
"""For kinds whose evidence already spans time."""
_TWO_SIDES: Final = Confirm(2, 45.0)
"""For what Wings says beside what Docker says (contract section 5.1: two looks at least 45 s apart)."""
_LASTING: Final = Confirm(3, 60.0)
"""For kinds that compare lists read at different times."""
KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("backup_stuck", "A backup is pending for too long, or was given up by the panel while its archive is every.", "critical"),
    DriftKind("backup_missing", "A backup is called successful and its archive is not there.", "critical", _LASTING),
    DriftKind("backup_mismatch", "An archive is not the file that the panel has the size or the checksum of.", "critical"),
    DriftKind("backup_broken", "A backup is called successful and its archive cannot be unpacked to its end.", "critical"),
    DriftKind("backup_untrusted", "A backup was made by a Wings that leaves files out.", "warning"),
    DriftKind("archive_orphan", "An archive lies on the node that no backup of the panel is of.", "info", _LASTING),
    DriftKind("archive_stranded", "An archive lies on a node where its server is not any more.", "warning", _LASTING),
    DriftKind("backups_at_risk", "A pending backup will push the oldest good one out.", "warning"),
    DriftKind("callback_broken", "Wings cannot tell the panel that a backup is done: it deletes each new archive soon after.", "critical"),
    DriftKind("websocket_broken", "Nobody can open a console on a node.", "warning", _LASTING),
    DriftKind("version_broken", "Panel and Wings are of releases that do not work together, or not at all.", "warning"),
    DriftKind("node_unreachable", "One of the ways between us, the panel and a node's Wings is cut.", "critical", Confirm(3, 45.0)),
    DriftKind("node_without_docker", "A node's Wings answers, but its Docker does not.", "critical", Confirm(3, 45.0)),
    DriftKind("heartbeat_stale", "Wings has not written its states for minutes: it hangs or is dead.", "critical"),
    DriftKind("cron_dead", "The panel's schedule does not run: no scheduled backup begins, and nothing is pruned.", "critical"),
    DriftKind("queue_dead", "The panel's queue worker takes no task: scheduled backups and mails wait.", "critical"),
    DriftKind("server_ghost", "Wings says that a server runs, and no container of it does.", "critical", _TWO_SIDES),
    DriftKind("server_unseen", "A server's container runs, and Wings says that it is offline.", "critical", _TWO_SIDES),
    DriftKind("server_suspended_running", "Panel and Wings do not agree whether a server is suspended.", "warning", _TWO_SIDES),
    DriftKind("server_crash_loop", "A server crashes again and again, or Wings gave up to start it.", "critical", _AT_ONCE),
    DriftKind("server_oom", "A server was ended by the kernel for want of memory.", "warning", _AT_ONCE),
    DriftKind("server_install_stuck", "An installation never ends.", "warning"),
    DriftKind("server_restore_stuck", "A restore never ends.", "warning"),
    DriftKind("server_transfer_stuck", "A transfer to another node never ends.", "warning"),
    DriftKind("server_unknown_to_wings", "The panel has a server on a node whose Wings did not load it.", "critical", _LASTING),
    DriftKind("container_unknown", "A container of Wings' runs for a server that the panel does not know.", "warning", _LASTING),
    DriftKind("volume_unknown", "A server's files lie on the node, and the panel does not know the server there.", "info", _LASTING),
    DriftKind("canary_failed", "The daily backup of the canary server did not come to its end.", "critical", _AT_ONCE),
)
_RULES: Final = (about_records, about_archives, about_the_panel, about_nodes, about_servers, about_the_canary)


def detect(
    settings: PterodactylSettings, actual: Actual, view: PterodactylView, evidence: Evidence | None, facts: LedgerFacts, now: Moment
) -> Judgement:
    """Judge one target."""
    scene = prepare(settings, actual, view, evidence, facts, now)
    every = joined(rule(scene) for rule in _RULES)
    drifts = sorted({each.key: each for each in every.drifts}.values(), key=lambda each: each.key)
    ill = {each.subject for each in drifts}
    unknown = {each.subject: each for each in every.unknown if each.subject not in ill}
    gone = list(lost(scene, drifts, unknown))
    unseen = {each.subject: each for _, each in gone if each is not None and each.subject not in ill}
    scene.notes.keep_reported((*reported(drifts), *(each for each, _ in gone)))
    unknown = {**unseen, **unknown}
    return judgement(drifts, unknown.values(), _in_order(every.fine, ill, unknown), scene.notes.after)


def _in_order(fine: Iterable[Subject], ill: Iterable[Subject], unknown: Iterable[Subject]) -> set[Subject]:
    names = {str(each) for each in (*ill, *unknown)}  # a subject out of sight has lost its name
    return {each for each in fine if str(each) not in names}


def place_of(settings: PterodactylSettings, actual: Actual, view: PterodactylView) -> Place:
    """Return where this target's own subjects are: on the node whose uuid stands in the Wings configuration of this host (rule 12)."""
    docker = actual.docker.facts if actual.docker is not None else None
    engine = docker.engine_id if docker is not None else ""
    local = view.local
    if settings.node is None or local is None:
        return Place()
    return Place(engine_id=engine, proof=f"the node {local.name} ({local.uuid}) stands in {settings.node.config}")
