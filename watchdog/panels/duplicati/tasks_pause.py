"""The pauses of single jobs against their schedules. Pure. Contract section 3, Per-backup pause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from watchdog.model.approvals import Holding
from watchdog.model.drifts import Drift, Proposal, Subject
from watchdog.model.memory import decode
from watchdog.model.parts import Part, joined, one
from watchdog.model.pauses import StandingPause
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.duplicati import remedies_pause
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.rules_pause import TOO_OLD
from watchdog.panels.duplicati.schedules import zone_of
from watchdog.panels.duplicati.task_ruling import TaskRuling, TaskScene, rule_task
from watchdog.panels.duplicati.view import Backup, DuplicatiView, Schedule

HELD: Final = "schedule"
"""What our record calls a job whose schedule we moved."""
BUSY: Final = "it runs or waits now: a job is never put back then"


@dataclass(frozen=True, slots=True)
class MovedNote:
    """Where a job's schedule was last seen moved to, and its last run then (UNIX seconds of the server)."""

    to: float
    last_run: float | None


def judge(case: Case) -> Part:
    """Return what is to be said of the jobs' pauses."""
    parts = [_of_job(case, backup) for backup in case.view.backups]
    known = {backup.id for backup in case.view.backups}
    gone = [each for each in case.facts.holdings if each.what == HELD and each.object.id not in known]
    parts += [_of_lost_job(case, each) for each in gone]
    parts += [_of_no_job(case, each) for each in case.facts.pauses if each.pause.task and case.view.backup(each.pause.task) is None]
    return joined(parts)


def scene_of(view: DuplicatiView, facts: LedgerFacts, backup: str, schedule: Schedule | None, wall: float) -> TaskScene:
    """Return what the ruling on one job is made from; a remedy makes it anew from a fresh reading. ``wall`` is the server's clock."""
    standing = of_job(view, facts.pauses, backup)
    ends = [each.left for each in standing]
    left = None if not ends or None in ends else max(end for end in ends if end is not None)
    note = decode(MovedNote, facts.memory.get(noted(backup)))
    return TaskScene(
        schedule, zone_of(view), wall, bool(standing), left, held(facts.holdings, backup),
        note.to if note else None, note.last_run if note else None,
    )  # fmt: skip


def of_job(view: DuplicatiView, standing: Iterable[StandingPause], backup: str) -> tuple[StandingPause, ...]:
    """Return the pauses of one job, which they name by id or name."""
    named = [(each, view.backup(each.pause.task)) for each in standing if each.pause.task]
    return tuple(each for each, meant in named if meant is not None and meant.id == backup)


def held(holdings: Sequence[Holding], backup: str) -> Holding | None:
    """Return our record of having moved a job's schedule, None = we have not."""
    return next((each for each in holdings if each.what == HELD and each.object.kind == "backup" and each.object.id == backup), None)


def noted(backup: str) -> str:
    """Return the key of a job's note."""
    return f"moved:{backup}"


def _of_job(case: Case, backup: Backup) -> Part:
    scene = scene_of(case.view, case.facts, backup.id, backup.schedule, case.server_wall)
    _remember(case, backup, scene)
    if not scene.paused and scene.held is None:
        return Part()
    ruling = rule_task(scene)
    subject = Subject("pause", backup.id, backup.name)
    run = Subject("pause", f"{backup.id}/run", backup.name)
    busy = case.view.state.busy_with(backup.id)
    drift = _drift(case, subject, backup, ruling, busy=busy)
    running = (
        case.drift("task_run_queued", run, "it runs or waits in the queue", "it is to be paused", {}) if scene.paused and busy else None
    )
    return joined((one(subject, drift, again=ruling.again), one(run, running)))


def _drift(case: Case, subject: Subject, backup: Backup, ruling: TaskRuling, *, busy: bool) -> Drift | None:
    if not ruling.kind:
        return None
    proposal: Proposal | None = None
    hold: str | None = None
    if ruling.to is not None or ruling.release:
        remedy = remedies_pause.PUT_BACK if ruling.release else remedies_pause.MOVE
        able = case.view.capabilities
        proposal = remedies_pause.of_job(case.settings.name, remedy, backup.id, editable=able.editable)
        if ruling.to is not None:
            hold = BUSY if busy else None if able.editable else TOO_OLD
    belief = "its pause is over" if ruling.release else "it is to be paused"
    return case.drift(ruling.kind, subject, ruling.truth, belief, {"release": case.view.capabilities.family}, proposal, hold)


def _of_lost_job(case: Case, holding: Holding) -> Part:
    subject = Subject("pause", holding.object.id)
    proposal = remedies_pause.of_job(case.settings.name, remedies_pause.PUT_BACK, holding.object.id, editable=True)
    truth = "the job is not there any more, and our record says that we moved its schedule"
    return one(subject, case.drift("task_pause_over", subject, truth, "no record of it is needed", {}, proposal))


def _of_no_job(case: Case, standing: StandingPause) -> Part:
    subject = Subject("pause", f"task/{standing.pause.task}")
    truth = "the server has no job of that id or name"
    return one(subject, case.drift("pause_of_no_job", subject, truth, "it is to be paused", {}))


def _remember(case: Case, backup: Backup, scene: TaskScene) -> None:
    if scene.held is None or scene.schedule is None:
        return
    if scene.moved and scene.schedule.time is not None:
        case.notes.keep(noted(backup.id), MovedNote(scene.schedule.time, scene.schedule.last_run))
    elif scene.seen is not None:
        case.notes.keep(noted(backup.id), MovedNote(scene.seen, scene.seen_run))
