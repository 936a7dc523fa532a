"""The names and labels of duplicati-exporter (Go), so that its dashboard and alerts work unchanged. Off by default. Pure.

Source: timo-reymann/duplicati-exporter (9b8e846). Left out is what would need a listing of every version at each look, and what only it
knows of itself. Where it is wrong we are right by the same name: progress is only that of a task at work, and nothing is stale while it
runs, waits or may not run. Its gauges called ``_total`` stay gauges. ``machine_id`` is the server's address, its own fallback, and
``machine_name`` what the target is called here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from watchdog.model.metrics import Metric, MetricSpec, Row
from watchdog.panels.duplicati.reports import Report, of_backup
from watchdog.panels.duplicati.slots import waits_for
from watchdog.panels.duplicati.view import Backup, DuplicatiView, Metadata

if TYPE_CHECKING:
    from watchdog.panels.duplicati.metrics import Told
    from watchdog.panels.duplicati.settings import DuplicatiSettings

NAME: Final = "duplicati_exporter"
_MACHINE: Final = ("machine_id", "machine_name")
_BACKUP: Final = (*_MACHINE, "backup_name")
_RESULTS: Final = {"success": 0.0, "warning": 1.0, "error": 2.0, "fatal": 2.0, "stopped": 3.0}
Value = Callable[[DuplicatiView, Backup], float | None]


def _machine(settings: DuplicatiSettings) -> tuple[str, str]:
    return urlsplit(settings.url).netloc.rpartition("@")[2], settings.name


def _of_machine(name: str, text: str, value: Callable[[DuplicatiView], float | None]) -> MetricSpec:
    def rows(target: str, actual: object, view: DuplicatiView, told: Told) -> Iterable[Row]:
        del target, actual
        number = value(view)
        return [(_machine(told.settings), float(number))] if told.settings is not None and number is not None else []

    return MetricSpec(Metric(f"duplicati_machine_{name}", "gauge", text, _MACHINE), rows)


def _of_backup(name: str, text: str, value: Value) -> MetricSpec:
    def rows(target: str, actual: object, view: DuplicatiView, told: Told) -> Iterator[Row]:
        del target, actual
        for backup in view.backups if told.settings is not None else ():
            number = value(view, backup)
            if number is not None and told.settings is not None:
                yield (*_machine(told.settings), backup.name), float(number)

    return MetricSpec(Metric(f"duplicati_backup_{name}", "gauge", text, _BACKUP), rows)


def _noted(value: Callable[[Metadata], float | None]) -> Value:
    return lambda _, backup: value(backup.metadata)


def _reported(value: Callable[[Report], float | None]) -> Value:
    def of(view: DuplicatiView, backup: Backup) -> float | None:
        report = of_backup(view.reports, backup.id, backup.name)
        return value(report) if report is not None else None

    return of


def _stale(view: DuplicatiView, backup: Backup) -> float | None:
    due = waits_for(view, backup)
    if due is None:
        return None
    held = view.state.paused or view.state.busy_with(backup.id)
    return float(not held and view.at.wall + (view.clock_skew or 0.0) > due)


def _failure(view: DuplicatiView, backup: Backup) -> float:
    return float(any(note.backup == backup.id and note.type == "Error" for note in view.notifications))


def _notifications(target: str, actual: object, view: DuplicatiView, told: Told) -> Iterator[Row]:
    del target, actual
    for backup in view.backups if told.settings is not None else ():
        for kind in sorted({note.type for note in view.notifications if note.backup == backup.id}):
            number = sum(note.backup == backup.id and note.type == kind for note in view.notifications)
            if told.settings is not None:
                yield (*_machine(told.settings), backup.name, kind), float(number)


def _info(target: str, actual: object, view: DuplicatiView, told: Told) -> Iterable[Row]:
    del target, actual
    return [((*_machine(told.settings), view.zone, view.version, "", ""), 1.0)] if told.settings is not None else []


SPECS: Final[tuple[MetricSpec, ...]] = (
    _of_machine("up", "1: the server answers and lets us in.", lambda _: 1.0),
    _of_machine("scrape_error", "0: the newest look was whole.", lambda _: 0.0),
    _of_machine("paused", "Whether the server shows that it is paused.", lambda view: view.state.paused),
    _of_machine("progress_overall", "How far the task at work is, 0 to 1; 0 = none is.",
                lambda view: view.progress.overall if view.progress is not None else 0.0),
    _of_machine("last_scrape_timestamp_seconds", "When the newest look was, in UNIX seconds.", lambda view: view.at.wall),
    MetricSpec(Metric("duplicati_machine_notifications_count", "gauge", "Notes that nobody has dismissed, by type.", (*_BACKUP, "type")),
               _notifications),
    MetricSpec(Metric("duplicati_machine_info", "gauge", "What the server says of itself.",
                      (*_MACHINE, "timezone", "version", "os_type", "os_version")), _info),
    _of_backup("last_started_time", "When the newest run that returned began.", _noted(lambda noted: noted.started)),
    _of_backup("last_finished_time", "When the newest run that returned ended.", _noted(lambda noted: noted.finished)),
    _of_backup("last_duration_seconds", "How long the newest run that returned took.", _noted(lambda noted: noted.duration)),
    _of_backup("last_date_time", "The newest version at the destination.", _noted(lambda noted: noted.newest)),
    _of_backup("next_run_time", "The next slot, as stored.", lambda _, backup: backup.schedule.time if backup.schedule else None),
    _of_backup("schedule_last_run_time", "When the schedule last started a run.",
               lambda _, backup: backup.schedule.last_run if backup.schedule else None),
    _of_backup("list_count", "Versions at the destination.", _noted(lambda noted: noted.versions)),
    _of_backup("total_quota_bytes", "Room of the destination.", _noted(lambda noted: noted.quota_total)),
    _of_backup("free_quota_bytes", "Room left in the destination.", _noted(lambda noted: noted.quota_free)),
    _of_backup("assigned_quota_bytes", "Room that the destination grants.", _noted(lambda noted: noted.quota_assigned)),
    _of_backup("target_files_bytes", "Bytes at the destination.", _noted(lambda noted: noted.target_bytes)),
    _of_backup("target_files_count", "Files at the destination.", _noted(lambda noted: noted.target_files)),
    _of_backup("source_files_bytes", "Bytes of the sources.", _noted(lambda noted: noted.source_bytes)),
    _of_backup("source_files_count", "Files of the sources.", _noted(lambda noted: noted.source_files)),
    _of_backup("stale", "Whether the slot has passed though the job could run and neither runs nor waits.", _stale),
    _of_backup("failure", "Whether an error of the job is noted in the server's pages.", _failure),
    _of_backup("bytes_uploaded_total", "Bytes that the newest reported run uploaded.", _reported(lambda report: report.uploaded_bytes)),
    _of_backup("bytes_downloaded_total", "Bytes that the newest reported run downloaded.",
               _reported(lambda report: report.downloaded_bytes)),
    _of_backup("last_result", "The newest reported run: 0 success, 1 warning, 2 fatal, 3 unknown (stopped).",
               _reported(lambda report: _RESULTS[report.ending])),
    _of_backup("last_run_begin_time", "When the newest reported run began.", _reported(lambda report: report.began)),
    _of_backup("last_run_end_time", "When the newest reported run ended.", _reported(lambda report: report.ended)),
    _of_backup("last_run_duration_seconds", "How long the newest reported run took.",
               _reported(lambda report: report.ended - report.began if report.ended and report.began else None)),
)  # fmt: skip
BORROWED: Final = {NAME: tuple(spec.metric for spec in SPECS)}
"""What ``compat: [duplicati_exporter]`` switches on."""
