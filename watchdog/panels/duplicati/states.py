"""The state of one Duplicati server as one reading shows it. Frozen. ``view.py`` hands these names on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.model.moments import Moment


@dataclass(frozen=True, slots=True)
class Task:
    """A task of the server: its id (ids begin anew at 2 with each start) and the job it is of ("" = of none)."""

    id: int
    backup: str = ""


@dataclass(frozen=True, slots=True)
class ServerState:
    """One answer of ``/serverstate`` (contract section 2).

    ``paused`` is the intention, not whether anything runs. ``pause_end`` is its announced end, None = none; read it with ``paused`` only:
    2.1.0.x may show a future one while it runs. ``proposed`` are the scheduler's next times by job, empty until its thread ran.
    ``connection`` numbers the connection it came over (two readings over one are of one life of the server, unless a proxy is between);
    ``direct`` is whether the server itself seems to be at its end.
    """

    at: Moment
    paused: bool
    pause_end: float | None = None
    active: Task | None = None
    queue: tuple[Task, ...] = ()
    proposed: Mapping[str, float] = field(default_factory=dict)
    last_event: int = 0
    last_data: int = 0
    last_notification: int = 0
    has_warning: bool = False
    has_error: bool = False
    icon: str = ""
    typed: bool = False
    connection: int = 0
    direct: bool = True

    @property
    def program(self) -> str:
        """Return the state in the server's own word."""
        return "Paused" if self.paused else "Running"

    def busy_with(self, backup: str) -> bool:
        """Whether a job runs or waits in the queue."""
        return any(task.backup == backup for task in (*self.queue, *((self.active,) if self.active else ())))
