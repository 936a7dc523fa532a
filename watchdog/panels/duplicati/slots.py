"""Which slot a job waits for: that of its schedule, unless a run has served it already. Pure.

A run that a person (or we) asked for moves neither ``Schedule.Time`` nor the scheduler's plan (contract section 3): a job that ran after
its slot is not silent, whatever started it. It waits for the next one.
"""

from __future__ import annotations

from watchdog.panels.duplicati.reports import of_backup
from watchdog.panels.duplicati.schedules import due_slot, first_slot, zone_of
from watchdog.panels.duplicati.view import Backup, DuplicatiView


def waits_for(view: DuplicatiView, backup: Backup) -> float | None:
    """Return the slot for which a job waits; it may lie in the past. None = it has no schedule that plans one."""
    schedule, zone = backup.schedule, zone_of(view)
    due = due_slot(schedule, zone) if schedule is not None else None
    served = ran_at(view, backup)
    if schedule is None or due is None or served is None or served < due:
        return due
    return first_slot(schedule, zone, served + 1.0)


def ran_at(view: DuplicatiView, backup: Backup) -> float | None:
    """Return when the newest run of a job began, as far as anybody tells (its end where nobody says more), on the server's clock."""
    metadata, result, report = backup.metadata, backup.result, of_backup(view.reports, backup.id, backup.name)
    told = [metadata.finished if metadata.started is None else metadata.started, metadata.error_at]
    if result is not None:
        told.append(result.ended if result.began is None else result.began)
    if report is not None:
        told.append(report.ended if report.began is None else report.began)
    return max((at for at in told if at is not None), default=None)
