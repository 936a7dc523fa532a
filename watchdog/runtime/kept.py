"""Exchanges over one connection that is kept idle in between, and the news of its end: how a restart of a server is seen.

Unlike ``runtime/http`` it keeps its connection, for the connection is a witness: a server that stops or is killed ends it at that moment.
It holds nothing back at the other side: an idle connection delays no clean stop, a request under way would.
"""

from __future__ import annotations

import http.client
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from watchdog.errors import BadSettings, MalformedAnswer
from watchdog.runtime.answers import Answer, cookies_of
from watchdog.runtime.faults import translated
from watchdog.runtime.http import Http, Query, query_of
from watchdog.runtime.wire import Deadline

_CHUNK: Final = 65536
Connect = Callable[[Deadline], socket.socket]


class _Line(http.client.HTTPConnection):
    """One connection; ``deadline`` is that of the exchange under way."""

    auto_open = 0

    def __init__(self, sock: socket.socket) -> None:
        super().__init__("kept")
        self.sock = sock
        self.own = sock  # http.client forgets it when an answer says that it is the last
        self.used = False

    def bound(self, deadline: Deadline | None) -> None:
        """Give the next reads and writes their deadline."""
        self.own.deadline = deadline  # type: ignore[attr-defined]  # runtime/wire makes no other

    def over(self) -> bool:
        """Whether the other side has ended it. Only to be asked between exchanges: whatever can be read then is no answer of ours."""
        sock = self.own
        sock.settimeout(0.0)
        try:
            # TLS cannot be peeked into: what the layer below brings may be a ticket, which is no end
            if isinstance(sock, ssl.SSLSocket):
                sock.recv(1)
            else:
                sock.recv(1, socket.MSG_PEEK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return False
        except OSError:
            return True
        return True  # an end, or bytes that nobody asked for: not to be trusted any more


class KeptHttp(Http):
    """One server over one kept connection. From many threads, one exchange at a time.

    ``number`` counts its connections: two answers under one number came from one life of the server, if the server itself is at the other
    end. ``lasting`` is whether the newest answer left the connection open. Only GET: one that finds its old connection ended begins again
    over a new one.
    """

    def __init__(self, base_url: str, **how: Any) -> None:
        """Take what ``Http`` takes."""
        super().__init__(base_url, **how)
        self.number = 0
        self.lasting = True
        self._line: _Line | None = None
        self._turn = threading.RLock()
        url = urlsplit(self._base)
        self._host, self._netloc, self._prefix = url.hostname or "localhost", url.netloc, url.path

    @property
    def open(self) -> bool:
        """Whether there is a connection, as far as we know."""
        return self._line is not None

    def ended(self, seconds: float = 0.0) -> bool:
        """Wait for the other side to end the connection, ``seconds`` at most; return whether it did. There being none is no end.

        An exchange of another thread is not held up meanwhile.
        """
        with self._turn:
            line = self._line
            if line is None:
                return False
            fd = os.dup(line.own.fileno())
        try:
            readable = select.select([fd], [], [], max(0.0, seconds))[0]
        finally:
            os.close(fd)
        if not readable:
            return False
        with self._turn:
            if self._line is not line or not line.over():
                return False
            self._drop()
            return True

    def close(self) -> None:
        """End the connection."""
        with self._turn:
            self._drop()

    def _exchange(
        self, operation: str, method: str, path: str, query: Query | None, json: object, seconds: float | None,
        more: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        if method != "GET":
            raise ValueError(f"a kept connection is for GET: {operation}")
        bound = self._seconds if seconds is None else seconds
        started = time.monotonic()
        deadline = Deadline(started + bound)
        headers, _ = self._told(operation, path, json)
        headers.update(more or {})
        headers.pop("Connection", None)
        headers.setdefault("Host", self._netloc)
        with self._turn, translated(operation, self.server, bound):
            try:
                return self._again(operation, self._prefix + path + query_of(query), headers, deadline, started)
            except BaseException:
                self._drop()  # what is left of an answer must not be read as the next
                raise

    def _again(self, operation: str, url: str, headers: Mapping[str, str], deadline: Deadline, started: float) -> Answer:
        line = self._line
        if line is not None and not line.over():
            try:
                return self._over(line, operation, url, headers, deadline, started)
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                if line.used:
                    raise  # bytes of an answer had come
        self._drop()
        line = self._connected(deadline)
        return self._over(line, operation, url, headers, deadline, started)

    def _connected(self, deadline: Deadline) -> _Line:
        sock = self._connect(deadline)
        try:
            context = self._tls_context()
            if context is not None:
                sock = context.wrap_socket(sock, server_hostname=self._host)
            self._line = _Line(sock)
        except BaseException:
            sock.close()
            raise
        self.number += 1
        return self._line

    def _over(
        self, line: _Line, operation: str, url: str, headers: Mapping[str, str], deadline: Deadline, started: float
    ) -> Answer:  # fmt: skip
        line.used = False
        line.bound(deadline)
        try:
            line.request("GET", url, headers=dict(headers))
        except ValueError as error:
            if isinstance(error, UnicodeError):
                raise
            raise BadSettings(
                f"{operation}: {self.server}: a header cannot be sent; does a key file hold a line break or a strange character?"
            ) from None
        raw = line.getresponse()
        line.used = True
        with raw:  # what is left of an answer would hold the descriptor of a connection that has been dropped
            body = self._body(operation, raw)
        self.lasting = not raw.will_close
        line.bound(None)
        if not self.lasting:
            self._drop()
        answered = {name.lower(): value for name, value in raw.getheaders()}
        return Answer(
            raw.status, answered, body, time.monotonic() - started, operation, self.server, self._patience(answered),
            self._count_malformed, cookies_of(raw.headers.get_all("Set-Cookie") or ()),
        )  # fmt: skip

    def _body(self, operation: str, raw: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while chunk := raw.read(_CHUNK):
            body += chunk
            if len(body) > self._limit:
                raise MalformedAnswer(f"{operation}: {self.server} answered more than {self._limit} bytes")
        if raw.length:
            raise http.client.IncompleteRead(bytes(body), raw.length)  # read(amount) does not say so itself
        return bytes(body)

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with suppress(OSError):
                line.close()
                line.own.close()
