"""The rules of how a job's runs end and what they leave: failed, stopped, warned, stale, without a database or a source. Pure.

Contract section 4, rules 8, 9 and 10.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Drift, Proposal, Scalar
from watchdog.model.parts import Part, one
from watchdog.panels.duplicati import remedies, sources
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.endings import Ended, newest
from watchdog.panels.duplicati.notes import SinceNote
from watchdog.panels.duplicati.schedules import Repeat, repeat_of
from watchdog.panels.duplicati.traces import JobDatabase, of_job
from watchdog.panels.duplicati.view import Backup

REPAIRS: Final = frozenset({"Repair", "RecreateDatabase", "Recreate"})
MONTH: Final = 31 * 86400.0
_GONE: Final = {
    "absent": "its file is not there", "empty": "its file is empty", "no_database": "its file is no database", "damaged": "it is damaged",
}  # fmt: skip
_ABOUT: Final = {
    "missing_files": "volumes are missing at its destination", "damaged_file": "a volume at its destination is damaged",
    "unrecorded_files": "its destination holds volumes that its database does not know", "source_missing": "a source is not there",
    "destination_missing": "its destination is not there", "clock": "the server's clock went back",
    "passphrase": "its passphrase is missing or wrong",
}  # fmt: skip
"""What a failure was about, by its topic (see ``answers.topic``)."""
UNRECORDED: Final = "unrecorded_files"
"""The topic of the message by which a run fails that had to begin with an empty database (see ``answers.topic``)."""


def about_results(case: Case, backup: Backup) -> Part:
    """Judge how the newest run ended, and what the next one will find."""
    ended = newest(case.view, backup)
    good = succeeded_at(case, backup)
    if good is not None:
        case.notes.keep(f"good/{backup.id}", SinceNote("good", good))
    drifts = [
        _ending(case, backup, ended), _stale(case, backup, ended), _database(case, backup, ended), _shared(case, backup),
        *sources.about_sources(case, backup),
    ]  # fmt: skip
    return one(case.backup(backup), *drifts)


def succeeded_at(case: Case, backup: Backup) -> float | None:
    """Return when a run of a job last ended well or with warnings, on the server's clock; None = nobody knows of one.

    By its log; where the newest run there failed, by what we remember, or by when the newest version was made that can be restored.
    """
    result, before = backup.result, case.notes.get(f"good/{backup.id}", SinceNote)
    if result is not None and result.result in {"Success", "Warning"} and not (result.interrupted or result.partial):
        return result.ended or result.logged_at
    if result is None and backup.metadata.finished is not None:
        return backup.metadata.finished
    return before.at if before is not None else backup.metadata.newest


def _ending(case: Case, backup: Backup, ended: Ended | None) -> Drift | None:
    if ended is None or ended.word == "success":
        return None
    subject = case.backup(backup)
    evidence: dict[str, Scalar] = {"at": round(ended.at), "told_by": ended.by, "about": ended.topic}
    if ended.word == "stopped":
        return case.drift(
            "backup_stopped", subject, "its newest run was stopped before its end", "it has a schedule", evidence,
            hold="its next run goes on from there",
        )  # fmt: skip
    if ended.word == "warning":
        return case.drift(
            "backup_warned", subject, "its newest run ended with warnings", "it ended", evidence, hold="its log names them"
        )  # fmt: skip
    logged = "ended with errors" if ended.word == "error" else "failed"
    about = f": {_ABOUT[ended.topic]}" if ended.topic in _ABOUT else ""
    return case.drift(
        "backup_failed", subject, f"its newest task {logged}{about}", "it is backed up", evidence,
        hold="its log, or the note in the server's pages, says why",
    )  # fmt: skip


def _stale(case: Case, backup: Backup, ended: Ended | None) -> Drift | None:
    """Find a job whose runs end well while its newest version grows old; not where the last run found nothing changed."""
    metadata, repeat = backup.metadata, repeat_of(backup.schedule.repeat) if backup.schedule is not None else None
    if repeat is None or metadata.newest is None or metadata.finished is None or ended is None or ended.failed or _unchanged(backup):
        return None
    allowed = case.settings.stale_factor * _period(repeat, backup)
    if metadata.finished - metadata.newest <= allowed or case.server_wall - metadata.finished > allowed:
        return None
    return case.drift(
        "backup_stale", case.backup(backup), "its newest version is several of its periods old", "its runs end well",
        {"newest": metadata.newest}, hold="look at what its last runs did: nothing of them can be restored",
    )  # fmt: skip


def _unchanged(backup: Backup) -> bool:
    result = backup.result
    return result is not None and (result.added_files, result.modified_files, result.deleted_files) == (0, 0, 0)


def _period(repeat: Repeat, backup: Backup) -> float:
    """Return the longest usual time between two slots, in seconds."""
    period = repeat.seconds + repeat.months * MONTH
    days = len(backup.schedule.days) if backup.schedule is not None else 0
    return max(period, 7 * 86400.0 / days) if days else period


def database_of(case: Case, backup: Backup) -> JobDatabase | None:
    """Return a job's database as this host sees it, None = it is not told where it is."""
    return of_job(case.evidence.databases, backup.id, backup.name)


def _database(case: Case, backup: Backup, ended: Ended | None) -> Drift | None:
    """Find a database that is gone; also one that a run began anew, for that run fails and the next does, too."""
    ran = backup.metadata.finished is not None or backup.metadata.newest is not None
    if not ran or case.view.state.busy_with(backup.id):
        return None
    lies = database_of(case, backup)
    if backup.db_exists is False:
        truth = "the server does not find it"
    elif lies is not None and lies.problem in _GONE:
        truth = _GONE[lies.problem]
    elif ended is not None and ended.failed and ended.topic == UNRECORDED and not mended_since(backup, ended.at):
        truth = "a run began a new, empty one, and found volumes that it does not know"
    else:
        return None
    acted_on = remedies.backup_object(case.settings.name, backup.id)
    proposal = Proposal(remedies.REPAIR_DATABASE, acted_on, {"backup": backup.id}, {})
    offered = proposal if case.view.capabilities.mendable else None
    return case.drift(
        "job_database_missing", case.backup(backup), truth, "the job has run before", {}, offered,
        None if offered else "this release is too old: it is only observed",
    )  # fmt: skip


def mended_since(backup: Backup, at: float) -> bool:
    """Whether the job's database was repaired after ``at`` (on the server's clock)."""
    last = backup.last
    return last is not None and last.operation in REPAIRS and last.result in {"Success", "Warning"} and last.logged_at >= at - 1.0


def _shared(case: Case, backup: Backup) -> Drift | None:
    others = [each for each in case.view.backups if each.id != backup.id and each.db_path and each.db_path == backup.db_path]
    if not others:
        return None
    return case.drift(
        "job_database_shared", case.backup(backup), f"it is also that of job {others[0].id}", "it is the job's own",
        {"others": ",".join(sorted(each.id for each in others))}, hold="give one of the jobs a database of its own in the server's pages",
    )  # fmt: skip
