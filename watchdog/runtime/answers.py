"""One answer of a server, and the one place where its status code becomes an error of the house. Used through ``runtime/http``."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from watchdog.errors import (
    BadSettings,
    DeadlinePassed,
    Forbidden,
    MalformedAnswer,
    NotFound,
    Permanent,
    Refused,
    ServerFault,
    Throttled,
    Unknown,
    WatchdogError,
)
from watchdog.model.metrics import Instruments
from watchdog.model.panels import REQUESTS

RESULTS = ("ok", "transport", "auth", "throttled", "server_error", "client_error", "malformed", "deadline")
Observe = Callable[[str, str], None]

_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+|\"[!#-+\--:<-\[\]-~]+\"")

_WORDS: tuple[tuple[type[WatchdogError], str], ...] = (
    (DeadlinePassed, "deadline"),
    (Throttled, "throttled"),
    (ServerFault, "server_error"),
    (Forbidden, "auth"),
    (BadSettings, "auth"),
    (Permanent, "client_error"),
    (Unknown, "malformed"),
)


def ignore(_operation: str, _result: str) -> None:
    """Observe nothing."""


def counted(instruments: Instruments, panel: str, target: str, operations: Iterable[str]) -> Observe:
    """Return what counts the requests of one panel's client. Each of its ``operations`` is born at 0 with each of RESULTS."""
    for operation in operations:
        for result in RESULTS:
            instruments.count(REQUESTS.name, panel, target, operation, result, by=0.0)

    def observe(operation: str, result: str) -> None:
        instruments.count(REQUESTS.name, panel, target, operation, result)

    return observe


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``status``, ``headers`` (lower-case names), ``body``, and ``elapsed`` seconds.

    ``operation`` and ``server`` are for error texts; ``retry_after`` is seconds, None when the server named none. ``cookies`` are the names
    and values this very answer sets; nobody keeps them or sends them back unless a client does so itself, in its headers.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    elapsed: float
    operation: str = ""
    server: str = ""
    retry_after: float | None = None
    observe: Observe = field(default=ignore, repr=False, compare=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self) -> Any:
        """Return the parsed body. Raises MalformedAnswer."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            self.observe(self.operation, "malformed")
            kind = self.headers.get("content-type", "nothing said of its type")
            raise MalformedAnswer(f"{self.operation}: {self.server} sent no JSON ({kind[:60]}, {len(self.body)} bytes)") from None


def cookies_of(lines: Iterable[str]) -> Mapping[str, str]:
    """Given the values of the ``Set-Cookie`` headers of one answer, return what they set, without attributes.

    Left out are a cookie that is emptied (that is how one is deleted) and one that cannot be sent back as it is (RFC 6265, section 4.1.1).
    """
    pairs = (line.partition(";")[0].partition("=") for line in lines)
    found = {name.strip(): value.strip() for name, equals, value in pairs if equals}
    return {name: value for name, value in found.items() if _COOKIE_NAME.fullmatch(name) and _COOKIE_VALUE.fullmatch(value)}


def segment(text: str) -> str:
    """Given one piece of a path (an id, a name), return it quoted. Raises Refused for one that would climb ('', '.', '..')."""
    if text in {"", ".", ".."}:
        raise Refused(f"{text!r} cannot be a part of a path")
    return quote(text, safe="")


def check(answer: Answer) -> Answer:
    """Return a 2xx answer; raise the house's error for any other status. The only map of status codes to errors."""
    said = f"{answer.operation}: {answer.server} answered {answer.status}"
    match answer.status:
        case 401 | 403:
            raise Forbidden(f"{said}: the credential is missing, wrong or too weak")
        case 404:
            raise NotFound(f"{said}: not found")
        case 429:
            raise Throttled(f"{said}: too many requests", answer.retry_after)
    match answer.status // 100:
        case 2:
            return answer
        case 3:
            raise Refused(f"{said}: a redirect, which is never followed; write the panel's final address as its url")
        case 4:
            raise Refused(said)
    raise ServerFault(said, answer.retry_after)


def result_of(error: WatchdogError) -> str:
    """Given an error of an exchange, return its word among RESULTS."""
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "transport")
