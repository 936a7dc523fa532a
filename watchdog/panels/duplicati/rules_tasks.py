"""The rules of the task under way: standing still, or cut off by a restart and gone without a trace. Pure.

Contract section 4, rules 7 and 14. What ran and since when it stands where it stands is remembered from look to look.
"""

from __future__ import annotations

from dataclasses import replace

from watchdog.model.drifts import Drift, Proposal, Subject
from watchdog.model.parts import Part, one
from watchdog.panels.duplicati import remedies
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.notes import CutNote, IdleNote, Notes, RunNote, StillNote
from watchdog.panels.duplicati.offers import run_proposal, trace_of
from watchdog.panels.duplicati.reports import of_backup
from watchdog.panels.duplicati.view import Backup, Task


def follow_the_task(case: Case) -> None:
    """Remember what runs and since when it stands where it stands."""
    state, progress = case.view.state, case.view.progress
    for backup in case.view.backups:
        if not state.busy_with(backup.id):
            idle = case.notes.get(f"idle/{backup.id}", IdleNote)
            case.notes.keep(f"idle/{backup.id}", IdleNote(min(idle.since, case.wall) if idle is not None else case.wall))
    if state.active is None:
        return
    mark = progress.mark if progress is not None and progress.task == state.active.id else ""
    still = case.notes.get("still", StillNote)
    restart = case.view.pulse.restart_at  # task ids begin anew with each start
    same = still is not None and (still.task, still.mark) == (state.active.id, mark) and not state.paused
    if still is None or not same or (restart is not None and restart.wall > still.since):
        still = StillNote(state.active.id, mark, case.wall)
    case.notes.keep("still", replace(still, since=min(still.since, case.wall)))


def still_since(notes: Notes) -> float | None:
    """Return since when the active task stands where it stands."""
    still = notes.get("still", StillNote)
    return still.since if still is not None else None


def standing_for(case: Case, task: Task) -> float | None:
    """Return for how many seconds the active task has stood still, None = not for too long."""
    still, progress = case.notes.get("still", StillNote), case.view.progress
    if still is None or still.task != task.id or case.view.state.paused:
        return None
    phase = progress.phase if progress is not None and progress.task == task.id else ""
    allowed = case.settings.stuck_phases.get(phase, case.settings.stuck_after)
    stood = case.wall - still.since
    return stood if stood > allowed else None


def stuck(case: Case, backup: Backup) -> Drift | None:
    """Find a run of a job that stands still."""
    active = case.view.state.active
    return _stuck_task(case, active, case.backup(backup)) if active is not None and active.backup == backup.id else None


def about_no_job(case: Case) -> Part:
    """Judge a task that is of no job: it can stand still as well."""
    active = case.view.state.active
    if active is None or case.view.backup(active.backup) is not None:
        return Part()
    return one(case.server, _stuck_task(case, active, case.server))


def _stuck_task(case: Case, task: Task, subject: Subject) -> Drift | None:
    if standing_for(case, task) is None:
        return None
    progress = case.view.progress
    seen = progress if progress is not None and progress.task == task.id else None
    facts = {
        "phase": seen.phase if seen is not None else "",
        "mark": seen.mark if seen is not None else "",
        "since": still_since(case.notes),
    }
    acted_on = remedies.backup_object(case.settings.name, task.backup) if task.backup else remedies.server_object(case.settings.name)
    proposal = Proposal(remedies.ABORT, acted_on, {"task": task.id, "backup": task.backup}, facts)
    offered = proposal if case.view.capabilities.mendable else None
    return case.drift(
        "backup_stuck", subject, "nothing of it moves", "it is the active task", {"task": task.id, "phase": facts["phase"]}, offered,
        None if offered else "this release is too old: it is only observed",
    )  # fmt: skip


def cut_off(case: Case, backup: Backup) -> Drift | None:
    """Find a run that was under way, is not any more, and has left no trace: a restart cut it off (rule 14)."""
    _watch_the_run(case, backup)
    cut = case.notes.get(f"cut/{backup.id}", CutNote)
    if cut is None or case.view.state.busy_with(backup.id):
        return None
    proposal, hold = run_proposal(case, backup)
    return case.drift(
        "backup_run_cut", case.backup(backup), "its run ended without a trace when the server was restarted", "the server forgot it",
        {"task": cut.task, "phase": cut.phase}, proposal, hold,
    )  # fmt: skip


def _watch_the_run(case: Case, backup: Backup) -> None:
    state, progress = case.view.state, case.view.progress
    run, cut = case.notes.get(f"run/{backup.id}", RunNote), case.notes.get(f"cut/{backup.id}", CutNote)
    trace = trace_of(backup)
    if state.active is not None and state.active.backup == backup.id:
        known = run if run is not None and run.task == state.active.id and (run.finished, run.error_at, run.result) == trace else None
        phase = progress.phase if progress is not None and progress.task == state.active.id else known.phase if known else ""
        case.notes.keep(f"run/{backup.id}", RunNote(state.active.id, known.began if known else case.wall, case.wall, phase, *trace))
        return
    if run is not None and (run.finished, run.error_at, run.result) == trace and _is_a_backup(run.phase):
        if _restarted_since(case, run) and not _reported_since(case, backup, run):
            cut = CutNote(run.task, case.wall, run.phase, *trace)
        elif backup.log_read is False and case.view.state.queue == ():
            case.notes.keep(f"run/{backup.id}", run)  # its trace may not have been read yet
    if cut is not None and (cut.finished, cut.error_at, cut.result) == trace:
        case.notes.keep(f"cut/{backup.id}", cut)


def _is_a_backup(phase: str) -> bool:
    return phase in {"", "Starting_Operation"} or phase.startswith("Backup")


def _restarted_since(case: Case, run: RunNote) -> bool:
    """Whether the server was started anew after the run was last seen, or nobody watched it (we were not there)."""
    pulse = case.view.pulse
    restarted = pulse.restart_at is not None and pulse.restart_at.wall >= run.seen_at
    return restarted or (pulse.watched_since is not None and pulse.watched_since.wall > run.seen_at)


def _reported_since(case: Case, backup: Backup, run: RunNote) -> bool:
    report = of_backup(case.view.reports, backup.id, backup.name)
    return report is not None and report.at >= run.began
