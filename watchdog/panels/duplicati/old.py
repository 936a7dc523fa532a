"""How a Duplicati 2.0 lets one in: it is observed only, nothing is ever sent to it that changes anything.

Contract section 1, 2.0.8 (from its source, not seen running): a page sets the cookie ``xsrf-token``, which goes back as cookie and header;
a password is answered to a nonce; the session holds for an hour, in the server's memory.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from watchdog.errors import MalformedAnswer, ServerFault
from watchdog.panels.duplicati.login import Expired, Login, accepted
from watchdog.runtime.http import Answer, Form, Http
from watchdog.runtime.redaction import register_secret
from watchdog.runtime.shapes import mapping, text

TOKEN: Final = "xsrf-token"  # noqa: S105  # names of cookies
NONCE: Final = "session-nonce"
SESSION: Final = "session-auth"


def is_old(http: Http, seconds: float) -> bool:
    """Ask for the page: whether it is that of a 2.0."""
    return TOKEN in http.request("login", "GET", "/", seconds=seconds).cookies


class OldLogin(Login):
    """The way into a 2.0, with a password."""

    _token = ""
    _session = ""

    def headers(self) -> Mapping[str, str]:
        """Return what a request sends along."""
        if not self._token:
            return {}
        session = f"; {SESSION}={self._session}" if self._session else ""
        return {"Cookie": f"{TOKEN}={self._token}{session}", "X-XSRF-Token": unquote(self._token)}

    def _obtain(self, seconds: float) -> None:
        page = self._http.request("login", "GET", "/", seconds=seconds)
        self._token = page.cookies.get(TOKEN, "")
        if not self._token:
            raise MalformedAnswer("login: the page sets no xsrf-token")
        self._session = self._answered(seconds)
        for secret in (self._token, unquote(self._token), self._session):
            register_secret(secret)
        self._bearer, self._obtained, self._refusal = self._token, self._clock.now(), None
        self.logins += 1

    def _answered(self, seconds: float) -> str:
        """Answer the server's nonce; return the session, "" where the server has no password."""
        try:
            asked = self._post({"get-nonce": "1"}, {}, seconds)
        except ServerFault:
            return ""  # it cannot salt a password that it does not have
        told = mapping(asked.json(), "login")
        try:
            nonce, salt = (b64decode(text(told, name, "login"), validate=True) for name in ("Nonce", "Salt"))
        except ValueError:
            raise MalformedAnswer("login: the nonce or the salt is not base64") from None
        salted = hashlib.sha256(self._secret().encode() + salt).digest()
        answer = b64encode(hashlib.sha256(nonce + salted).digest()).decode()
        try:
            let_in = self._post({"password": answer}, {"Cookie": f"{NONCE}={asked.cookies.get(NONCE, '')}"}, seconds)
        except Expired:
            raise self._refused(f"login: the server does not take the password in password_file: {self._path()}") from None
        return let_in.cookies.get(SESSION, "")

    def _post(self, form: Mapping[str, str], headers: Mapping[str, str], seconds: float) -> Answer:
        return self._http.ask(
            "login", "POST", "/login.cgi", lambda answer: answer, json=Form(form), seconds=seconds, accept=accepted, headers=headers
        )  # fmt: skip
