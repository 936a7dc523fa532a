"""Sockets with one deadline for their whole life, for ``runtime/http``.

The time-out of requests is per read: a server that drips one byte a second holds its caller for ever. Here each receive and each send gets
what is left of the exchange's time, name look-up, connect, TLS handshake, headers and body included.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# of a head that is cut short urllib3 warns with the whole address, which may hold a secret; the answer itself is judged by us
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

Address = tuple[Any, ...]
_MOST_LOOKUPS = 16
_lookups = threading.BoundedSemaphore(_MOST_LOOKUPS)


class Late(TimeoutError):
    """The exchange's time is up."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How to trust a server: the system's and certifi's authorities, or those of ``ca_file``, or (an explicit wish) anybody."""

    ca_file: Path | None = None
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """Return a context whose sockets keep a deadline. Raises OSError or ssl.SSLError when ``ca_file`` cannot be used."""
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.ca_file is None:
            context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.sslsocket_class = _TlsSocket
        return context


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of one exchange, on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds left. Raises Late when there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise Late("the exchange's time is up")
        return left


class _Timed(socket.socket):
    """A socket whose every read and write gets only what is left."""

    deadline: Deadline | None = None

    def _hurry(self) -> None:
        if self.deadline is not None:
            self.settimeout(self.deadline.left())

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._hurry()
        return super().sendall(*args, **kwargs)


class _TlsSocket(ssl.SSLSocket):
    """The same under TLS."""

    deadline: Deadline | None = None

    def _hurry(self) -> None:
        if self.deadline is not None:
            self.settimeout(self.deadline.left())

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._hurry()
        return super().sendall(*args, **kwargs)


class Line:
    """The connection of one download, kept so that another thread can cut it. A duplicate: TLS detaches the original."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._cut = False

    def hold(self, line: socket.socket) -> socket.socket:
        """Remember ``line`` and return it."""
        with self._lock:
            self._line = line.dup()
        if self._cut:
            self.cut()
        return line

    def cut(self) -> None:
        """End the connection from any thread, at once; one that is made later ends at once, too."""
        self._cut = True
        with self._lock, suppress(OSError):
            if self._line is not None:
                self._line.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give back the duplicate."""
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None


def connect_unix(path: str, deadline: Deadline) -> socket.socket:
    """Return a connected unix stream socket. Raises OSError."""
    return _connect(socket.AF_UNIX, path, deadline, deadline.left())


def connect_tcp(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Return a connected TCP socket, trying all addresses of ``host`` with a fair share of the time each. Raises OSError."""
    addresses = _look_up(host, port, deadline)
    failure: OSError = ConnectionError("the name has no address")
    for tried, (family, address) in enumerate(addresses):
        try:
            sock = _connect(family, address, deadline, deadline.left() / (len(addresses) - tried))
        except Late:
            raise
        except OSError as error:
            failure = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise failure


def _connect(family: int, address: Any, deadline: Deadline, share: float) -> socket.socket:
    sock = _Timed(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(share)
        sock.connect(address)
        sock.deadline = deadline
        sock.settimeout(deadline.left())  # a TLS handshake takes over this time-out
    except BaseException:
        sock.close()
        raise
    return sock


def _look_up(host: str, port: int, deadline: Deadline) -> list[tuple[int, Address]]:
    """Resolve ``host``. getaddrinfo cannot be interrupted, so a name (not a literal) is looked up in a thread that may be left behind."""
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _look_up_name(host, port, deadline)
    return _resolve(host, port)


def _resolve(host: str, port: int) -> list[tuple[int, Address]]:
    return [(int(family), address) for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _look_up_name(host: str, port: int, deadline: Deadline) -> list[tuple[int, Address]]:
    if not _lookups.acquire(timeout=deadline.left()):
        raise Late("too many name look-ups hang")
    found: SimpleQueue[list[tuple[int, Address]] | OSError] = SimpleQueue()

    def look() -> None:
        try:
            found.put(_resolve(host, port))
        except UnicodeError:
            found.put(OSError("not a host name"))
        except OSError as error:
            found.put(error)
        finally:
            _lookups.release()

    threading.Thread(target=look, name="name-look-up", daemon=True).start()
    try:
        result = found.get(timeout=deadline.left())
    except Empty:
        raise Late("the name look-up took too long") from None
    if isinstance(result, OSError):
        raise result
    return result


def _connected(connect: Callable[[Deadline], socket.socket], deadline: Deadline) -> socket.socket:
    """Return the socket of a connection; one that is reset while it is made fails under another name.

    urllib3 takes a reset for an answer that came before all was sent, and asks a socket that is not there for it (an AttributeError).
    """
    try:
        return connect(deadline)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise ConnectionAbortedError(errno.ECONNABORTED, error.strerror or "Connection reset by peer") from None


class OneExchange(HTTPAdapter):
    """A requests adapter for one exchange: one connection, one deadline, our own TLS context, no retries."""

    def __init__(self, connect: Callable[[Deadline], socket.socket], deadline: Deadline, context: ssl.SSLContext | None) -> None:
        """``connect`` is given the deadline of all of it; the socket may come with a nearer one, which then holds for the handshake."""
        self._connect = connect
        self._deadline = deadline
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """Return a pool of one connection; its host and port come from the URL, its socket from us."""
        del verify, proxies, cert
        scheme, connect, deadline = request.url.partition(":")[0], self._connect, self._deadline

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connected(connect, deadline)

        class Tls(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connected(connect, deadline)

            def connect(self) -> None:
                super().connect()
                self.is_verified = True  # or not, by an explicit setting: no need for a warning at each exchange
                if isinstance(self.sock, _TlsSocket):
                    self.sock.deadline = deadline

        host = request.url.split("/", 3)[2]
        name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
        if scheme == "https":
            secure = HTTPSConnectionPool(name, int(port or 443), maxsize=1, ssl_context=self._context)
            secure.ConnectionCls = Tls
            return secure
        plain = HTTPConnectionPool(name, int(port or 80), maxsize=1)
        plain.ConnectionCls = Plain
        return plain

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the context knows whom to trust."""
