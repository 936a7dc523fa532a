"""One session with the panel, traded for the API key; kept in memory only.

Every request with the key writes the key, in clear, into the panel's log database (contract section 1.2), so the key is used for two things
only: to obtain a session, and now and then to see whether it is still accepted. The key is tried on ``handshake`` first: with the feature
off ``authenticate`` fails on the missing password with an HTML 500 and a traceback in the panel's log, for it is let through without a
session (dashboard.py, whiteList), while ``handshake`` answers which of the two 401 it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from watchdog.errors import Forbidden
from watchdog.model.moments import Clock, Moment
from watchdog.panels.wgdashboard import answers
from watchdog.panels.wgdashboard.view import Access
from watchdog.runtime.http import Answer, Http, check
from watchdog.runtime.redaction import register_secret

COOKIE: Final = "session"
"""Flask's own name for it; ``authToken`` beside it is for the panel's pages only."""
NO_SUCH_KEY: Final = "API Key does not exist"
NO_SESSION: Final = "Unauthorized access."
UNAUTHORIZED: Final = 401
PATIENCE: Final = 30.0
"""Seconds until a key that was refused is tried again."""
RENEW_AFTER: Final = 86400.0
"""Seconds after which a newer cookie is taken over: each answer brings one, and one holds for 31 days (Flask's default)."""


class WrongKey(Forbidden):
    """The panel has no such key."""


class FeatureOff(Forbidden):
    """The worker says that API keys are not enabled: they are not, or it is a stale worker (contract section 3.3)."""


def keyed(answer: Answer) -> Answer:
    """Return a good answer to a request with the key; tell the two 401 apart by their texts, which are not translated."""
    if answer.status == UNAUTHORIZED:
        said = answers.message(answer.json())
        if said == NO_SUCH_KEY:
            raise WrongKey(f"{answer.operation}: the panel has no such API key; make one in its settings and put it into api_key_file")
        if said == NO_SESSION:
            raise FeatureOff(f"{answer.operation}: the panel's worker says that API keys are not enabled")
    return check(answer)


class Session:
    """The session. ``http`` sends the key. Safe to use from many threads.

    ``lost_at`` is when a session that had held was last refused, ``logins`` how many there were, ``access`` how the key was last taken.
    """

    def __init__(self, http: Http, clock: Clock, key_check: float) -> None:
        self._http = http
        self._clock = clock
        self._key_check = key_check
        self._lock = threading.RLock()
        self._cookie: str | None = None
        self._open = False
        self._obtained = clock.now()
        self._tried: Moment | None = None
        self._refusal: Forbidden | None = None
        self._doubted = False
        self.access = Access.GRANTED
        self.lost_at: Moment | None = None
        self.logins = 0

    @property
    def open(self) -> bool:
        """Whether there is a session, as far as we know."""
        return self._open

    def headers(self) -> Mapping[str, str]:
        """Return what a request in this session sends along."""
        cookie = self._cookie
        return {"Cookie": f"{COOKIE}={cookie}"} if cookie is not None else {}

    def ensure(self, left: Callable[[], float]) -> None:
        """Obtain a session if there is none, and try the key if that is due; ``left`` says how many seconds an exchange may take.

        Raises WrongKey, and what an exchange raises. A key refused because the feature is off is no error: see ``access`` and ``open``.
        """
        with self._lock:
            now = self._clock.now()
            if self._refusal is not None and self._tried is not None and now.since(self._tried) < PATIENCE and not self._doubted:
                if isinstance(self._refusal, FeatureOff):
                    return
                raise self._refusal
            due = self._tried is None or self._doubted or now.since(self._tried) >= self._key_check or self._refusal is not None
            if due or not self._open:
                self._try_key(left)
            if not self._open and self._refusal is None:
                self._obtain(left)

    def doubt(self) -> None:
        """Let the next ``ensure`` try the key, whatever the time: there may be another worker, and old sessions hold in a stale one."""
        self._doubted = True

    def lost(self, headers: Mapping[str, str]) -> None:
        """Note that a request that sent ``headers`` was refused, so that ``ensure`` obtains another session.

        A session obtained meanwhile by another thread is left alone.
        """
        with self._lock:
            if self._open and headers == self.headers():
                self._open, self._cookie = False, None
                self.lost_at = self._clock.now()

    def renew(self, answer: Answer) -> None:
        """Take over a newer cookie once a day."""
        if self._clock.now().since(self._obtained) >= RENEW_AFTER:
            with self._lock:
                self._keep(answer)

    def _try_key(self, left: Callable[[], float]) -> None:
        self._doubted = False  # before the exchange: a doubt that comes meanwhile is a new one
        try:
            self._http.ask("handshake", "GET", "/api/handshake", _agreed, seconds=left(), accept=keyed)
        except (FeatureOff, WrongKey) as refusal:
            self._refusal = refusal
            self.access = Access.FEATURE_OFF if isinstance(refusal, FeatureOff) else self.access
            self._tried = self._clock.now()
            if isinstance(refusal, WrongKey):
                raise
            return
        self._refusal, self.access, self._tried = None, Access.GRANTED, self._clock.now()

    def _obtain(self, left: Callable[[], float]) -> None:
        answer = self._http.ask("login", "POST", "/api/authenticate", _whole, json={}, seconds=left(), accept=keyed)
        self._cookie = None
        self._keep(answer)  # none comes when the panel wants no authentication at all (auth_req = false)
        self._open = True
        self.logins += 1

    def _keep(self, answer: Answer) -> None:
        cookie = answer.cookies.get(COOKIE)
        if cookie:
            register_secret(cookie)
            self._cookie = cookie
            self._obtained = self._clock.now()


def _agreed(answer: Answer) -> object:
    return answers.envelope(answer.json(), answer.operation)


def _whole(answer: Answer) -> Answer:
    answers.envelope(answer.json(), answer.operation)
    return answer
