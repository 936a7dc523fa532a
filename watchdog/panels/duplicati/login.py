"""How we are let in: one session for all calls of one target, or a token. Kept in memory only.

Contract section 1. A password is traded for a bearer of 15 minutes, which is renewed before it ends and once when it is refused; the
refresh cookie is dropped (two of us sharing one would log each other out). The server never slows down wrong passwords, so we do: a
refused one is tried again after 30 s, then twice as long each time, up to 15 minutes, or at once when its file holds another.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from watchdog.errors import Forbidden, Refused, ServerFault
from watchdog.model.moments import Clock, Moment
from watchdog.panels.duplicati import answers
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import Answer, Http, check
from watchdog.runtime.redaction import register_secret

RENEW_AFTER: Final = 720.0
"""Seconds after which a bearer is renewed; it holds for 900."""
FIRST_PATIENCE: Final = 30.0
LONGEST_PATIENCE: Final = 900.0
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
BAD_REQUEST: Final = 400
GATEWAY: Final = frozenset({502, 503, 504})


class WrongPassword(Forbidden):
    """The server does not take the password or token that the file holds."""


class Expired(Forbidden):
    """The server does not take the session (any more): it ended, the server's clock jumped, or its database is another."""


class HostRefused(Forbidden):
    """The server does not go by the name that we call it (its host filter)."""


class NobodyBehind(ServerFault):
    """A proxy found no server behind it (502, 503, 504)."""


class NotUnderstood(Refused):
    """The server does not take a request as it is (400)."""


class TooOld(NotUnderstood):
    """A Duplicati 2.0: it speaks another language, and is only named."""


def accepted(answer: Answer) -> Answer:
    """Return a good answer; tell the reasons of a refusal apart (contract section 1)."""
    if answer.status == UNAUTHORIZED:
        raise Expired(f"{answer.operation}: {answer.server} does not take the session")
    if answer.status == FORBIDDEN:
        said = answer.body[:500].decode("utf-8", "replace")
        if "Invalid hostname" in said:
            raise HostRefused(
                f"{answer.operation}: {answer.server} does not answer to that name: write its IP address as url, set host_header: "
                "localhost, or start it with --webservice-allowed-hostnames"
            )
        if "PreSharedKey" in said:
            raise Forbidden(f"{answer.operation}: {answer.server} belongs to an agent and takes its calls only; ask the server itself")
    if answer.status == BAD_REQUEST:
        if "XSRF" in answer.body[:500].decode("utf-8", "replace"):
            raise TooOld(f"{answer.operation}: {answer.server} is a Duplicati 2.0, which is too old; upgrade it to 2.1 or later")
        raise NotUnderstood(f"{answer.operation}: {answer.server} answered 400: it does not take this request")
    if answer.status in GATEWAY:
        raise NobodyBehind(
            f"{answer.operation}: {answer.server} answered {answer.status}: a proxy finds no server behind it", answer.retry_after
        )
    return check(answer)


class Login:
    """The way in. Safe to use from many threads: one of them logs in, the others wait for it.

    ``logins`` counts sessions. ``http`` sends no credential of itself.
    """

    def __init__(self, settings: DuplicatiSettings, http: Http, clock: Clock) -> None:
        self.logins = 0
        self._settings = settings
        self._http = http
        self._clock = clock
        self._lock = threading.RLock()
        self._bearer: str | None = None
        self._obtained = clock.now()
        self._losses, self._lost_at = 0, clock.now()  # sessions refused since the server last let us in
        self._refusal: tuple[WrongPassword, Moment, int, bytes] | None = None

    def headers(self) -> Mapping[str, str]:
        """Return what a request sends along. Raises BadSettings when the secret's file cannot be read."""
        if self._settings.auth == "preauth":
            return {"Authorization": f"PreAuth {self._secret()}"}
        if self._settings.auth == "forever":
            return {"Authorization": f"Bearer {self._secret()}"}
        bearer = self._bearer
        return {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}

    def ensure(self, seconds: float) -> None:
        """Obtain a session if there is none or it is about to end; the exchange may take ``seconds``.

        Raises WrongPassword, without asking the server, while a refused secret rests.
        """
        with self._lock:
            if self._refusal is not None:
                self._rest(self._refusal)
            if self._settings.auth != "password":
                return
            if self._bearer is None or self._clock.now().since(self._obtained) >= RENEW_AFTER:
                self._obtain(seconds)

    def lost(self, used: Mapping[str, str], error: Expired) -> None:
        """Note that a request which sent the headers ``used`` was refused. A session obtained meanwhile is left alone.

        Raises WrongPassword where there is no other session to be had: for a token.
        """
        with self._lock:
            if self._settings.auth != "password":
                raise self._refused(f"{error}: is it the whole token, of this very server, in token_file: {self._path()}?") from None
            if used == self.headers():
                wait = _patience(self._losses - 1) if self._losses else 0.0
                if self._clock.now().since(self._lost_at) < wait:
                    raise Expired(
                        f"{error}, although it gave it; another is asked for after {wait:g} s"
                    ) from None  # each leaves a row there
                self._losses, self._lost_at = self._losses + 1, self._clock.now()
                self._bearer = None

    def taken(self) -> None:
        """Note that the server has let us in."""
        self._refusal, self._losses = None, 0

    def _obtain(self, seconds: float) -> None:
        body = {"Password": self._secret(), "RememberMe": False}
        try:
            bearer = self._http.ask(
                "login", "POST", "/api/v1/auth/login", lambda answer: answers.token(answer.json()),
                json=body, seconds=seconds, accept=accepted,
            )  # fmt: skip
        except Expired:
            said = f"login: the server does not take the password in password_file: {self._path()}"
            raise self._refused(said) from None
        register_secret(bearer)
        self._bearer, self._obtained = bearer, self._clock.now()
        self._refusal = None
        self.logins += 1

    def _refused(self, said: str) -> WrongPassword:
        tries = self._refusal[2] + 1 if self._refusal is not None else 0
        wait = _patience(tries)
        error = WrongPassword(f"{said} (tried again in {wait:g} s, or when the file changes)")
        self._refusal = (error, self._clock.now(), tries, self._digest())
        self._bearer = None
        return error

    def _rest(self, refusal: tuple[WrongPassword, Moment, int, bytes]) -> None:
        error, at, tries, digest = refusal
        if self._clock.now().since(at) < _patience(tries) and digest == self._digest():
            raise error

    def _digest(self) -> bytes:
        return hashlib.sha256(self._secret().encode()).digest()

    def _secret(self) -> str:
        return read_secret(self._path())

    def _path(self) -> Path:
        path = self._settings.password_file if self._settings.auth == "password" else self._settings.token_file
        if path is None:
            raise Refused("no secret is configured")  # the settings do not let this happen
        return path


def _patience(tries: int) -> float:
    return min(LONGEST_PATIENCE, FIRST_PATIENCE * 2.0 ** min(tries, 10))
