"""The wire to one WGDashboard, 4.0 to 4.3.3: requests out, frozen values back. No policy.

Only this module and ``session.py`` know which status code means what, and only ``answers.py`` what the bodies look like (contract
section 1). The key is traded for a session once; what is polled is ``getWireguardConfigurationInfo``, one configuration after the other,
for the panel has one or two threads. Names come as ``names.py`` says. Nothing here changes the panel but ``reread``, which only a remedy
calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TypeVar

from watchdog.errors import DeadlinePassed, Forbidden, ServerFault, Unknown
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock, Moment
from watchdog.panels.wgdashboard import answers
from watchdog.panels.wgdashboard.answers import SaidNo
from watchdog.panels.wgdashboard.names import Order, names_in_files
from watchdog.panels.wgdashboard.session import Session
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.view import (
    LISTS_PEERS_SINCE,
    LOGS_EVERY_REQUEST_UNTIL,
    PANEL_NAME,
    Access,
    Configuration,
    WgdashboardView,
    parse_version,
)
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import Answer, Http, Tls, counted

MIB: Final = 1 << 20
LARGEST: Final = 64 * MIB
"""Each peer comes with its whole configuration again: a thousand peers are some 2 MiB."""
LOOK_SECONDS: Final = 50.0
"""How long one look may take: less than the minute after which the house gives a reading up."""
JITTER: Final = 1.0
"""Seconds by which a look may come too early to count as due."""
WATCH_SECONDS: Final = 120.0
"""How long after its answers came to a standstill a configuration makes us ask more often; one may stand for ever in a panel that is well,
as one whose peers with an age are not in the kernel any more does."""
OPERATIONS: Final = ("version", "handshake", "login", "names", "configuration", "reread")
"""Names of all our calls, for the count of requests."""

ReadT = TypeVar("ReadT")
NamesFrom = Literal["panel", "files", "settings", ""]
ABOUT_ONE_CONFIGURATION = (ServerFault, Unknown)
"""What one configuration's trouble looks like: an HTML 500 for a lost file (4.2), a shape we do not know. The rest is the panel's."""


def connect(settings: WgdashboardSettings, clock: Clock, instruments: Instruments) -> WgdashboardClient:
    """Build the client of one target; no I/O yet, the key is read anew for each use."""
    observe = counted(instruments, PANEL_NAME, settings.name, OPERATIONS)
    tls = Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls)

    def http(headers: Callable[[], dict[str, str]]) -> Http:
        return Http(settings.url, clock=clock, headers=headers, seconds=settings.timeout, limit=LARGEST, observe=observe, tls=tls)

    keyed = http(lambda: {"wg-dashboard-apikey": read_secret(settings.api_key_file)})
    session = Session(keyed, clock, settings.key_check)
    return WgdashboardClient(settings, clock, session, http(lambda: dict(session.headers())))


class WgdashboardClient:
    """All calls of one target, one at a time. Every method raises the house's errors and nothing else."""

    def __init__(self, settings: WgdashboardSettings, clock: Clock, session: Session, http: Http) -> None:
        self._settings = settings
        self._clock = clock
        self._session = session
        self._http = http
        self._turn = threading.RLock()
        self._order = Order()
        self._names: tuple[str, ...] = ()
        self._version: tuple[int, str] = (-1, "")
        self._last: dict[str, Configuration] = {}
        self._still: dict[str, float] = {}
        self._began: Moment | None = None

    def view(self) -> WgdashboardView:
        """Read everything one look needs. One configuration's failure stands in it; the panel's own failure is raised.

        Raises WrongKey (the panel has no such key), Blind (nothing tells the names), and what exchanges raise.
        """
        until = self._clock.now().mono + LOOK_SECONDS
        with self._my_turn(self._settings.timeout):
            self._session.ensure(lambda: self._left(until))
            try:
                return self._looked(until)
            except Forbidden:
                if self._session.open or self._session.access is Access.GRANTED:
                    raise
                # the session ended just now, and the worker knows no keys
                return self._shut_out(until)

    def _looked(self, until: float) -> WgdashboardView:
        session = self._session
        if not session.open:
            return self._shut_out(until)
        version = self._known_version()
        names, source = self._inventory(version, until)
        read = [self._due(name, version, until) for name in names]
        if read and all(each.error for each in read):
            raise ServerFault("configuration: the panel fails for each of its configurations")
        self._remember(read)
        return WgdashboardView(
            version=version,
            access=session.access,
            configurations=self._ordered(read),
            names_from=source,
            ordered=self._order.sure,
            session_lost=session.lost_at,
            logins=session.logins,
        )

    def _shut_out(self, until: float) -> WgdashboardView:
        """Return all that may be known without a session."""
        version = self.version() if self._left(until) else ""
        return WgdashboardView(version, self._session.access, None, session_lost=self._session.lost_at, logins=self._session.logins)

    @property
    def session_lost(self) -> Moment | None:
        """Return when a session that had held was last refused, which a restart of the panel's master does; None = never."""
        return self._session.lost_at

    def version(self) -> str:
        """Return the version as the panel says it ("v4.3.3"); needs no key. 4.2.3.0 and 4.2.3.0.1 say "v4.2.3" too."""
        return self._http.ask("version", "GET", "/api/getDashboardVersion", _parsed(answers.version), seconds=self._settings.timeout)

    def configuration(self, name: str, seconds: float | None = None) -> Configuration:
        """Return one configuration as the panel has it now; ``seconds`` bounds the exchange. Raises what exchanges raise."""
        until = self._clock.now().mono + (self._settings.timeout if seconds is None else seconds)
        with self._my_turn(self._left(until)):
            self._session.ensure(lambda: self._left(until))
            return self._read(name, until)

    def reread(self, wg_conf_path: str, seconds: float) -> None:
        """Let the panel forget its configurations and read its folder anew, by setting the folder it has already (contract section 3.4).

        For a remedy only: it writes the ini, for a moment the panel knows no configuration, and up to 4.2.3 it can kill the thread.
        ``wg_conf_path`` must be what the ini says. Raises SaidNo when the panel says no.
        """
        body = {"section": "Server", "key": "wg_conf_path", "value": wg_conf_path}
        until = self._clock.now().mono + seconds
        with self._my_turn(self._left(until)):
            self._session.ensure(lambda: self._left(until))
            self._ask("reread", "POST", "/api/updateDashboardConfigurationItem", _parsed(lambda data: data), until, json=body)
            self._order.begin_anew(seen=self._order.sure)

    def doubt_the_key(self) -> None:
        """Let the next look try the key: the panel has another worker. Sends nothing."""
        self._session.doubt()

    def try_key(self) -> Access:
        """Try the key and obtain a session, for ``doctor``. Raises WrongKey, and what exchanges raise."""
        with self._my_turn(self._settings.timeout):
            self._session.ensure(lambda: self._settings.timeout)
            return self._session.access

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    @contextmanager
    def _my_turn(self, seconds: float) -> Iterator[None]:
        """One exchange at a time, for all threads of ours: the panel has one or two of its own (contract section 1.3)."""
        if not self._turn.acquire(timeout=max(seconds, 0.0)):
            raise DeadlinePassed("another look at this panel takes too long")
        try:
            yield
        finally:
            self._turn.release()

    def _left(self, until: float) -> float:
        left = min(self._settings.timeout, until - self._clock.now().mono)
        if left <= 0:
            raise DeadlinePassed("the time for this look is over")
        return left

    def _known_version(self) -> str:
        """Return the version; it is asked for once in each session, for only a restart changes it."""
        if self._version[0] != self._session.logins:
            self._version = (self._session.logins, self.version())
        return self._version[1]

    def _inventory(self, version: str, until: float) -> tuple[tuple[str, ...], NamesFrom]:
        more = self._settings.configurations
        if (parse_version(version) or LISTS_PEERS_SINCE) >= LISTS_PEERS_SINCE:
            return _united(self._listed(until), more), "panel"
        if more and self._settings.configurations_directory is None and self._settings.directory is None:
            return more, "settings"
        # one whose file was deleted is still the panel's, and its tunnel's: an HTML 500 until the panel restarts (seen on 4.2.3)
        known = [name for name, last in self._last.items() if not last.unknown]
        return _united(_united(names_in_files(self._settings), more), known), "files"

    def _listed(self, until: float) -> tuple[str, ...]:
        """Return the panel's own list. It walks over a dictionary that a request may be changing: an HTML 500 then (contract section 2)."""
        try:
            self._names = self._ask("names", "GET", "/api/clients/allConfigurationsPeers", _parsed(answers.names), until)
        except ServerFault:
            if not self._names:
                raise
        return self._names

    def _due(self, name: str, version: str, until: float) -> Configuration:
        """Return a configuration, asked for now unless the panel logs each request and its last answer is young, and all are lively."""
        last = self._last.get(name)
        now = self._clock.now()
        spared = self._settings.old_panel_interval - JITTER if self._spares(version) and not self._watched(now) else 0.0
        if last is not None and not last.error and now.since(last.read_at) < spared:
            return last
        try:
            return self._read(name, until)
        except ABOUT_ONE_CONFIGURATION as error:
            return Configuration(name, self._clock.now(), error=type(error).__name__)

    @staticmethod
    def _spares(version: str) -> bool:
        numbers = parse_version(version)
        return numbers is not None and numbers <= LOGS_EVERY_REQUEST_UNTIL

    def _watched(self, now: Moment) -> bool:
        """Whether any configuration said the same again of late, though a living thread changes it: then all are asked in every look."""
        return any(now.mono - since < WATCH_SECONDS for since in self._still.values())

    def _remember(self, read: Sequence[Configuration]) -> None:
        """Keep the answers, and since when those that a living thread would have changed say the same."""
        for each in read:
            last = self._last.get(each.name)
            if last is None or not each.tells_its_age or each.sample != last.sample:
                self._still.pop(each.name, None)
            elif last.read_at != each.read_at:
                self._still.setdefault(each.name, each.read_at.mono)
        self._last = {each.name: each for each in read}
        self._still = {name: since for name, since in self._still.items() if name in self._last}

    def _read(self, name: str, until: float) -> Configuration:
        def parse(answer: Answer) -> Configuration:
            self._session.renew(answer)
            data = answers.envelope(answer.json(), "configuration")
            return answers.configuration(data, name, self._clock.now())

        path = "/api/getWireguardConfigurationInfo"
        try:
            return self._ask("configuration", "GET", path, parse, until, query={"configurationName": name})
        except SaidNo:
            # 200 with status false: there is no such name (getWireguardConfigurationInfo_unknown.json)
            return Configuration(name, self._clock.now(), unknown=True)

    def _ordered(self, read: Sequence[Configuration]) -> tuple[Configuration, ...]:
        if self._session.lost_at != self._began:
            self._began = self._session.lost_at
            self._order.begin_anew(seen=True)
        return self._order.sorted(read)

    def _ask(
        self, operation: str, method: str, path: str, parse: Callable[[Answer], ReadT], until: float, *,
        query: dict[str, str] | None = None, json: object = None,
    ) -> ReadT:  # fmt: skip
        """Exchange one request in the session; when the session is refused, obtain another once."""
        sent = self._session.headers()
        try:
            return self._http.ask(operation, method, path, parse, query=query, json=json, seconds=self._left(until))
        except Forbidden:
            self._session.lost(sent)
        self._session.ensure(lambda: self._left(until))
        if not self._session.open:
            raise Forbidden(f"{operation}: the session has ended, and API keys are not enabled in the panel's worker")
        return self._http.ask(operation, method, path, parse, query=query, json=json, seconds=self._left(until))


def _parsed(parse: Callable[[object], ReadT]) -> Callable[[Answer], ReadT]:
    return lambda answer: parse(answers.envelope(answer.json(), answer.operation))


def _united(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
