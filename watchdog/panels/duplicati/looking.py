"""One look at a server: which answers are read anew, which are still good. Keeps only what was parsed.

State, settings, jobs and notifications are read in each look. ``/systeminfo`` (the whole catalogue of options), a job's own page and a
job's log are read when something says that they changed, after a restart, and now and then; a handful of jobs per look, the longest
unread first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, TypeVar

from watchdog.errors import NotFound, ServerFault, Unknown
from watchdog.model.moments import Clock, Moment
from watchdog.panels.duplicati import answers, job_answers
from watchdog.panels.duplicati.releases import UNKNOWN, Capabilities, Signs, capabilities
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.states import ServerState
from watchdog.panels.duplicati.view import Backup, Details, DuplicatiView, LastResult, Notification, Progress
from watchdog.panels.duplicati.witness import Pulse
from watchdog.runtime.http import segment
from watchdog.runtime.shapes import Json, optional_text

LOOK_SECONDS: Final = 50.0
"""How long one look may take: less than the minute after which the house gives a reading up."""
INFO_EVERY: Final = 600.0
PAGE_EVERY: Final = 3600.0
PATH_EVERY: Final = 300.0
MOST_JOBS: Final = 10
"""How many jobs' pages or logs are read in one look."""
ABOUT_ONE_JOB = (ServerFault, Unknown, NotFound)
"""What one job's trouble looks like: its database is broken, it was deleted just now. The rest is the server's."""
T = TypeVar("T")


