"""What a server keeps in memory only, and so has forgotten after each start: counters, queue, timer, the scheduler's times, progress."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchdog.panels.duplicati.fake.releases import Counts
from watchdog.panels.duplicati.fake.rows import Task

FIRST_TASK = 2


@dataclass(slots=True)
class Memory:
    """One life of the server, from its start to its stop. Monotonic times are the world's clock's."""

    counters: Counts
    paused: bool = False
    runner_paused: bool = False
    """Whether the queue really stands; before 2.2.0.3 it does not after a restored pause (contract section 2, item 5)."""
    transfers_paused: bool = False
    end_ticks: int = 0
    """EstimatedPauseEnd: 0 = none, or no end."""
    timer_at: float | None = None
    """When (monotonic) the timer resumes."""
    queue: list[Task] = field(default_factory=list)
    active: Task | None = None
    tasks: dict[int, Task] = field(default_factory=dict)
    next_task: int = FIRST_TASK
    proposed: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Per job the stored time it was reckoned from, and the next one."""
    reschedule_at: float | None = None
    lost: bool = False
    """Whether the scheduler has lost its way in a schedule without a time (put.json: it proposes the same for ever after)."""
    last: Task | None = None
    """The task of which progressstate tells, long after it ended."""
    forever_issued: bool = False
    errors_left: int = 0
    """So many calls are answered 500 in the first moment (contract section 1, /health)."""

    def count(self, counts: Counts) -> None:
        """Let the counters grow."""
        mine = self.counters
        self.counters = Counts(mine.events + counts.events, mine.changes + counts.changes, mine.notices + counts.notices)

    def has(self, job_id: str) -> Task | None:
        """Return the task of a job that is active or queued."""
        found = [*([self.active] if self.active else []), *self.queue]
        return next((task for task in found if task.job.id == job_id), None)
