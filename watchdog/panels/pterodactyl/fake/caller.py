"""How Wings calls the panel (remote/http.go@v1.11.11): token, retries on 5xx and on silence, none on 4xx, redirects followed as Go does."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from watchdog.model.moments import Clock

FIRST, FACTOR, LONGEST, IN_ALL = 0.5, 1.5, 12.0, 30.0
"""Seconds of the exponential backoff; the real one adds chance to each."""
REQUEST_SECONDS: Final = 30.0
"""``remote_query.timeout``; a fake whose tests do not want to wait has less."""
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_AS_GET: Final = (301, 302, 303)
_HOPS: Final = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a call: ``status`` 0 = nobody answered. ``text`` is what Wings' log calls the error, "" = well.

    ``late``: nobody answered in time, which is not tried again (a deadline is permanent; seen on the real Wings).
    """

    status: int
    text: str = ""
    said: Any = None
    late: bool = False

    @property
    def well(self) -> bool:
        """Whether it was answered as wished (HasError is false)."""
        return 200 <= self.status < 300  # noqa: PLR2004

    @property
    def final(self) -> bool:
        """Whether it is not tried again."""
        return self.well or self.late or 400 <= self.status < 500  # noqa: PLR2004


class Caller:
    """Calls one panel with one node's token. ``speed`` divides the waits, for a demo; ``dead`` ends them, with Wings."""

    def __init__(self, remote: str, token: tuple[str, str], clock: Clock, dead: threading.Event, speed: float = 1.0) -> None:
        self.remote = remote
        self.request_seconds = REQUEST_SECONDS
        self._token = token
        self._clock = clock
        self._dead = dead
        self._speed = speed

    def tries(self, method: str, path: str, body: object = None) -> Generator[str, None, Answer]:
        """Yield before each try; return the last one's answer."""
        began, wait = self._clock.now().mono, FIRST
        while True:
            yield "callback"
            answer = self.once(method, path, body)
            passed = (self._clock.now().mono - began) * self._speed
            if answer.final or passed + wait > IN_ALL or self._dead.is_set():
                return answer
            self._clock.wait(self._dead, wait / self._speed)
            wait = min(wait * FACTOR, LONGEST)

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Try until it is answered or given up."""
        tries = self.tries(method, path, body)
        while True:
            try:
                next(tries)
            except StopIteration as end:
                answer: Answer = end.value
                return answer

    def once(self, method: str, path: str, body: object = None) -> Answer:
        """Try once. A redirected POST becomes a GET without body (contract section 3.5, guard 10: Go does what requests does)."""
        url = f"{self.remote.rstrip('/')}/api/remote{path}"
        content = None if body is None else json.dumps(body).encode()
        for _ in range(_HOPS):
            try:
                status, location, raw = self._send(method, url, content)
            except TimeoutError:
                text = f'{method.title()} "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
                return Answer(0, text, late=True)
            except (OSError, HTTPException) as error:
                return Answer(0, f'http: request creation failed: {method.title()} "{url}": {error}')
            if status not in _REDIRECTS or not location:
                return _read(status, raw)
            url = location
            if status in _AS_GET and method != "GET":
                method, content = "GET", None
        return Answer(0, f'{method.title()} "{url}": stopped after {_HOPS} redirects')

    def _send(self, method: str, url: str, content: bytes | None) -> tuple[int, str, bytes]:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=self.request_seconds)
        headers = {
            "User-Agent": f"Pterodactyl Wings/v1.11.11 (id:{self._token[0]})", "Accept": "application/vnd.pterodactyl.v1+json",
            "Content-Type": "application/json", "Authorization": f"Bearer {self._token[0]}.{self._token[1]}",
        }  # fmt: skip
        try:
            connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), content, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Location", ""), answer.read()
        finally:
            connection.close()


def _read(status: int, raw: bytes) -> Answer:
    try:
        said = json.loads(raw) if raw else None
    except ValueError:
        said = None
    if 200 <= status < 300:  # noqa: PLR2004
        return Answer(status, "", said)
    errors = said.get("errors") if isinstance(said, dict) else None
    first = errors[0] if errors else {"code": "_MissingResponseCode", "detail": "No error response returned from API endpoint."}
    return Answer(status, f"Error response from Panel: {first['code']}: {first['detail']} (HTTP/{status})", said)
