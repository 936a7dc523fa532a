"""The rules of Pterodactyl's drifts: (truth, view, evidence, what is remembered, now) -> judgement. Pure: no I/O, no clock, no log.

Contract sections 0, 3, 4 and 5. Whatever cannot be seen well is Unknown: a server that answers 409, a directory, a log or a process that
cannot be read, records that are old, a node that is not proven to be the one of this host.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Confirm, DriftKind

_AT_ONCE: Final = Confirm(1, 0.0)
"""For kinds whose evidence already spans time."""
_TWO_SIDES: Final = Confirm(2, 45.0)
"""For what Wings says beside what Docker says (contract section 5.1: two looks at least 45 s apart)."""
_LASTING: Final = Confirm(3, 60.0)
"""For kinds that compare lists read at different times."""
KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("backup_stuck", "A backup is pending for too long, or was given up by the panel while its archive is whole.", "critical"),
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
