"""The queue and its one active task: what begins, what a pause stands still, what ends, and the report that is sent before it may end."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from watchdog.model.moments import Moment
from watchdog.panels.duplicati.fake import operations, reporting
from watchdog.panels.duplicati.fake.releases import Counts
from watchdog.panels.duplicati.fake.results import Result
from watchdog.panels.duplicati.fake.rows import Job, Run, Task

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.memory import Memory
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

IN_FLIGHT: Final = 3.0
"""Seconds an upload that is in flight goes on under a pause (pause-while-running.json, 2.3.0.4)."""


def enqueue(
    world: DuplicatiWorld,
    memory: Memory,
    job: Job,
    now: Moment,
    operation: str = "Backup",
    *,
    scheduled: int | None = None,
    first: bool = False,
) -> Task:
    """Queue an operation and begin it when nothing else runs; a job that is queued or active already keeps its task."""
    present = memory.has(job.id)
    if present is not None and present.operation == operation:
        return present
    task = Task(memory.next_task, job, operation, scheduled)
    memory.next_task += 1
    memory.tasks[task.id] = task
    memory.queue.insert(0 if first else len(memory.queue), task)
    memory.count(world.release.queued)
    begin_next(world, memory, now)
    return task


def begin_next(world: DuplicatiWorld, memory: Memory, now: Moment) -> None:
    """Begin the first of the queue, unless the runner is paused or busy."""
    if memory.active is not None or memory.runner_paused or not memory.queue:
        return
    task = memory.active = memory.last = memory.queue.pop(0)
    task.started, task.started_mono = now.wall, now.mono
    task.failure, seconds = operations.begun(world, task, now.wall)
    task.ends_at = None if seconds is None else now.mono + seconds
    memory.count(world.release.begun)
    world.runs.append(Run(task.job.id, task.id, now.wall, memory.paused))


def stand_still(world: DuplicatiWorld, memory: Memory, now: Moment) -> None:
    """Stand the active task still, where this release's pause does that."""
    task = memory.active
    if task is not None and world.release.stops_tasks and task.frozen_since is None:
        task.frozen_since = now.mono


def go_on(memory: Memory, now: Moment) -> None:
    """Let the active task go on."""
    task = memory.active
    if task is None or task.frozen_since is None:
        return
    stood, task.frozen_since = now.mono - task.frozen_since, None
    task.stood += stood
    task.ends_at = None if task.ends_at is None else task.ends_at + stood


def stop(world: DuplicatiWorld, memory: Memory, task: Task, now: Moment) -> None:
    """Cancel a task: one that waits is not reached by it (contract section 3), one that runs ends within seconds."""
    if memory.active is task and not task.stopping:
        task.stopping, task.frozen_since = True, None
        task.failure = operations.cancelled(world)
        task.ends_at = now.mono + 1.0


def ended(world: DuplicatiWorld, memory: Memory, now: Moment) -> None:
    """Carry out the end of the active task; with a report to send it stays active until somebody has answered (or nobody did)."""
    task = memory.active
    if task is None:
        return
    task.ends_at = None
    result = operations.carried_out(world, task, now.wall)
    urls = reporting.addresses(world, task.job)
    if not urls:
        close(world, memory, task, now)
        return
    task.reporting = True
    sender = threading.Thread(target=_send, args=(world, memory, task, urls, result), name="fake-duplicati-report", daemon=True)
    sender.start()


def _send(world: DuplicatiWorld, memory: Memory, task: Task, urls: list[str], result: Result) -> None:
    delivered = [reporting.send(world, task.job, url, result) for url in urls]
    with world.lock:
        if world.memory is memory:  # else it was stopped meanwhile
            if not all(delivered):
                operations.warn_of_report(world, memory, task)
            close(world, memory, task, world.clock.now())


def close(world: DuplicatiWorld, memory: Memory, task: Task, now: Moment) -> None:
    """Let the active task be over: store the schedule's next time and begin the next."""
    task.finished, task.closed, task.reporting = now.wall, True, False
    memory.active = None
    schedule = task.job.schedule
    if task.scheduled is not None and schedule is not None and task.started is not None:
        # whatever was PUT meanwhile: due-while-paused-resumed.json
        schedule.time, schedule.last_run = task.scheduled, int(task.started)
    ending = "stopped" if task.stopping else "failed" if task.failure else "success"
    world.runs = [replace(run, ended=now.wall, ending=ending) if _is(run, task) else run for run in world.runs]
    memory.count(world.release.ended)
    memory.reschedule_at = now.mono
    world.told()
    begin_next(world, memory, now)


def _is(run: Run, task: Task) -> bool:
    return run.task == task.id and run.began == task.started and not run.ending


def moved_for(task: Task, memory: Memory, now: Moment) -> float:
    """Return for how many seconds a task has really moved: not while it stood still, uploads in flight apart."""
    if task.started is None:
        return 0.0
    until = now.mono
    if task.frozen_since is not None:
        until = min(until, task.frozen_since + (0.0 if memory.transfers_paused else IN_FLIGHT))
    return max(0.0, until - task.started_mono - task.stood)


NOTICED: Final = Counts(1, 0, 1)
