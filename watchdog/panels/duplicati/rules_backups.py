"""The rules of a job's runs: due and silent, waiting behind another, never there, cut off, standing still. Pure.

Contract section 4, rules 6, 7, 13 and 14. A job that is paused, by the server or by us, is not overdue: it cannot run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from watchdog.model.drifts import Drift, Proposal, Scalar, Subject, UnknownSubject
from watchdog.panels.duplicati import remedies, sources
from watchdog.panels.duplicati.cases import Case, Part, joined, of_one
from watchdog.panels.duplicati.notes import CutNote, IdleNote, Notes, RunNote, StillNote
from watchdog.panels.duplicati.reports import of_backup
from watchdog.panels.duplicati.rules_results import about_results
from watchdog.panels.duplicati.schedules import repeat_of
from watchdog.panels.duplicati.slots import waits_for
from watchdog.panels.duplicati.view import Backup, Task
from watchdog.panels.duplicati.windows import open_or_opens

AFTER_PAUSE: Final = 60.0
"""Seconds after the end of a pause, or the first sight of a server that runs, in which the scheduler may still catch up."""
DAY: Final = 86400.0
CLOCK: Final = "clock_skew"


def judge(case: Case) -> Part:
    """Judge every job of a server, and its clock."""
    _follow_the_task(case)
    parts = [about_runs(case, backup) for backup in case.view.backups]
    return joined((*parts, *(about_results(case, backup) for backup in case.view.backups), about_the_clock(case), about_no_job(case)))


def about_runs(case: Case, backup: Backup) -> Part:
    """Judge whether a job runs when it should."""
    subject, again = case.backup(backup), None
    late = lateness(case, backup)
    drifts = [_stuck(case, backup), _cut(case, backup), _never_ran(case, backup), _schedule_lost(case, backup)]
    if late is not None and late > 0.0:
        drifts.append(_late(case, backup))
        disagree = _doubtful(case, backup)
        if disagree is not None and drifts[-1] is not None:
            return Part(tuple(each for each in drifts[:-1] if each is not None), (UnknownSubject(subject, *disagree),))
    elif late is not None and late > -DAY:
        again = max(1.0, -late)
    return of_one(subject, drifts, again)


def lateness(case: Case, backup: Backup) -> float | None:
    """Return by how many seconds a job is past its slot and the grace (negative = not yet); None = it is not due, or may not run."""
    state, schedule = case.view.state, backup.schedule
    if schedule is None or repeat_of(schedule.repeat) is None or _held(case, backup):
        case.notes.since(f"runs/{backup.id}", "held", case.wall)
        return None
    due = waits_for(case.view, backup)
    free = case.notes.since(f"runs/{backup.id}", "free", case.wall)
    if due is None or (state.active is not None and state.active.backup == backup.id):
        return None
    return min(case.server_wall - due - case.settings.overdue_grace, case.wall - free - AFTER_PAUSE)


def _held(case: Case, backup: Backup) -> bool:
    """Whether a job cannot run: the server is paused, it itself is, or it waits for a mains plug."""
    options = backup.details.options if backup.details is not None else {}
    return _asleep(case, backup) or options.get("disable-on-battery", "").lower() in {"true", "1", "on"}


def _asleep(case: Case, backup: Backup) -> bool:
    """Whether the server is paused, or the job by an order of ours."""
    paused = any(standing.pause.task and standing.pause.covers(backup.id, backup.name) for standing in case.facts.pauses)
    return case.view.state.paused or paused


def _late(case: Case, backup: Backup) -> Drift | None:
    state, subject = case.view.state, case.backup(backup)
    due = waits_for(case.view, backup)
    evidence: dict[str, Scalar] = {"due": due, "proposed": state.proposed.get(backup.id), "last_finished": backup.metadata.finished}
    queued = any(task.backup == backup.id for task in state.queue)
    if queued and state.active is not None and _standing(case, state.active) is not None:
        return case.drift(
            "backup_queued_behind", subject, f"it waits behind task {state.active.id}, which stands still", "it was due",
            evidence | {"behind": state.active.backup}, hold="it begins when that task ends or is aborted",
        )  # fmt: skip
    if queued:
        return None
    proposal, hold = run_proposal(case, backup)
    return case.drift("backup_overdue", subject, "it neither runs nor waits", "its slot has passed", evidence, proposal, hold)


def _doubtful(case: Case, backup: Backup) -> tuple[str, str] | None:
    """Say why a slot that has passed may be none: the scheduler itself plans another one."""
    proposed = case.view.state.proposed.get(backup.id)
    if proposed is None or proposed <= case.server_wall or case.view.backup(backup.id) is None:
        return None
    return "slots_disagree", "by its schedule a slot has passed, and the server's scheduler plans a later one"


def run_proposal(case: Case, backup: Backup) -> tuple[Proposal | None, str | None]:
    """Return the offer of a run, or why there is none now."""
    if not case.view.capabilities.mendable:
        return None, "this release is too old: it is only observed"
    if _asleep(case, backup):
        return None, "it is paused"
    shut = open_or_opens(case.settings.run_window, case.wall)
    if shut is not None:
        return None, f"the run window is shut; it opens at {shut}"
    whole = sources.whole(case, backup)
    if whole is False:
        return None, "its source is missing, empty or far smaller than before: a run could push good backups out"
    known = case.view.capabilities.family != "unknown"
    facts = {"version_known": known, "source_whole": whole, "ended": mark_of(backup)}
    return Proposal(remedies.RUN, remedies.backup_object(case.settings.name, backup.id), {"backup": backup.id}, facts), None


def mark_of(backup: Backup) -> str:
    """Return what changes with each run of a job that ends: so a remedy knows that there was one since it was planned."""
    return " ".join(str(each) for each in _trace(backup))


def _never_ran(case: Case, backup: Backup) -> Drift | None:
    metadata, schedule = backup.metadata, backup.schedule
    tried = any(each is not None for each in (metadata.finished, metadata.newest, metadata.error_at, backup.result))
    if schedule is None or tried or case.view.state.busy_with(backup.id):
        return None
    repeat = repeat_of(schedule.repeat)
    known = case.notes.since(f"never/{backup.id}", "never", case.wall)
    if schedule.last_run is None and (repeat is None or case.wall - known <= max(DAY, repeat.seconds)):
        return None
    return case.drift(
        "backup_never_ran", case.backup(backup), "no run of it has ever ended", "it has a schedule", {"last_run": schedule.last_run},
        hold="run it once by hand and see how that ends",
    )  # fmt: skip


def _schedule_lost(case: Case, backup: Backup) -> Drift | None:
    state, schedule = case.view.state, backup.schedule
    if schedule is None or state.busy_with(backup.id):
        return None
    broken = schedule.time is None or (schedule.repeat != "" and repeat_of(schedule.repeat) is None)
    if not broken and (schedule.repeat == "" or backup.id in state.proposed or state.paused):
        return None
    truth = "its schedule has no time, or a repetition that is none" if broken else "the scheduler has no next time for it"
    return case.drift(
        "schedule_lost", case.backup(backup), truth, "it has a schedule", {"repeat": schedule.repeat[:50]},
        hold="set its schedule anew in the server's pages" if broken else "save the job once, or restart the server",
    )  # fmt: skip


# ---- the task under way ------------------------------------------------------------------------------------------------------------------


def _follow_the_task(case: Case) -> None:
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


def _standing(case: Case, task: Task) -> float | None:
    """Return for how many seconds the active task has stood still, None = not for too long."""
    still, progress = case.notes.get("still", StillNote), case.view.progress
    if still is None or still.task != task.id or case.view.state.paused:
        return None
    phase = progress.phase if progress is not None and progress.task == task.id else ""
    allowed = case.settings.stuck_phases.get(phase, case.settings.stuck_after)
    stood = case.wall - still.since
    return stood if stood > allowed else None


def _stuck(case: Case, backup: Backup) -> Drift | None:
    active = case.view.state.active
    return _stuck_task(case, active, case.backup(backup)) if active is not None and active.backup == backup.id else None


def about_no_job(case: Case) -> Part:
    """Judge a task that is of no job: it can stand still as well."""
    active = case.view.state.active
    if active is None or case.view.backup(active.backup) is not None:
        return Part()
    return of_one(case.server, [_stuck_task(case, active, case.server)])


def _stuck_task(case: Case, task: Task, subject: Subject) -> Drift | None:
    if _standing(case, task) is None:
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


def _cut(case: Case, backup: Backup) -> Drift | None:
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
    trace = _trace(backup)
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


def _trace(backup: Backup) -> tuple[float | None, float | None, int | None]:
    return backup.metadata.finished, backup.metadata.error_at, backup.last.id if backup.last is not None else None


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


def about_the_clock(case: Case) -> Part:
    """Judge the server's clock against ours."""
    return of_one(case.server, list(_clock(case)))


def _clock(case: Case) -> Iterator[Drift]:
    skew = case.view.clock_skew
    if skew is not None and abs(skew) > case.settings.clock_skew:
        truth = f"it is {'ahead of' if skew > 0 else 'behind'} ours by more than {case.settings.clock_skew:.0f} s"
        yield case.drift(CLOCK, case.server, truth, "its clock is right", hold="set the clocks of both hosts by NTP")
