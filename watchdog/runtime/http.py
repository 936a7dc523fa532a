"""The only requests: one exchange with one deadline, and the one place where status codes become the house's errors.

An exchange follows no redirect, keeps and sends no cookie (an answer shows those it set; a client may send them itself, in its headers),
knows no proxy of the environment, and closes its connection (a panel that stops must not wait for ours). Error texts name the operation
and the server, never a path, a query, a header or a body: those hold secrets.
"""

from __future__ import annotations

import json as jsonlib
import ssl
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import requests

from watchdog.errors import BadSettings, MalformedAnswer, WatchdogError
from watchdog.model.moments import Clock
from watchdog.model.transfers import Alive, Patience, Sink, always
from watchdog.runtime.answers import RESULTS, Answer, Observe, check, cookies_of, counted, ignore, result_of, segment
from watchdog.runtime.downloads import flow, impatient
from watchdog.runtime.faults import translated
from watchdog.runtime.vigil import Vigil
from watchdog.runtime.wire import Deadline, Line, OneExchange, Tls, connect_tcp, connect_unix

__all__ = ["RESULTS", "Answer", "Form", "Http", "Tls", "check", "counted", "segment"]

MIB = 1 << 20
_CHUNK = 65536
_LONGEST_PATIENCE = 3600.0

Query = Mapping[str, "str | int | float | bool | Sequence[str] | None"]
T = TypeVar("T")


class Form(dict[str, str]):
    """A body that is sent as an HTML form is, in place of JSON."""


