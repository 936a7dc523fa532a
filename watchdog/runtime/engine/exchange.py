"""One exchange and its deadline: when it has passed, the socket is shut down and every blocked read ends.

A timeout per read cannot hold a server that sends one byte a second; shutting the socket down can, in headers, bodies and TLS alike.
The connections made here tell the exchange of their thread which socket to shut down.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Self

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_thread = threading.local()


class Exchange:
    """One request and its answer, to be used as a context manager in one thread; ``cut`` may come from any.

    ``seconds`` None = no deadline of its own (event streams). ``expired`` tells whether the deadline cut it, ``closed`` whether we did.
    """

    def __init__(self, seconds: float | None) -> None:
        self.expired = False
        self.closed = False
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._timer = None if seconds is None else threading.Timer(seconds, self._expire)

    def __enter__(self) -> Self:
        _thread.exchange = self
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.name = "engine-deadline"
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        _thread.exchange = None
        self.release()

    def hand_over(self, to: Exchange) -> None:
        """Give the socket to an exchange that lives on (an event stream), unless the deadline has just cut it."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            to.hold(line)
            line.close()

    def hold(self, line: socket.socket) -> None:
        """Remember the socket of this exchange. A duplicate: TLS detaches the original, but both are one connection."""
        with self._lock:
            self._drop()
            self._line = line.dup()
            cut = self.expired or self.closed
        if cut:
            self._shut()

    def check(self) -> None:
        """Raise TimeoutError when the deadline has cut the exchange."""
        if self.expired:
            raise TimeoutError

    def close(self) -> None:
        """End the exchange from any thread, at once."""
        self.closed = True
        self._shut()

    def release(self) -> None:
        """Give back the timer and the duplicate."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._drop()

    def _expire(self) -> None:
        self.expired = True
        self._shut()

    def _shut(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._line is not None:
                self._line.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def _tell(line: socket.socket) -> None:
    exchange: Exchange | None = getattr(_thread, "exchange", None)
    if exchange is not None:
        exchange.hold(line)


class _UnixConnection(UnixHTTPConnection):
    def connect(self) -> None:
        """Connect as docker-py does, closing the socket when that fails (it leaks it), and tell the exchange."""
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(self.timeout)
            line.connect(self.unix_socket)
        except BaseException:
            line.close()
            raise
        self.sock = line
        _tell(line)


class _UnixPool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        return _UnixConnection(self.base_url, self.socket_path, self.timeout)  # type: ignore[arg-type]  # the stubs say int


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        line = super()._new_conn()
        _tell(line)
        return line


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        line = super()._new_conn()
        _tell(line)
        return line


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class WatchedUnixAdapter(UnixHTTPAdapter):
    """docker-py's adapter for unix sockets, with connections that tell their exchange."""

    def get_connection(self, url: str | bytes, proxies: Any = None) -> _UnixPool:  # noqa: ARG002  # docker-py's signature
        """Return a pool that is never shared: each exchange has its own connection."""
        return _UnixPool(str(url), self.socket_path, self.timeout, maxsize=1)


def watch_pools(adapter: Any) -> None:
    """Make a requests adapter (tcp, with or without TLS) build connections that tell their exchange."""
    adapter.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
