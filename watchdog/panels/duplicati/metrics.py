"""What a Duplicati server believes of its jobs, and what was seen of their destinations, as metrics. A table; the rows are pure.

Ages are left to Prometheus: times are told as they are, on the server's clock where they are the server's. What nobody knows is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from watchdog.model.drifts import Memory
from watchdog.model.metrics import Family, Metric, MetricSpec, MetricType, Row
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati import compat, endings
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.destinations import DAMAGES, TYPES, Stored, look
from watchdog.panels.duplicati.notes import Notes, RunNote, StillNote
from watchdog.panels.duplicati.reports import ENDINGS, of_backup
from watchdog.panels.duplicati.rules_results import succeeded_at
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.slots import waits_for
from watchdog.panels.duplicati.traces import NOTHING, Evidence
from watchdog.panels.duplicati.view import Backup, DuplicatiView, Metadata

BACKUP_LIMIT: Final = 500
"""Jobs beyond so many have no rows of their own."""
_TARGET: Final = ("target",)
_BACKUP: Final = ("target", "backup_id", "backup_name")
_NOTE_TYPES: Final = ("Information", "Warning", "Error")
OfBackup = Callable[[Case, Backup], float | None]
OfServer = Callable[[Case], float | None]


@dataclass(frozen=True, slots=True)
class Told:
    """What the rows are made from beside truth and view; ``memory`` is what the newest look remembers, ``stored`` what was found so far."""

    settings: DuplicatiSettings | None = None
    evidence: Evidence = NOTHING
    memory: Memory = field(default_factory=dict)
    stored: dict[str, Stored | None] = field(default_factory=dict)

    def look(self, case: Case, backup: Backup) -> Stored | None:
        """Return what lies in a job's destination; looked at once for all families."""
        if backup.id not in self.stored:
            self.stored[backup.id] = look(case, backup)
        return self.stored[backup.id]


NOTHING_TOLD: Final = Told()
Rows = Callable[[Case, Told], Iterable[Row]]


def families(
    settings: DuplicatiSettings, actual: Actual, view: DuplicatiView, evidence: Evidence | None, memory: Memory
) -> tuple[Family, ...]:
    """Return every family of one server, with those of other exporters that its settings switch on (``Target.families``)."""
    told = Told(settings, evidence or NOTHING, memory)
    specs = (*METRICS, *(compat.SPECS if compat.NAME in settings.compat else ()))
    return tuple(Family(spec.metric, tuple(spec.rows(settings.name, actual, view, told))) for spec in specs)


def _spec(name: str, text: str, labels: tuple[str, ...], rows: Rows, kind: MetricType = "gauge") -> MetricSpec:
    def with_told(target: str, actual: Actual, view: DuplicatiView, told: Told = NOTHING_TOLD) -> Iterable[Row]:
        del target
        if told.settings is None:
            return ()
        facts = LedgerFacts(memory=told.memory)
        return rows(Case(told.settings, actual, view, told.evidence, facts, Notes(told.memory), view.at), told)

    return MetricSpec(Metric(f"watchdog_duplicati_{name}", kind, text, labels), with_told)


def _of_server(value: OfServer) -> Rows:
    def rows(case: Case, told: Told) -> Iterator[Row]:
        del told
        number = value(case)
        if number is not None:
            yield (case.settings.name,), float(number)

    return rows


def _labels(case: Case, backup: Backup) -> tuple[str, ...]:
    return case.settings.name, backup.id, backup.name


def _of_backups(value: OfBackup) -> Rows:
    def rows(case: Case, told: Told) -> Iterator[Row]:
        del told
        for backup in case.view.backups[:BACKUP_LIMIT]:
            number = value(case, backup)
            if number is not None:
                yield _labels(case, backup), float(number)

    return rows


def _noted(value: Callable[[Metadata], float | None]) -> Rows:
    return _of_backups(lambda _, backup: value(backup.metadata))


def _of_destinations(values: Callable[[Stored], Iterable[tuple[str, float | None]]]) -> Rows:
    """Return rows with one more label after the job's; "" = none."""

    def rows(case: Case, told: Told) -> Iterator[Row]:
        for backup in case.view.backups[:BACKUP_LIMIT]:
            stored = told.look(case, backup)
            for label, number in values(stored) if stored is not None else ():
                if number is not None:
                    yield (*_labels(case, backup), *([label] if label else [])), float(number)

    return rows


