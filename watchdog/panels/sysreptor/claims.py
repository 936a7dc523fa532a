"""The rules about the panel's log beside the files (level 4; contract sections 1.6 and 4: D1 to D4). Pure.

The log never proves that a backup is good: its row is written before the archive's end (2026.18 and later), and was written at the start
before 2025.69. Here it is only asked whether what it tells of is on the shelf, and the other way round.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Drift, Scalar, Subject
from watchdog.model.parts import Part, joined, one, unsure
from watchdog.panels.sysreptor import wishes
from watchdog.panels.sysreptor.cases import Case
from watchdog.panels.sysreptor.history import Run, covers, restored_at
from watchdog.panels.sysreptor.remedies import RUN, panel_object
from watchdog.panels.sysreptor.shelf import Backup
from watchdog.panels.sysreptor.view import NOT_CONFIGURED

SET_OUT: Final = 300.0
"""Seconds between our intent to make a backup and its row in the panel's log: what is asked before takes its time."""
MOST_RUNS: Final = 10
"""Of so many of the newest runs each is judged by itself."""
MOST_ORIGINS: Final = 50
"""Of so many of the newest verified backups the origin is judged."""


def watch_own_runs(case: Case) -> None:
    """Remember which rows began runs of ours: the first within minutes after we set out. The log itself does not tell (it has no path)."""
    runs = case.runs or ()
    known = [each for each in case.notes.own if case.runs is None or any(run.started.id == each for run in runs)]
    at = case.facts.last_remedy_at.get((RUN, panel_object(case.settings.name)))
    if at is not None:
        begun = [run.started for run in runs if 0.0 <= run.started.at - at <= SET_OUT]
        first = min(begun, key=lambda row: row.at_us, default=None)
        if first is not None and first.id not in known:
            known.append(first.id)
    case.notes.keep_own(known)


def about_the_log(case: Case) -> Part:
    """Say whether the log could be read."""
    if case.view.log is None and case.view.log_error == NOT_CONFIGURED:
        return Part()
    subject = case.subject("log")
    if case.view.log is None:
        return unsure(subject, "log_unreadable", f"the panel's log of backups cannot be read ({case.view.log_error})")
    return one(subject)


def about_runs(case: Case) -> Part:
    """Judge the runs that the log tells of: the newest finished one, and each that never ended and was not made good since."""
    if case.runs is None:
        return Part()
    newest = next((run for run in case.runs if run.finished is not None), None)
    return joined(_about_run(case, run, newest=run is newest) for run in case.runs[:MOST_RUNS])


def about_origins(case: Case) -> Part:
    """Report verified backups that the log does not know (D3): of another installation, or from before a restore."""
    if case.runs is None or case.view.log is None:
        return Part()
    return joined(_about_origin(case, each) for each in case.shelf.of("good")[:MOST_ORIGINS])


def _about_run(case: Case, run: Run, *, newest: bool) -> Part:
    subject = _subject(run)
    if run.finished is None:
        return _about_unfinished(case, run, subject)
    return _about_finished(case, run, subject) if newest else one(subject)


def _about_unfinished(case: Case, run: Run, subject: Subject) -> Part:
    if not case.ended(run) or any(run.made(each) for each in case.shelf.of("good")):
        return one(subject)
    made_good = case.shelf.newest_good_after(run.started.at)
    if made_good is not None:
        return one(subject)
    if not case.shelf.clear:
        return unsure(subject, case.shelf.reason, case.shelf.message)
    undecided = case.shelf.undecided_since(run.started.at)
    if undecided is not None:
        return unsure(subject, "not_verified_yet", f"{undecided.name} may be what it made, and nobody knows yet whether it is good")
    return one(subject, _unfinished(case, run, subject))


def _unfinished(case: Case, run: Run, subject: Subject) -> Drift:
    proposal, hold = wishes.run(case, "backup_unfinished")
    if case.evidence.processes:
        proposal, hold = None, f"'manage.py backup' still runs in {case.settings.run.container}: if its file does not grow, end it yourself"
    evidence: dict[str, Scalar] = {"by": _who(run), "processes": None if case.evidence.processes is None else len(case.evidence.processes)}
    truth = "no verified backup was made since"
    return case.drift("backup_unfinished", subject, truth, "the panel's log has its start and no end", evidence, proposal, hold)


def _about_finished(case: Case, run: Run, subject: Subject) -> Part:
    """D1: the panel says finished, and nothing here shows it."""
    finished = run.finished
    if finished is None or case.wall - finished.at < case.grace:
        return one(subject)
    if any(run.made(each) for each in case.shelf.of("good")) or case.shelf.newest_good_after(finished.at) is not None:
        return one(subject)
    if not case.shelf.clear:
        return unsure(subject, case.shelf.reason, case.shelf.message)
    undecided = case.shelf.undecided_since(run.started.at)
    if undecided is not None:
        return unsure(subject, "not_verified_yet", f"{undecided.name} may be its file, and nobody knows yet whether it is good")
    proposal, hold = wishes.run(case, "backup_without_file")
    failed = next((each for each in case.shelf.of("bad") if each.changed_at >= run.started.at), None)
    evidence: dict[str, Scalar] = {"by": _who(run), "bad_file": failed.name if failed else "", "row": finished.id}
    truth = f"its file {failed.name} is no good" if failed else f"no file in {case.settings.backups.path} is of it"
    if run.started.by and failed is None:
        truth += "; whoever made it may have taken it elsewhere"
    return one(
        subject, case.drift("backup_without_file", subject, truth, "the panel's log says that it finished", evidence, proposal, hold)
    )


def _about_origin(case: Case, backup: Backup) -> Part:
    started, own = backup.number("started_us"), backup.told.get("log_id")
    at = started if started is not None else backup.number("log_us")
    log = case.view.log
    if log is None or at is None:
        return Part()
    subject = Subject("origin", backup.file.path, backup.name)
    if any(row.id == own or row.at_us == at for row in log):
        return one(subject)
    if not covers(log, at, whole=case.view.log_whole):
        return unsure(subject, "log_too_short", "the rows that were read do not go back to when it was made: set log_rows higher")
    restored = restored_at(log)
    if (restored is not None and restored > at) or case.wall - backup.changed_at < case.grace:
        return one(subject)
    evidence: dict[str, Scalar] = {"version": backup.version, "row": str(own or "")}
    hold = "it is of another installation, or the panel's database is another one since: know which, before you restore it here"
    truth = "it was made by a panel whose log has another past"
    return one(subject, case.drift("file_without_log", subject, truth, "the panel's log has no backup of that time", evidence, None, hold))


def _subject(run: Run) -> Subject:
    return Subject("backup", run.started.id)


def _who(run: Run) -> str:
    return run.started.by or "the command line"
