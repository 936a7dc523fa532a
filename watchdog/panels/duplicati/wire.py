"""How one Duplicati server is spoken to: who is let in how, which connection an exchange takes, what the pulse hears of it. No policy.

Every reading of ``/serverstate`` goes over one kept connection and into the pulse (``witness.py``), whoever asked for it; all else goes
over a connection of its own. Only this module and ``login.py`` know which status code means what (contract section 1).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

from watchdog.errors import DeadlinePassed, ServerFault, Unreachable, WatchdogError
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.panels.duplicati import answers, witness
from watchdog.panels.duplicati.login import BAD_REQUEST, Expired, Login, NobodyBehind, NotUnderstood, TooOld, accepted
from watchdog.panels.duplicati.old import OldLogin, is_old
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.states import ServerState
from watchdog.panels.duplicati.view import PANEL_NAME
from watchdog.panels.duplicati.witness import Pulse
from watchdog.runtime.http import Answer, Http, Tls, counted
from watchdog.runtime.kept import KeptHttp

MIB: Final = 1 << 20
LARGEST: Final = 32 * MIB
KESTREL: Final = "kestrel"
OPERATIONS: Final = (
    "login", "state", "health", "settings", "info", "backups", "job", "log", "notifications", "tasks", "progress", "path", "task",
    "pause", "resume", "run", "repair", "stop", "abort", "put_job", "put_setting",
)  # fmt: skip
"""Names of all our calls, for the count of requests."""
T = TypeVar("T")


class Booting(ServerFault):
    """The server is starting: it answered with a fault within 30 s of a refused connection."""


class Wire:
    """All exchanges with one server, from many threads. Every method raises the house's errors and nothing else.

    ``seconds`` bounds one exchange; not given = the target's ``timeout``. ``skew`` is how many seconds the server's clock is ahead of ours.
    ``old`` = it is a 2.0, which is only observed: no order is sent.
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
        self._http = http(Http, self._credentials)
        self._kept = cast(KeptHttp, http(KeptHttp, self._credentials))
        self._turn = threading.RLock()
        self._pulse = Pulse()
        self.skew = 0.0
        self.old = False

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
                self._pulse, state, behind_proxy=self._settings.behind_proxy, skew=self.skew
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
        """Ask ``/health``, which needs no credential; whether it answers well. The pulse hears of it when it does not. A 2.0 has none."""
        if self.old:
            return True
        try:
            self._open.ask("health", "GET", "/health", _nothing, seconds=seconds, accept=accepted)
        except WatchdogError as error:
            with self._turn:
                self._silence(error)
            return False
        return True

    def turns_out_old(self) -> bool:
        """Ask for the server's page, for ``doctor``: whether it is that of a 2.0."""
        try:
            return is_old(self._open, self._settings.timeout)
        except WatchdogError:
            return False

    def ordered(self) -> None:
        """Let the pulse hear that it is we who are about to end the pause."""
        with self._turn:
            self._pulse = witness.sent(self._pulse, self._clock.now())

    def close(self) -> None:
        """Give back the connection."""
        self._kept.close()
        self._http.close()

    def read(self, operation: str, path: str, parse: Callable[[object], T], seconds: float | None = None,
             query: Mapping[str, str | int] | None = None) -> T:  # fmt: skip
        """Read one JSON answer over a connection of its own."""
        return self._let_in(
            lambda left: self._http.ask(
                operation, "GET", path, lambda answer: parse(answer.json()), query=query, seconds=left, accept=self._taken
            ), self._http, seconds,
        )  # fmt: skip

    def order(
        self, operation: str, method: str, path: str, parse: Callable[[object], T] | None = None, *,
        query: Mapping[str, str] | None = None, json: object = None, seconds: float | None = None,
    ) -> T:  # fmt: skip
        """Send one order; without ``parse`` its answer's body, which is mostly empty, is not looked at."""
        if self.old:
            raise TooOld(f"{operation}: {self._http.server} is a Duplicati 2.0, which is too old: it is only observed")
        told: Callable[[Answer], T] = (lambda answer: parse(answer.json())) if parse is not None else cast(Callable[[Answer], T], _nothing)
        return self._let_in(
            lambda left: self._http.ask(operation, method, path, told, query=query, json=json, seconds=left, accept=self._taken),
            self._http, seconds,
        )  # fmt: skip

    def _credentials(self) -> Mapping[str, str]:
        return self._login.headers()

    def _lasting(self, operation: str, path: str, parse: Callable[[Answer], T], seconds: float | None) -> T:
        return self._let_in(
            lambda left: self._kept.ask(operation, "GET", path, parse, seconds=left, accept=self._taken), self._kept, seconds
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
            try:
                result = self._with_a_session(exchange, left)
            except NotUnderstood as error:
                if self._pulse.state is not None or self.old or not self._turns_out_old(error, left()):
                    raise
                result = self._with_a_session(exchange, left)
        except ServerFault as error:
            raise self._booting(error) from None
        self._login.taken()
        return result

    def _with_a_session(self, exchange: Callable[[float], T], left: Callable[[], float]) -> T:
        self._login.ensure(left())
        used = self._login.headers()
        try:
            return exchange(left())
        except Expired as error:
            self._login.lost(used, error)
            self._login.ensure(left())
            return exchange(left())

    def _turns_out_old(self, error: NotUnderstood, seconds: float) -> bool:
        """Whether who refused us is a 2.0; then it is spoken to in its own way from now on. Raises TooOld when that has no tokens."""
        if not is_old(self._open, seconds):
            return False
        if self._settings.auth != "password":
            raise TooOld(f"{error}: it is a Duplicati 2.0, which is too old and knows a password only") from None
        self.old = True
        self._login = OldLogin(self._settings, self._open, self._clock)
        return True

    def _taken(self, answer: Answer) -> Answer:
        if self.old and answer.status == BAD_REQUEST:
            raise Expired(f"{answer.operation}: {answer.server} does not take the token of its page any more")
        return accepted(answer)

    def _booting(self, error: ServerFault) -> ServerFault:
        if isinstance(error, Booting) or not self._pulse.booting(self._clock.now()):
            return error
        return Booting(f"the server is starting: {error}", error.delay)

    def _state(self, answer: Answer) -> ServerState:
        direct = answer.headers.get("server", "").lower() == KESTREL and "via" not in answer.headers and self._kept.lasting
        return answers.state(answer.json(), self._clock.now(), self._kept.number, direct=direct)

    def _silence(self, error: WatchdogError) -> WatchdogError:
        """Let the pulse hear of a failure; return it as it is to be raised."""
        proxied = isinstance(error, NobodyBehind)
        self._pulse = witness.silent(
            self._pulse, self._clock.now(), kind="booting" if isinstance(error, Booting) else type(error).__name__,
            refused=proxied or isinstance(error, Unreachable), severed=isinstance(error, DeadlinePassed) and not self._kept.open,
            proxied=proxied,
        )  # fmt: skip
        return error


def _nothing(_answer: Answer) -> None:
    return None