# ---- values ------------------------------------------------------------------------------------------------------------------------------


def _info(case: Case, _: Told) -> Iterator[Row]:
    yield (case.settings.name, case.view.version, case.view.capabilities.family, case.view.zone), 1.0


def _notes(case: Case, _: Told) -> Iterator[Row]:
    for kind in _NOTE_TYPES:
        yield (case.settings.name, kind.lower()), float(sum(note.type == kind for note in case.view.notifications))


def _active_since(case: Case) -> float | None:
    active = case.view.state.active
    run = case.notes.get(f"run/{active.backup}", RunNote) if active is not None else None
    return run.began if run is not None and active is not None and run.task == active.id else None


def _moved_at(case: Case) -> float | None:
    still, active = case.notes.get("still", StillNote), case.view.state.active
    return still.since if still is not None and active is not None and still.task == active.id else None


def _results(case: Case, _: Told) -> Iterator[Row]:
    for backup in case.view.backups[:BACKUP_LIMIT]:
        ended = endings.newest(case.view, backup)
        for word in ENDINGS if ended is not None else ():
            yield (*_labels(case, backup), word), float(ended is not None and ended.word == word)


def _failed(case: Case, backup: Backup) -> float | None:
    ended = endings.newest(case.view, backup)
    return float(ended.failed) if ended is not None else None


def _database(_: Case, backup: Backup) -> float | None:
    return float(backup.db_exists) if backup.db_exists is not None else None


def _damages(stored: Stored) -> Iterator[tuple[str, float | None]]:
    for damage in DAMAGES:
        yield damage, float(len(stored.named(damage))) if not stored.reason else None


def _types(stored: Stored) -> Iterator[tuple[str, float | None]]:
    for kind in TYPES:
        yield kind, float(stored.counts[kind]) if kind in stored.counts else None


def _proven(stored: Stored) -> Iterator[tuple[str, float | None]]:
    for source, word in (("list", stored.by_list), ("database", stored.by_database)):
        yield source, float(word) if word is not None else None


def _single(value: Callable[[Stored], float | None]) -> Rows:
    return _of_destinations(lambda stored: (("", value(stored)),))


def _reported_at(case: Case, backup: Backup) -> float | None:
    report = of_backup(case.view.reports, backup.id, backup.name)
    return report.at if report is not None else None


def _reported(case: Case, _: Told) -> Iterator[Row]:
    for backup in case.view.backups[:BACKUP_LIMIT]:
        report = of_backup(case.view.reports, backup.id, backup.name)
        for word in ENDINGS if report is not None else ():
            yield (*_labels(case, backup), word), float(report is not None and report.ending == word)


METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec("server_info", "The server's release, the family of releases that it behaves like, and its time zone.",
          ("target", "version", "family", "zone"), _info, "info"),
    _spec("program_paused", "Whether the server shows that it is paused.", _TARGET, _of_server(lambda case: case.view.state.paused)),
    _spec("pause_end_timestamp_seconds", "When the pause that the server shows ends, by its word; absent = it names no end.", _TARGET,
          _of_server(lambda case: case.view.state.pause_end if case.view.state.paused else None)),
    _spec("restarts_observed", "Restarts of the server that we saw or suspected since we began.", _TARGET,
          _of_server(lambda case: case.view.pulse.restarts)),
    _spec("active_task", "Whether a task is at work.", _TARGET, _of_server(lambda case: case.view.state.active is not None)),
    _spec("active_task_began_timestamp_seconds", "Since when we have seen the active task of a job at work.", _TARGET,
          _of_server(_active_since)),
    _spec("progress_moved_timestamp_seconds", "When the active task was last seen to move.", _TARGET, _of_server(_moved_at)),
    _spec("progress_ratio", "How far the active task is by the server's word, 0 to 1; only some phases tell.", _TARGET,
          _of_server(lambda case: case.view.progress.overall if case.view.progress is not None else None)),
    _spec("queue_length", "Tasks that wait.", _TARGET, _of_server(lambda case: len(case.view.state.queue))),
    _spec("notifications", "Notes in the server's pages that nobody has dismissed, by type.", ("target", "type"), _notes),
    _spec("clock_skew_seconds", "How far the server's clock is ahead of ours.", _TARGET, _of_server(lambda case: case.view.clock_skew)),
    _spec("backups_omitted", f"Jobs beyond {BACKUP_LIMIT} that have no metrics of their own.", _TARGET,
          _of_server(lambda case: max(0, len(case.view.backups) - BACKUP_LIMIT))),
    _spec("backup_active", "Whether the job is at work.", _BACKUP,
          _of_backups(lambda case, backup: case.view.state.active is not None and case.view.state.active.backup == backup.id)),
    _spec("backup_queued", "Whether the job waits in the queue.", _BACKUP,
          _of_backups(lambda case, backup: any(task.backup == backup.id for task in case.view.state.queue))),
    _spec("backup_last_success_timestamp_seconds", "When a run of the job last ended well, or with warnings.", _BACKUP,
          _of_backups(succeeded_at)),
    _spec("backup_last_finished_timestamp_seconds", "When a run of the job last returned, also with errors.", _BACKUP,
          _noted(lambda noted: noted.finished)),
    _spec("backup_last_error_timestamp_seconds", "When something of the job last failed as a whole; never cleared by the server.", _BACKUP,
          _noted(lambda noted: noted.error_at)),
    _spec("backup_last_fileset_timestamp_seconds", "The newest version that can be restored; does not move while nothing changes.", _BACKUP,
          _noted(lambda noted: noted.newest)),
    _spec("backup_duration_seconds", "How long the newest run that returned took.", _BACKUP, _noted(lambda noted: noted.duration)),
    _spec("backup_due_timestamp_seconds", "The slot that the job waits for by its schedule; in the past = it should have begun.", _BACKUP,
          _of_backups(lambda case, backup: waits_for(case.view, backup))),
    _spec("backup_next_run_timestamp_seconds", "When the server's scheduler means to run the job next.", _BACKUP,
          _of_backups(lambda case, backup: case.view.state.proposed.get(backup.id))),
    _spec("backup_last_result", "How the newest run of the job ended; 1 for the word.", (*_BACKUP, "result"), _results),
    _spec("backup_failed", "Whether the newest run of the job failed.", _BACKUP, _of_backups(_failed)),
    _spec("backup_versions", "Versions of the job that can be restored.", _BACKUP, _noted(lambda noted: noted.versions)),
    _spec("backup_source_bytes", "Bytes that the newest run found to back up.", _BACKUP, _noted(lambda noted: noted.source_bytes)),
    _spec("backup_source_files", "Files that the newest run found to back up.", _BACKUP, _noted(lambda noted: noted.source_files)),
    _spec("backup_target_bytes", "Bytes in the destination, by the server's word.", _BACKUP, _noted(lambda noted: noted.target_bytes)),
    _spec("backup_target_files", "Files in the destination, by the server's word.", _BACKUP, _noted(lambda noted: noted.target_files)),
    _spec("backup_quota_total_bytes", "Room of the destination, by the server's word.", _BACKUP, _noted(lambda noted: noted.quota_total)),
    _spec("backup_quota_free_bytes", "Room left there, by the server's word.", _BACKUP, _noted(lambda noted: noted.quota_free)),
    _spec("backup_database_present", "Whether the job's local database is there, by the server's word.", _BACKUP, _of_backups(_database)),
    _spec("destination_volumes", "Volumes that lie in the destination, by type.", (*_BACKUP, "type"), _of_destinations(_types)),
    _spec("destination_bytes", "Bytes of the volumes that lie in the destination.", _BACKUP,
          _single(lambda stored: float(stored.bytes) if stored.counts else None)),
    _spec("destination_bad_volumes", "Volumes of the destination by what they suffer; absent while it cannot be judged.",
          (*_BACKUP, "reason"), _of_destinations(_damages)),
    _spec("destination_proven", "Whether every volume is byte for byte as uploaded, by the list of volumes or the job's database.",
          (*_BACKUP, "source"), _of_destinations(_proven)),
    _spec("destination_newest_timestamp_seconds", "When the newest backup was made whose dlist lies in the destination.", _BACKUP,
          _single(lambda stored: stored.newest_at)),
    _spec("destination_verified_timestamp_seconds", "When the oldest verdict on a volume of the destination fell.", _BACKUP,
          _single(lambda stored: stored.verified_at)),
    _spec("report_last_timestamp_seconds", "When the server last sent us a report of the job.", _BACKUP, _of_backups(_reported_at)),
    _spec("report_last_result", "What the newest report of the job says; 1 for the word.", (*_BACKUP, "result"), _reported),
)  # fmt: skip
