"""The table of drifts of a Duplicati server. Pure. Sources: contracts/duplicati.md, section 4."""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Confirm, DriftKind

AT_ONCE: Final = Confirm(1, 0.0)
"""For kinds whose evidence already spans time."""
LASTING: Final = Confirm(3, 45.0)
"""For kinds that compare two sides read at different times."""
BACKUP_KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("backup_overdue", "A job's slot has passed, and it neither runs nor waits: it is silent.", "critical"),
    DriftKind("backup_queued_behind", "A job's slot has passed, and it waits behind a task that stands still.", "critical", AT_ONCE),
    DriftKind("backup_never_ran", "A job with a schedule has never brought a backup to its end.", "warning"),
    DriftKind("backup_run_cut", "A run was cut off by a restart: the server keeps no trace of it.", "critical", AT_ONCE),
    DriftKind("backup_stuck", "A running task has not moved for longer than its phase may take.", "critical", AT_ONCE),
    DriftKind("backup_failed", "The newest run of a job failed.", "critical", AT_ONCE),
    DriftKind("backup_stopped", "The newest run of a job was stopped before its end.", "warning", AT_ONCE),
    DriftKind("backup_warned", "The newest run of a job ended with warnings.", "info", AT_ONCE),
    DriftKind("backup_stale", "A job's runs end, and its newest backup is older than several of its periods.", "warning"),
    DriftKind("schedule_lost", "A job has a schedule, and the server's scheduler does not plan it.", "warning", LASTING),
    DriftKind("job_database_missing", "A job that has run before has no local database: its next run fails.", "critical"),
    DriftKind("job_database_shared", "Two jobs have the same local database.", "critical"),
    DriftKind("running_while_idle", "A destination or a job's database changes while the server runs nothing of it.", "warning", LASTING),
    DriftKind("source_missing", "A folder that a job is to back up is not there, or is empty.", "critical"),
    DriftKind("source_shrunk", "A job's last run found far less to back up than the runs before.", "critical", AT_ONCE),
    DriftKind("destination_volume_missing", "Volumes that were uploaded are not in the destination any more.", "critical", LASTING),
    DriftKind("destination_volume_short", "Volumes in the destination have another size than was uploaded.", "critical", LASTING),
    DriftKind("destination_volume_zero", "Volumes in the destination are empty files.", "critical", LASTING),
    DriftKind("destination_volume_flipped", "Volumes in the destination have other bytes than were uploaded.", "critical"),
    DriftKind("destination_volume_extra", "Volumes lie in the destination that the job does not know.", "warning", LASTING),
    DriftKind("destination_upload_cut", "The newest volumes belong to no backup: a run was cut off while it uploaded.", "warning", LASTING),
    DriftKind("destination_dlist_late", "The newest backup in the destination is not the job's newest.", "warning", LASTING),
    DriftKind("clock_skew", "The server's clock is not ours: its schedules and times cannot be compared.", "warning", LASTING),
)  # fmt: skip
