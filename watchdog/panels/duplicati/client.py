"""The wire to one Duplicati server, 2.1 to 2.3: requests out, frozen values back. No policy.

Only this module and ``login.py`` know which status code means what, and only ``answers.py`` and ``job_answers.py`` what the bodies look
like (contract sections 1 to 3). Every reading of ``/serverstate`` goes over one kept connection and into the pulse (``witness.py``),
whoever asked for it. Orders answer 200 with an empty body: what one did is known by reading again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, cast

from watchdog.errors import DeadlinePassed, NotFound, Refused, ServerFault, Unreachable, WatchdogError
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.panels.duplicati import answers, job_answers, looking, witness
from watchdog.panels.duplicati.login import Expired, Login, NobodyBehind, accepted
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.states import ServerState
from watchdog.panels.duplicati.view import PANEL_NAME, Details, DuplicatiView, StoredPause
from watchdog.panels.duplicati.witness import Pulse
from watchdog.runtime.http import Answer, Http, Tls, counted, segment
from watchdog.runtime.kept import KeptHttp
from watchdog.runtime.shapes import Json, mapping, optional_text

MIB: Final = 1 << 20
LARGEST: Final = 32 * MIB
LONGEST_PAUSE: Final = 12 * 3600
"""Seconds of the longest pause that may be ordered: see settings.LONGEST_LEASE."""
KESTREL: Final = "kestrel"
OPERATIONS: Final = (
    "login", "state", "health", "settings", "info", "backups", "job", "log", "notifications", "tasks", "progress", "path", "task",
    "pause", "resume", "run", "repair", "stop", "abort", "put_job", "put_setting",
)  # fmt: skip
"""Names of all our calls, for the count of requests."""
T = TypeVar("T")


class Booting(ServerFault):
    """The server is starting: it answered with a fault within 30 s of a refused connection."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """What the server says of one task. Up to 2.1.0.5 a run that failed is ``Completed``, too."""

    status: Literal["Running", "Waiting", "Completed", "Failed"]
    started: float | None = None
    finished: float | None = None


def connect(settings: DuplicatiSettings, clock: Clock, instruments: Instruments) -> DuplicatiClient:
    """Build the client of one target; no I/O yet, the secret is read anew for each use."""
    return DuplicatiClient(settings, clock, instruments)


class DuplicatiClient:
    """All calls of one target, from many threads. Every method raises the house's errors and nothing else.

    ``seconds`` bounds one exchange; not given = the target's ``timeout``.
    """

    def __init__(self, settings: DuplicatiSettings, clock: Clock, instruments: Instruments) -> None:
        observe = counted(instruments, PANEL_NAME, settings.name, OPERATIONS)
        tls = Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls)
        named = {"Host": settings.host_header} if settings.host_header else {}

        def http(kind: type[Http], headers: Callable[[], Mapping[str, str]]) -> Http:
            return kind(
                settings.url, clock=clock, headers=lambda: {**named, **headers()}, seconds=settings.timeout, limit=LARGEST,
                observe=observe, tls=tls,
            )  # fmt: skip

        self._settings = settings
        self._clock = clock
        self._open = http(Http, dict)
        self._login = Login(settings, self._open, clock)
        self._http = http(Http, self._login.headers)
        self._kept = cast(KeptHttp, http(KeptHttp, self._login.headers))
        self._turn = threading.RLock()
        self._pulse = Pulse()
        self._looks = looking.Looks(settings, clock, self)

    # ---- readings ------------------------------------------------------------------------------------------------------------------------

    def view(self) -> DuplicatiView:
        """Read everything one look needs. Raises Booting, WrongPassword, HostRefused, TooOld, and what exchanges raise."""
        return self._looks.view()

    def pulse(self) -> Pulse:
        """Return what all readings so far told. Asks nobody."""
        return self._pulse

    def state(self, seconds: float | None = None) -> ServerState:
        """Read the server's state over the kept connection, and let the pulse hear of it."""
        with self._turn:
            try:
                state = self._lasting("state", "/api/v1/serverstate", self._state, seconds)
            except WatchdogError as error:
                raise self._silence(error) from None
            self._pulse = witness.heard(
                self._pulse, state, behind_proxy=self._settings.behind_proxy, skew=self._looks.skew or 0.0
            )  # fmt: skip
            return state

    @property
    def hidden(self) -> bool:
        """Whether the end of our connection proves nothing, as behind a proxy."""
        told = self._settings.behind_proxy
        return self._pulse.hidden if told is None else told

    @property
    def watched(self) -> bool:
        """Whether a kept connection is there to be watched."""
        return self._kept.open and not self.hidden

    def ended(self, seconds: float) -> bool:
        """Wait ``seconds`` at most for the server to end the kept connection; return whether it did. The pulse hears of it."""
        if not self._kept.ended(seconds):
            return False
        with self._turn:
            self._pulse = witness.silent(
                self._pulse, self._clock.now(), kind="ended", refused=not self.hidden, why="the server ended the connection"
            )  # fmt: skip
        return True

    def health(self, seconds: float | None = None) -> bool:
        """Ask ``/health``, which needs no credential; whether it answers well. The pulse hears of it when it does not."""
        try:
            self._open.ask("health", "GET", "/health", _nothing, seconds=seconds, accept=accepted)
        except WatchdogError as error:
            with self._turn:
                self._silence(error)
            return False
        return True

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
        with self._turn:
            self._pulse = witness.sent(self._pulse, self._clock.now())
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

    def close(self) -> None:
        """Give back the connection."""
        self._kept.close()
        self._http.close()

    # ---- the wire ------------------------------------------------------------------------------------------------------------------------

    def read(self, operation: str, path: str, parse: Callable[[object], T], seconds: float | None = None,
             query: Mapping[str, str | int] | None = None) -> T:  # fmt: skip
        """Read one JSON answer over a connection of its own."""
        return self._let_in(
            lambda left: self._http.ask(
                operation, "GET", path, lambda answer: parse(answer.json()), query=query, seconds=left, accept=accepted
            ), self._http, seconds,
        )  # fmt: skip

    def order(
        self, operation: str, method: str, path: str, parse: Callable[[object], T] | None = None, *,
        query: Mapping[str, str] | None = None, json: object = None, seconds: float | None = None,
    ) -> T:  # fmt: skip
        """Send one order; without ``parse`` its answer's body, which is mostly empty, is not looked at."""
        told: Callable[[Answer], T] = (lambda answer: parse(answer.json())) if parse is not None else cast(Callable[[Answer], T], _nothing)
        return self._let_in(
            lambda left: self._http.ask(operation, method, path, told, query=query, json=json, seconds=left, accept=accepted),
            self._http, seconds,
        )  # fmt: skip

    def _lasting(self, operation: str, path: str, parse: Callable[[Answer], T], seconds: float | None) -> T:
        return self._let_in(
            lambda left: self._kept.ask(operation, "GET", path, parse, seconds=left, accept=accepted), self._kept, seconds
        )  # fmt: skip

    def _let_in(self, exchange: Callable[[float], T], http: Http, seconds: float | None) -> T:
        """Exchange once; when the session is refused, obtain another and exchange once more. All within ``seconds``."""
        until = self._clock.now().mono + (seconds or self._settings.timeout)

        def left() -> float:
            rest = until - self._clock.now().mono
            if rest <= 0:
                raise DeadlinePassed(f"{http.server} did not answer in time")
            return rest

        try:
            self._login.ensure(left())
            used = self._login.headers()
            try:
                result = exchange(left())
            except Expired as error:
                self._login.lost(used, error)
                self._login.ensure(left())
                result = exchange(left())
        except ServerFault as error:
            raise self._booting(error) from None
        self._login.taken()
        return result

    def _booting(self, error: ServerFault) -> ServerFault:
        if isinstance(error, Booting) or not self._pulse.booting(self._clock.now()):
            return error
        return Booting(f"the server is starting: {error}", error.delay)

    def _state(self, answer: Answer) -> ServerState:
        direct = answer.headers.get("server", "").lower() == KESTREL and "via" not in answer.headers and self._kept.lasting
        return answers.state(answer.json(), self._clock.now(), self._kept.number, direct=direct)

    def _silence(self, error: WatchdogError) -> WatchdogError:
        """Let the pulse hear of a failure; return it as it is to be raised."""
        at = self._clock.now()
        nobody = isinstance(error, Unreachable | NobodyBehind)
        kind = "booting" if isinstance(error, Booting) else type(error).__name__
        self._pulse = witness.silent(self._pulse, at, kind=kind, refused=nobody, severed=isinstance(error, DeadlinePassed))
        return error


def _nothing(_answer: Answer) -> None:
    return None


def _task(body: object) -> TaskState:
    item = mapping(body, "task")
    status = optional_text(item, "Status")
    if status not in {"Running", "Waiting", "Completed", "Failed"}:
        raise Refused("task: the server says nothing of its status")
    known = cast(Literal["Running", "Waiting", "Completed", "Failed"], status)
    return TaskState(known, answers.when(optional_text(item, "TaskStarted")), answers.when(optional_text(item, "TaskFinished")))