class Http:
    """One server as seen from here. Safe to use from many threads: it keeps nothing between exchanges.

    ``base_url`` is http(s)://host[:port][/prefix] or unix:///path; ``headers`` is asked anew for each exchange (a rotated key needs no
    restart); ``seconds`` bounds an exchange and ``limit`` an answer in bytes; ``observe(operation, result)`` is called once per exchange,
    result being one of RESULTS.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        headers: Callable[[], Mapping[str, str]] = dict,
        seconds: float = 15.0,
        limit: int = 8 * MIB,
        observe: Observe = ignore,
        tls: Tls | None = None,
    ) -> None:
        self._clock = clock
        self._headers = headers
        self._seconds = seconds
        self._limit = limit
        self._observe = observe
        self._tls = tls or Tls()
        self._context: ssl.SSLContext | None = None
        self._base, self.server, self._connect = _address(base_url)

    def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: object = None,
        seconds: float | None = None,
    ) -> Answer:
        """Exchange one request (``path`` begins with /, its parts quoted with ``segment``) for one answer of any status.

        Raises Unreachable, DeadlinePassed, MalformedAnswer (not HTTP, too large) or BadSettings (a credential that cannot be sent).
        A 2xx counts as ok; a later ``Answer.json()`` that fails counts once more, as malformed. ``ask`` counts exactly once.
        """
        return self._observed(operation, lambda: self._exchange(operation, method, path, query, json, seconds), _by_status)

    def ask(
        self,
        operation: str,
        method: str,
        path: str,
        parse: Callable[[Answer], T],
        *,
        query: Query | None = None,
        json: object = None,
        seconds: float | None = None,
        accept: Callable[[Answer], Answer] = check,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Like ``request``, then ``accept`` the answer (by default ``check``) and return ``parse(answer)``; its errors are counted too.

        ``headers`` are more of them, of this very exchange: its signature.
        """

        def deed() -> T:
            # its errors are counted below, so a malformed body must not count itself as well
            return parse(accept(replace(self._exchange(operation, method, path, query, json, seconds, headers), observe=ignore)))

        return self._observed(operation, deed, _ok)

    def download(
        self,
        operation: str,
        method: str,
        path: str,
        sink: Sink,
        *,
        json: object = None,
        patience: Patience,
        alive: Alive = always,
    ) -> Answer:
        """Exchange one request for an answer that may take hours; a 2xx body goes to ``sink`` as it comes, any other into the answer.

        ``alive`` is asked every half second. Returning a 2xx means a clean end: the last chunk, or as many bytes as were promised. Raises
        Cut when it ended early, DeadlinePassed naming the layer, MalformedAnswer, Unreachable, and what ``sink`` or ``alive`` raise.
        A proxy that speaks HTTP/1.0 to its panel makes a clean end of a cut: what came must be verified all the same.
        """

        def deed() -> Answer:
            line = Line()
            try:
                with Vigil(f"{operation}: {self.server}", patience, alive, line.cut) as vigil:
                    return self._downloaded(operation, method, path, sink, json, patience, vigil, line)
            finally:
                line.release()

        return self._observed(operation, deed, _by_status)

    def close(self) -> None:
        """Do nothing: no connection outlives its exchange."""

    def _observed(self, operation: str, deed: Callable[[], T], word: Callable[[T], str]) -> T:
        try:
            result = deed()
        except WatchdogError as error:
            self._observe(operation, result_of(error))
            raise
        self._observe(operation, word(result))
        return result

    def _exchange(
        self, operation: str, method: str, path: str, query: Query | None, json: object, seconds: float | None,
        more: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        bound = self._seconds if seconds is None else seconds
        started = time.monotonic()
        headers, body = self._told(operation, path, json)
        headers.update(more or {})
        with requests.Session() as session, translated(operation, self.server, bound):
            deadline = Deadline(started + bound)
            session.trust_env = False
            session.mount(self._base, OneExchange(self._connect, deadline, self._tls_context()))
            url = self._base + path + query_of(query)
            with session.request(method, url, data=body, headers=headers, allow_redirects=False, stream=True) as raw:
                return self._answer(operation, raw, self._read(operation, raw), started)

    def _downloaded(
        self, operation: str, method: str, path: str, sink: Sink, json: object, patience: Patience, vigil: Vigil, line: Line
    ) -> Answer:
        started = time.monotonic()
        headers, body = self._told(operation, path, json)
        with requests.Session() as session:
            session.trust_env = False
            connect = impatient(self._connect, patience.connect, line)
            # later than the vigil's own end, so that it is the vigil that names it
            whole = Deadline(started + patience.total + _LONGEST_PATIENCE)
            session.mount(self._base, OneExchange(connect, whole, self._tls_context()))
            try:
                with translated(operation, self.server, patience.connect):
                    raw = session.request(method, self._base + path, data=body, headers=headers, allow_redirects=False, stream=True)
                with raw:
                    if raw.status_code // 100 == 2:  # noqa: PLR2004  # HTTP's successes
                        flow(raw, operation, self.server, sink, vigil)
                        return self._answer(operation, raw, b"", started)
                    with translated(operation, self.server, patience.between):
                        return self._answer(operation, raw, self._read(operation, raw), started)
            finally:
                vigil.check()  # why we cut it says more than how that looked

    def _answer(self, operation: str, raw: requests.Response, content: bytes, started: float) -> Answer:
        answered = {name.lower(): value for name, value in raw.headers.items()}
        # each line by itself: joined by commas they cannot be told apart, a date has one too
        cookies = cookies_of(raw.raw.headers.getlist("Set-Cookie"))
        return Answer(
            raw.status_code, answered, content, time.monotonic() - started, operation, self.server, self._patience(answered),
            self._count_malformed, cookies,
        )  # fmt: skip

    def _told(self, operation: str, path: str, json: object) -> tuple[dict[str, str], bytes | None]:
        """Return the headers and the body of a request."""
        if not path.startswith("/"):
            raise ValueError(f"a path begins with /: {operation}")
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "panel-watchdog"}
        headers.update(self._headers())
        if json is None:
            return headers, None
        if isinstance(json, Form):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return headers, urlencode(json).encode()
        headers["Content-Type"] = "application/json"
        return headers, jsonlib.dumps(json, separators=(",", ":")).encode()

    def _count_malformed(self, operation: str, result: str) -> None:
        self._observe(operation, result)

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._context is None and self._base.startswith("https:"):
            try:
                self._context = self._tls.context()
            except OSError as error:
                raise BadSettings(f"the ca_file '{self._tls.ca_file}' cannot be used: {type(error).__name__}") from None
        return self._context

    def _read(self, operation: str, raw: requests.Response) -> bytes:
        """Read the body, at most ``limit`` bytes of it, also after unpacking (we ask for none, but a proxy may pack)."""
        packing = raw.headers.get("Content-Encoding", "identity").lower()
        if packing not in {"identity", "gzip", ""}:
            raise MalformedAnswer(f"{operation}: {self.server} packed its answer as {packing[:20]}, which was not asked for")
        unpack = zlib.decompressobj(31) if packing == "gzip" else None
        body = bytearray()
        while chunk := raw.raw.read(_CHUNK, decode_content=False):
            body += chunk if unpack is None else unpack.decompress(chunk, self._limit + 1 - len(body))
            if len(body) > self._limit:
                raise MalformedAnswer(f"{operation}: {self.server} answered more than {self._limit} bytes")
        return bytes(body)

    def _patience(self, headers: Mapping[str, str]) -> float | None:
        said = headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            return min(float(said), _LONGEST_PATIENCE)
        try:
            until = parsedate_to_datetime(said).timestamp()
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(0.0, until - self._clock.now().wall), _LONGEST_PATIENCE)


def _ok(_result: object) -> str:
    return "ok"


def _by_status(answer: Answer) -> str:
    try:
        check(answer)
    except WatchdogError as error:
        return result_of(error)
    return "ok"


def query_of(query: Query | None) -> str:
    """Return the query part of an address with its question mark, "" for none. What is None is left out."""
    pairs = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in (query or {}).items() if value is not None]
    return "?" + urlencode(pairs, doseq=True) if pairs else ""


def _address(base_url: str) -> tuple[str, str, Callable[[Deadline], Any]]:
    """Given a base URL, return (URL to build on, name for texts, how to connect). Raises BadSettings."""
    try:
        url = urlsplit(base_url)
        port = url.port
    except ValueError:
        raise BadSettings(f"the url of {base_url.partition('@')[0][:20]!r}... has a host or port that cannot be used") from None
    if url.username is not None or url.password is not None or url.query or url.fragment:
        raise BadSettings(f"the url of {url.hostname} must hold no credential, query or fragment: put the credential into a *_file setting")
    if url.scheme == "unix" and url.path:
        return "http://localhost", url.path, lambda deadline: connect_unix(url.path, deadline)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise BadSettings(f"{base_url!r} is not a url of the form http://host, https://host or unix:///path")
    host, number = url.hostname, port or (443 if url.scheme == "https" else 80)
    return base_url.rstrip("/"), url.netloc, lambda deadline: connect_tcp(host, number, deadline)
