"""The scheduler: reckons each job's next time, queues what is due, and moves no stored time before the run has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watchdog.model.moments import Moment
from watchdog.panels.duplicati.fake import runner
from watchdog.panels.duplicati.fake.rows import Job, Schedule
from watchdog.panels.duplicati.fake.slots import next_valid
from watchdog.panels.duplicati.fake.stamps import YEAR_ONE

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.memory import Memory
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

LATER: Final = 1.0
"""Seconds until the scheduler has heard of a change ("a second or more": contract section 3, rule 7)."""


def reckon(world: DuplicatiWorld, memory: Memory, now: Moment, *, first: bool = False) -> None:
    """Reckon all next times anew and queue what is due; the ``first`` time, at the start, tells nobody."""
    memory.reschedule_at = None
    if memory.lost:
        return
    for job in world.jobs.values():
        if job.schedule is not None and not _one(world, memory, job, job.schedule, now):
            memory.lost = True
            return
    with_schedule = {job.id for job in world.jobs.values() if job.schedule is not None}
    memory.proposed = {job_id: times for job_id, times in memory.proposed.items() if job_id in with_schedule}
    if not first:
        memory.count(world.release.rescheduled)


def _one(world: DuplicatiWorld, memory: Memory, job: Job, schedule: Schedule, now: Moment) -> bool:
    """Reckon one job; return False when no date was found."""
    here = int(now.wall)
    known = memory.proposed.get(job.id)
    start, last = (schedule.time, schedule.last_run) if known is None or known[0] != schedule.time else (known[1], YEAR_ONE)
    if last > here:
        start = last = here
    found = next_valid(start, last, schedule.repeat, schedule.days, world.zone)
    if found is not None and found <= here:
        due, found = found, next_valid(found, max(here, found) + 1, schedule.repeat, schedule.days, world.zone)
        if found is not None and memory.has(job.id) is None:
            runner.enqueue(world, memory, job, now, scheduled=found)
        world.due.append((job.id, due))
    if found is None:
        return False
    memory.proposed[job.id] = (schedule.time, found)
    return True


def next_due(memory: Memory) -> int | None:
    """Return the UNIX seconds of the next due time."""
    return None if memory.lost else min((following for _, following in memory.proposed.values()), default=None)


def proposed(memory: Memory) -> list[tuple[str, int]]:
    """Return the jobs and their next times, earliest first."""
    return sorted(((job_id, following) for job_id, (_, following) in memory.proposed.items()), key=lambda each: (each[1], each[0]))
