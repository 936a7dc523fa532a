"""What one Duplicati server believes, at one moment. Frozen; no secret is in it.

Times are UNIX seconds on the server's clock unless they are a ``Moment`` (ours). A time of the year 1, which is Duplicati's "none", is
None here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from watchdog.model.moments import Moment
from watchdog.panels.duplicati.releases import UNKNOWN, Capabilities
from watchdog.panels.duplicati.states import ServerState, Task
from watchdog.panels.duplicati.witness import Pulse

__all__ = [
    "PANEL_NAME", "Backup", "Details", "DuplicatiView", "LastResult", "Metadata", "Notification", "Progress", "Schedule", "ServerState",
    "StoredPause", "Task",
]  # fmt: skip

PANEL_NAME: Final = "duplicati"
Result = Literal["Success", "Warning", "Error", "Fatal", "Unknown"]


@dataclass(frozen=True, slots=True)
class StoredPause:
    """The setting ``paused-until``: the pause as it would come back after a restart.

    ``absent`` = this release stores none; ``none`` = no pause; ``until`` has its end; a past one counts as none (2.2.0.1 leaves it there).
    """

    kind: Literal["absent", "none", "indefinite", "until", "unreadable"] = "absent"
    until: float | None = None

    def stands(self, now: float) -> bool:
        """Whether a restart at ``now`` (UNIX seconds) would find a pause."""
        return self.kind == "indefinite" or (self.kind == "until" and self.until is not None and self.until > now)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job is due. ``time`` is the next slot as stored; it moves on only when a scheduled run has ended, and may be in the past.

    ``days`` are the allowed weekdays as ``mon`` ... ``sun``, none = every day. ``repeat`` is as written: ``1D``, ``6h``.
    """

    time: float | None
    repeat: str
    days: tuple[str, ...] = ()
    last_run: float | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the server notes of a job (contract section 3). Sizes in bytes, ``duration`` in seconds; None = it has not said.

    ``started`` and ``finished`` are of the last run that returned a result, also one with errors; ``error_at`` of the last one that threw,
    and is never cleared. ``newest`` is the time of the newest version at the destination. ``error`` is what the message was about, in our
    words: see ``answers.topic``; the text itself may hold paths and credentials.
    """

    started: float | None = None
    finished: float | None = None
    duration: float | None = None
    newest: float | None = None
    versions: int | None = None
    target_bytes: int | None = None
    target_files: int | None = None
    source_bytes: int | None = None
    source_files: int | None = None
    quota_total: int | None = None
    quota_free: int | None = None
    quota_assigned: int | None = None
    error_at: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class LastResult:
    """The newest result in a job's own log. ``operation`` is Backup, Repair, ...; ``logged_at`` is when it was written.

    Counts are of files and of the lines the run logged, sizes in bytes; None = not in it.
    """

    id: int
    logged_at: float
    operation: str
    result: Result
    interrupted: bool = False
    partial: bool = False
    began: float | None = None
    ended: float | None = None
    warnings: int = 0
    errors: int = 0
    examined_files: int | None = None
    examined_bytes: int | None = None
    added_files: int | None = None
    modified_files: int | None = None
    deleted_files: int | None = None
    uploaded_bytes: int | None = None
    downloaded_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What only ``/backup/{id}`` says of a job: whitelisted.

    ``sources`` are plain paths; ``other_sources`` counts those that are no paths (a remote source may hold a credential). ``options`` holds
    the options of ``answers.OPTIONS`` alone.
    """

    sources: tuple[str, ...] = ()
    other_sources: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backup:
    """One job. ``scheme`` is all that is kept of its TargetURL, which carries credentials.

    ``db_path`` is its own database, as the server's host sees it; ``db_exists`` None = not known. ``result`` is the newest *backup* in its
    log, ``last`` the newest result of any kind (None = the log has none, or could not be read: ``log_read``). ``details`` None = not read.
    """

    id: str
    name: str
    scheme: str = ""
    schedule: Schedule | None = None
    metadata: Metadata = Metadata()
    db_path: str = ""
    db_exists: bool | None = None
    result: LastResult | None = None
    last: LastResult | None = None
    log_read: bool = False
    details: Details | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the task under way is. Only there when it is of the active task: the server repeats the last one's for ever.

    ``mark`` is a digest of all that moves (names of files included): the same mark = nothing moved.
    """

    task: int
    backup: str
    phase: str
    overall: float
    done_files: int
    done_bytes: int
    total_files: int
    total_bytes: int
    speed: float
    counting: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Notification:
    """One note in the server's own pages. ``about`` is what it says, in our words (see ``answers.topic``)."""

    id: int
    type: Literal["Information", "Warning", "Error"]
    backup: str
    action: str
    at: float | None
    about: str = ""


@dataclass(frozen=True, slots=True)
class DuplicatiView:
    """One whole look.

    ``startup_delay`` is as the server has it ("" = none). ``tasks`` maps known tasks to when they were started (None = waiting); None on
    releases whose ``/tasks`` is full of secrets. ``zone`` is the server's time zone ("" = it does not say); ``offset`` its present offset
    from UTC in seconds. ``clock_skew`` is how many seconds its clock is ahead of ours, None = not known. ``reports`` are the newest
    reports it sent, by job.
    """

    at: Moment
    version: str
    capabilities: Capabilities = UNKNOWN
    state: ServerState = field(default_factory=lambda: ServerState(Moment(0.0, 0.0), paused=False))
    stored_pause: StoredPause = StoredPause()
    startup_delay: str = ""
    backups: tuple[Backup, ...] = ()
    tasks: Mapping[int, float | None] | None = None
    progress: Progress | None = None
    notifications: tuple[Notification, ...] = ()
    zone: str = ""
    offset: float = 0.0
    clock_skew: float | None = None
    pulse: Pulse = field(default_factory=Pulse)
    reports: Mapping[str, object] = field(default_factory=dict)

    def backup(self, key: str) -> Backup | None:
        """Return a job by its id or, if none has it, by its name (case does not matter, as for the server); None = there is none."""
        by_id = next((each for each in self.backups if each.id == key), None)
        return by_id or next((each for each in self.backups if each.name.casefold() == key.casefold()), None)