class Reads(Protocol):
    """What a look needs of the client; ``skew`` is where it leaves how many seconds the server's clock is ahead."""

    skew: float

    def state(self, seconds: float | None = None) -> ServerState:
        """Read the server's state."""
        ...

    def pulse(self) -> Pulse:
        """Return what all readings told."""
        ...

    def settings(self) -> Json:
        """Return the server's settings."""
        ...

    def info(self) -> Json:
        """Return what the server says of itself."""
        ...

    def path_exists(self, path: str) -> bool:
        """Ask whether a path exists on the server's host."""
        ...

    def read(
        self, operation: str, path: str, parse: Callable[[object], T], seconds: float | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> T:  # fmt: skip
        """Read one answer."""
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    """What the server said of itself: version, zone, its offset from UTC, how far its clock is ahead, and its stand-in for passwords."""

    version: str = ""
    zone: str = ""
    offset: float = 0.0
    skew: float | None = None
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class _Page:
    """What was read of one job and when (monotonic seconds); ``sign`` is what must change for its log to be read anew."""

    details: Details | None = None
    details_at: float = float("-inf")
    results: tuple[LastResult, ...] = ()
    log_read: bool = False
    log_at: float = float("-inf")
    sign: tuple[object, ...] = ()
    db_exists: bool | None = None
    db_at: float = float("-inf")


class Looks:
    """The looks at one server, one at a time: the target's own loop and a remedy may both want one."""

    def __init__(self, settings: DuplicatiSettings, clock: Clock, client: Reads) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client
        self._turn = threading.Lock()
        self._said = _Said()
        self._said_at = float("-inf")
        self._pages: dict[str, _Page] = {}
        self._restarts = -1
        self._tasks: dict[str, int] = {}

    def view(self) -> DuplicatiView:
        """Read everything one look needs; see ``client.view``."""
        with self._turn:
            return self._looked()

    def _looked(self) -> DuplicatiView:
        began = self._clock.now().mono
        state = self._client.state()
        self._after_a_restart()
        said, settings = self._info(), self._client.settings()
        can = capabilities(said.version, Signs(state.typed, "paused-until" in settings, said.placeholder))
        jobs = self._client.read("backups", "/api/v1/backups", job_answers.backups)
        notes = self._client.read("notifications", "/api/v1/notifications", answers.notifications)
        backups = self._completed(jobs, state, notes, can, began + LOOK_SECONDS)
        return DuplicatiView(
            at=state.at,
            version=said.version,
            capabilities=can,
            state=state,
            stored_pause=answers.stored_pause(settings),
            startup_delay=answers.startup_delay(settings),
            backups=backups,
            tasks=self._client.read("tasks", "/api/v1/tasks", answers.tasks) if can.modern else None,
            progress=self._progress(state),
            notifications=notes,
            zone=said.zone or self._settings.zone,
            offset=said.offset,
            clock_skew=said.skew,
            pulse=self._client.pulse(),
        )

    def _after_a_restart(self) -> None:
        restarts = self._client.pulse().restarts
        if restarts != self._restarts:
            # it may be another release, another database, another clock
            self._restarts, self._said_at = restarts, float("-inf")
            self._tasks.clear()
            self._pages = {job: replace(page, log_at=float("-inf"), db_at=float("-inf")) for job, page in self._pages.items()}

    def _info(self) -> _Said:
        before = self._clock.now()
        if before.mono - self._said_at < INFO_EVERY:
            return self._said
        info = self._client.info()
        self._said = _said(info, before, self._clock.now())
        self._said_at = before.mono
        self._client.skew = self._said.skew or 0.0
        return self._said

    def _progress(self, state: ServerState) -> Progress | None:
        if state.active is None:
            return None
        try:
            return self._client.read("progress", "/api/v1/progressstate", lambda body: answers.progress(body, state.active))
        except NotFound:
            return None  # before the first task since the server's start

    def _completed(
        self, jobs: tuple[Backup, ...], state: ServerState, notes: tuple[Notification, ...], can: Capabilities, until: float
    ) -> tuple[Backup, ...]:  # fmt: skip
        if state.active is not None and state.active.backup:
            self._tasks[state.active.backup] = state.active.id
        self._pages = {job.id: self._pages.get(job.id, _Page()) for job in jobs}
        left = MOST_JOBS
        for job in sorted(jobs, key=lambda each: self._pages[each.id].log_at):
            if left == 0 or self._clock.now().mono >= until:
                break
            page = self._turned(job, state, notes, can)
            left -= page is not self._pages[job.id]
            self._pages[job.id] = page
        return tuple(_with(job, self._pages[job.id]) for job in jobs)

    def _turned(self, job: Backup, state: ServerState, notes: tuple[Notification, ...], can: Capabilities) -> _Page:
        """Return what is known of one job, with what had to be read anew."""
        page, now = self._pages[job.id], self._clock.now().mono
        path = f"/api/v1/backup/{segment(job.id)}"
        if now - page.details_at >= PAGE_EVERY:
            page = replace(page, details=self._of_one("job", path, job_answers.details), details_at=now)
        newest = max((note.id for note in notes if note.backup == job.id), default=0)
        # a short task between two looks leaves its row, and no more than the counter of stored changes tells of it
        sign = (job.metadata, job.db_exists, newest, self._tasks.get(job.id), state.last_data)
        running = state.active is not None and state.active.backup == job.id
        changed = not running and sign != page.sign
        if changed or (not running and now - page.log_at >= PAGE_EVERY):
            results = self._of_one("log", f"{path}/log", job_answers.results, {"pagesize": 10})
            page = replace(page, results=results or (), log_read=results is not None, log_at=now, sign=sign)
        # a first run makes the database: what was seen before it would be a drift for minutes
        if not can.modern and can.mendable and can is not UNKNOWN and job.db_path and (changed or now - page.db_at >= PATH_EVERY):
            page = replace(page, db_exists=self._client.path_exists(job.db_path), db_at=now)
        return page

    def _of_one(self, operation: str, path: str, parse: Callable[[object], T], query: Mapping[str, str | int] | None = None) -> T | None:
        try:
            return self._client.read(operation, path, parse, query=query)
        except ABOUT_ONE_JOB:
            if self._client.pulse().booting(self._clock.now()):
                raise  # it is not this job
            return None


def _said(info: Json, before: Moment, after: Moment) -> _Said:
    written = optional_text(info, "ServerTime")
    at = answers.when(written)
    offset = 0.0
    if at is not None:
        zone = datetime.fromisoformat(written).utcoffset()
        offset = zone.total_seconds() if zone is not None else 0.0
    skew = at - (before.wall + after.wall) / 2 if at is not None else None
    return _Said(
        optional_text(info, "ServerVersion")[:40], optional_text(info, "ServerTimeZone")[:60], offset, skew,
        optional_text(info, "PasswordPlaceholder")[:40],
    )  # fmt: skip


def _with(job: Backup, page: _Page) -> Backup:
    exists = job.db_exists if job.db_exists is not None else page.db_exists
    backup = next((each for each in page.results if each.operation == "Backup"), None)
    last = page.results[0] if page.results else None
    return replace(job, db_exists=exists, result=backup, last=last, log_read=page.log_read, details=page.details)
