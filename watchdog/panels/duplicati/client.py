"""The calls to one Duplicati server, 2.1 to 2.3: requests out, frozen values back. No policy.

``wire.py`` has the way they go; only ``answers.py`` and ``job_answers.py`` know what bodies look like (contract sections 2 and 3). Orders
answer 200 with an empty body: what one did is known by reading again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from watchdog.errors import NotFound, Refused
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.panels.duplicati import answers, job_answers, looking
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.view import Details, DuplicatiView, StoredPause
from watchdog.panels.duplicati.wire import OPERATIONS, Booting, Wire
from watchdog.runtime.http import segment
from watchdog.runtime.shapes import Json, mapping, optional_text

__all__ = ["OPERATIONS", "Booting", "DuplicatiClient", "TaskState", "connect"]

LONGEST_PAUSE: Final = 12 * 3600
"""Seconds of the longest pause that may be ordered: see settings.LONGEST_LEASE."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """What the server says of one task. Up to 2.1.0.5 a run that failed is ``Completed``, too."""

    status: Literal["Running", "Waiting", "Completed", "Failed"]
    started: float | None = None
    finished: float | None = None


def connect(settings: DuplicatiSettings, clock: Clock, instruments: Instruments) -> DuplicatiClient:
    """Build the client of one target; no I/O yet, the secret is read anew for each use."""
    return DuplicatiClient(settings, clock, instruments)


class DuplicatiClient(Wire):
    """All calls of one target, from many threads; ``seconds`` as in ``Wire``."""

    def __init__(self, settings: DuplicatiSettings, clock: Clock, instruments: Instruments) -> None:
        super().__init__(settings, clock, instruments)
        self._looks = looking.Looks(settings, clock, self)

    # ---- readings ------------------------------------------------------------------------------------------------------------------------

    def view(self) -> DuplicatiView:
        """Read everything one look needs. Raises Booting, WrongPassword, HostRefused, TooOld, and what exchanges raise."""
        return self._looks.view()

    def info(self) -> Json:
        """Return ``/systeminfo``: some hundred KiB, so rarely."""
        return self.read("info", "/api/v1/systeminfo", lambda body: mapping(body, "systeminfo"))

    def settings(self) -> Json:
        """Return ``/serversettings`` as it came; it may hold secrets."""
        return self.read("settings", "/api/v1/serversettings", answers.settings)

    def stored_pause(self) -> StoredPause:
        """Return the pause as it would come back after a restart."""
        return answers.stored_pause(self.settings())

    def startup_delay(self) -> str:
        """Return the server's startup delay, "" = none."""
        return answers.startup_delay(self.settings())

    def details(self, backup: str) -> Details:
        """Return what only the job's own page says, whitelisted."""
        return job_answers.details(self.job(backup))

    def job(self, backup: str, seconds: float | None = None) -> dict[str, object]:
        """Return a job as the server gave it, secrets included: for putting it back within the same exchange, never to be kept or told."""
        return self.read("job", f"/api/v1/backup/{segment(backup)}", lambda body: dict(mapping(body, "backup")), seconds)

    def task(self, task: int) -> TaskState | None:
        """Return what the server says of a task; None = it knows it no more."""
        try:
            return self.read("task", f"/api/v1/task/{task}", _task)
        except NotFound:
            return None

    def path_exists(self, path: str) -> bool:
        """Ask the server whether a path exists on its host."""
        try:
            self.order("path", "POST", "/api/v1/filesystem/validate", json={"path": path})
        except NotFound:
            return False
        return True

    # ---- orders --------------------------------------------------------------------------------------------------------------------------

    def pause(self, length: int, *, transfers: bool = False, seconds: float | None = None) -> None:
        """Let the server pause for ``length`` whole seconds, 1 to 12 hours' worth; a pause that stands is replaced.

        Zero or less would be a pause for ever on 2.1.1 and later, a body would be one on 2.1 (contract section 2): ValueError.
        """
        if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= LONGEST_PAUSE:
            raise ValueError("a pause is 1 to 43200 whole seconds")
        query = {"duration": f"{length}s"} | ({"pauseTransfers": "true"} if transfers else {})
        self.order("pause", "POST", "/api/v1/serverstate/pause", query=query, seconds=seconds)

    def resume(self, seconds: float | None = None) -> None:
        """Let the server go on. The pulse hears first that it is we who do it."""
        self.ordered()
        self.order("resume", "POST", "/api/v1/serverstate/resume", seconds=seconds)

    def run(self, backup: str, seconds: float | None = None) -> int:
        """Let a job run; return its task's id (that of the one which runs or waits already, if so)."""
        return self.order("run", "POST", f"/api/v1/backup/{segment(backup)}/run", answers.started_task, seconds=seconds)

    def repair_database(self, backup: str, seconds: float | None = None) -> int:
        """Let the server rebuild or mend a job's local database; return the task's id."""
        return self.order("repair", "POST", f"/api/v1/backup/{segment(backup)}/repair", answers.started_task, seconds=seconds)

    def stop(self, task: int, verb: str = "stop", seconds: float | None = None) -> None:
        """Stop a task after the file it is at; ``verb`` as the release calls it (``Capabilities.stop_verbs``)."""
        self.order("stop", "POST", f"/api/v1/task/{task}/{segment(verb)}", seconds=seconds)

    def abort(self, task: int, seconds: float | None = None) -> None:
        """Abort a task."""
        self.order("abort", "POST", f"/api/v1/task/{task}/abort", seconds=seconds)

    def put_job(self, backup: str, body: Mapping[str, object], seconds: float | None = None) -> None:
        """Store a job: a full replacement, whose rules are those of ``putting.py``."""
        self.order("put_job", "PUT", f"/api/v1/backup/{segment(backup)}", json=dict(body), seconds=seconds)

    def set_startup_delay(self, delay: str, seconds: float | None = None) -> None:
        """Set the server's startup delay, "" = none."""
        self.order("put_setting", "PATCH", "/api/v1/serversettings", json={"startup-delay": delay}, seconds=seconds)


def _task(body: object) -> TaskState:
    item = mapping(body, "task")
    status = optional_text(item, "Status")
    if status not in {"Running", "Waiting", "Completed", "Failed"}:
        raise Refused("task: the server says nothing of its status")
    known = cast(Literal["Running", "Waiting", "Completed", "Failed"], status)
    return TaskState(known, answers.when(optional_text(item, "TaskStarted")), answers.when(optional_text(item, "TaskFinished")))
