"""The rules of a job's runs: due and silent, waiting behind another, never there, not planned; and the server's clock. Pure.

Contract section 4, rules 6 and 13. A job that is paused, by the server or by us, is not overdue: it cannot run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.drifts import Drift, Scalar, UnknownSubject
from watchdog.model.parts import Part, joined, one
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.offers import asleep, run_proposal
from watchdog.panels.duplicati.rules_results import about_results
from watchdog.panels.duplicati.rules_tasks import about_no_job, cut_off, follow_the_task, standing_for, stuck
from watchdog.panels.duplicati.schedules import repeat_of
from watchdog.panels.duplicati.slots import waits_for
from watchdog.panels.duplicati.view import Backup

AFTER_PAUSE: Final = 60.0
"""Seconds after the end of a pause, or the first sight of a server that runs, in which the scheduler may still catch up."""
DAY: Final = 86400.0
CLOCK: Final = "clock_skew"


def judge(case: Case) -> Part:
    """Judge every job of a server, and its clock."""
    follow_the_task(case)
    parts = [about_runs(case, backup) for backup in case.view.backups]
    return joined((*parts, *(about_results(case, backup) for backup in case.view.backups), about_the_clock(case), about_no_job(case)))


def about_runs(case: Case, backup: Backup) -> Part:
    """Judge whether a job runs when it should."""
    subject, again = case.backup(backup), None
    late = lateness(case, backup)
    drifts = [stuck(case, backup), cut_off(case, backup), _never_ran(case, backup), _schedule_lost(case, backup)]
    if late is not None and late > 0.0:
        drifts.append(_late(case, backup))
        disagree = _doubtful(case, backup)
        if disagree is not None and drifts[-1] is not None:
            return Part(tuple(each for each in drifts[:-1] if each is not None), (UnknownSubject(subject, *disagree),))
    elif late is not None and late > -DAY:
        again = max(1.0, -late)
    return one(subject, *drifts, again=again)


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
    return asleep(case, backup) or options.get("disable-on-battery", "").lower() in {"true", "1", "on"}


def _late(case: Case, backup: Backup) -> Drift | None:
    state, subject = case.view.state, case.backup(backup)
    due = waits_for(case.view, backup)
    evidence: dict[str, Scalar] = {"due": due, "proposed": state.proposed.get(backup.id), "last_finished": backup.metadata.finished}
    queued = any(task.backup == backup.id for task in state.queue)
    if queued and state.active is not None and standing_for(case, state.active) is not None:
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


def about_the_clock(case: Case) -> Part:
    """Judge the server's clock against ours."""
    return one(case.server, *_clock(case))


def _clock(case: Case) -> Iterator[Drift]:
    skew = case.view.clock_skew
    if skew is not None and abs(skew) > case.settings.clock_skew:
        truth = f"it is {'ahead of' if skew > 0 else 'behind'} ours by more than {case.settings.clock_skew:.0f} s"
        yield case.drift(CLOCK, case.server, truth, "its clock is right", hold="set the clocks of both hosts by NTP")
