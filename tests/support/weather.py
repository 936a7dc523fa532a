"""Bad weather on the wire: a proxy between our real client and a panel's fake that can spoil every exchange, or only some of them.

``Weather(upstream)`` listens on loopback (TLS by ``certificate``) or on a unix socket. ``turns(fault, hits)`` begins the weather and
``clears()`` ends it. Which exchanges it hits is asked per request: ``every``, ``acting`` (whatever is no GET or HEAD), ``only(n)`` and
``since(n)`` of the requests after the turn. Faults that are ``commits`` let the other side carry the request out, and spoil its answer.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from tests.support.weather_wire import Certificates, message, tcp

PATIENCE = 120.0
DEEDS_BY_GET = ("/api/protected_instance/open", "/api/service/link_remote_service")
"""MCSManager takes orders so."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its number since the weather turned, and what it was."""

    number: int
    method: str
    path: str
    raw: bytes

    @property
    def acts(self) -> bool:
        """Whether it may change something. Logging in is no deed."""
        if any(part in self.path for part in DEEDS_BY_GET):
            return True
        return self.method not in {"GET", "HEAD"} and "/auth" not in self.path and not self.path.endswith("/login")


Hits = Callable[[Asked], bool]
Play = Callable[["Weather", socket.socket, Asked], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of weather. ``play`` answers one request; ``commits``: the other side has carried it out; ``tls``: only where TLS is."""

    name: str
    play: Play
    commits: bool = False
    tls: Literal["", "garbage", "strange"] = ""
    slow: bool = False
    refuses: bool = False


def every(_asked: Asked) -> bool:
    return True


def acting(asked: Asked) -> bool:
    return asked.acts


def only(number: int) -> Hits:
    """Hit the n-th request after the turn, from 1."""
    return lambda asked: asked.number == number


def since(number: int) -> Hits:
    """Hit the n-th request after the turn and all that follow."""
    return lambda asked: asked.number >= number


def first(hits: Hits) -> Hits:
    """Hit the first of those that ``hits`` would."""
    done = threading.Event()

    def once(asked: Asked) -> bool:
        if done.is_set() or not hits(asked):
            return False
        done.set()
        return True

    return once


class Weather:
    """The proxy. ``asked`` are the requests since the weather turned, ``hit`` those it spoiled, ``poured`` the bytes of huge answers."""

    def __init__(self, upstream: str = "", *, unix: Path | None = None, certificate: Certificates | None = None) -> None:
        """``upstream`` is http://host:port or unix:///path and may be set later, too."""
        self.upstream = upstream
        self.asked: list[Asked] = []
        self.hit: list[Asked] = []
        self.poured = 0
        self.seed = 0
        self._certificates = certificate
        self._context = certificate.context("good") if certificate else None
        self._fault: Fault | None = None
        self._hits: Hits = every
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._over = threading.Event()
        self._unix = unix
        self._kept: socket.socket | None = None
        if unix is None:
            # bound and never listening: the port stays ours while nothing listens on it
            self._kept = tcp(0)
        self._listener: socket.socket | None = None
        self._listen()

    @property
    def url(self) -> str:
        if self._unix is not None:
            return f"unix://{self._unix}"
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        assert self._kept is not None
        return int(self._kept.getsockname()[1])

    @property
    def fault(self) -> str:
        return "" if self._fault is None else self._fault.name

    def turns(self, fault: Fault, hits: Hits = every) -> None:
        """Begin this weather; connections that were kept from before are cut."""
        with self._lock:
            self.asked, self.hit, self.poured = [], [], 0
            self._fault, self._hits = fault, hits
        if fault.refuses:
            self._close_listener()
        self._cut()

    def clears(self) -> None:
        """End the weather; what still hangs is cut."""
        was, self._fault = self._fault, None
        self._cut()
        if was is not None and was.refuses:
            self._listen()

    def close(self) -> None:
        self._over.set()
        self._close_listener()
        self._cut()
        if self._kept is not None:
            self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        if self._unix is not None:
            self._unix.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self._unix))
        else:
            listener = tcp(self.port)
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True, name="weather").start()

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _cut(self) -> None:
        with self._lock:
            standing = tuple(self._open)
        for each in standing:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True, name="weather-one").start()

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        try:
            connection = self._encrypted(connection)
            with self._lock:
                self._open.add(connection)
            with suppress(OSError, ValueError):
                while self._exchange(connection):
                    pass
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _encrypted(self, connection: socket.socket) -> socket.socket:
        if self._context is None:
            return connection
        assert self._certificates is not None
        fault, context = self._fault, self._context
        if fault is not None and fault.tls and self._hits(Asked(len(self.asked) + 1, "GET", "", b"")):
            with self._lock:
                self.hit.append(Asked(len(self.asked) + 1, "TLS", "", b""))
                self.asked.append(self.hit[-1])
            if fault.tls == "garbage":
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                raise OSError("no TLS today")
            context = self._certificates.context("strange")
        return context.wrap_socket(connection, server_side=True)

    def _exchange(self, connection: socket.socket) -> bool:
        """Play one exchange; return whether another may follow on the connection."""
        raw = b"".join(message(connection.recv, answers=False))
        if not raw:
            return False
        method, path, _ = raw.split(b" ", 2)
        with self._lock:
            asked = Asked(len(self.asked) + 1, method.decode(), path.decode(), raw)
            self.asked.append(asked)
            fault = self._fault
        if fault is None or fault.tls or not self._hits(asked):
            return self._through(connection, asked)
        self.hit.append(asked)
        fault.play(self, connection, asked)
        return False

    def _through(self, connection: socket.socket, asked: Asked) -> bool:
        with self._upstream() as far:
            far.sendall(asked.raw)
            kept = True
            for number, piece in enumerate(message(far.recv, answers=True, head_only=asked.method == "HEAD")):
                connection.sendall(piece)
                if number == 0:
                    if piece.split(b" ", 2)[1] == b"101":
                        self._splice(connection, far)
                        return False
                    kept = b"connection: close" not in piece.lower() and b"content-length" in piece.lower()
            return kept and b"connection: close" not in asked.raw.split(b"\r\n\r\n", 1)[0].lower()

    def _splice(self, near: socket.socket, far: socket.socket) -> None:
        def pump() -> None:
            with suppress(OSError):
                while piece := near.recv(65536):
                    far.sendall(piece)
            with suppress(OSError):
                far.shutdown(socket.SHUT_WR)

        threading.Thread(target=pump, daemon=True, name="weather-up").start()
        with suppress(OSError):
            while piece := far.recv(65536):
                near.sendall(piece)
        with suppress(OSError):
            near.shutdown(socket.SHUT_WR)

    def _upstream(self) -> socket.socket:
        url = urlsplit(self.upstream)
        if url.scheme == "unix":
            far = socket.socket(socket.AF_UNIX)
            far.settimeout(PATIENCE)
            far.connect(url.path)
            return far
        return socket.create_connection((url.hostname or "", url.port or 80), timeout=PATIENCE)

    def fetched(self, asked: Asked, most: int = 1 << 24) -> bytes:
        """Let the other side carry the request out; return its whole answer, of a stream without an end its head."""
        with self._upstream() as far:
            far.sendall(asked.raw)
            whole = b""
            if "/events" in asked.path:
                return next(iter(message(far.recv, answers=True)))
            for piece in message(far.recv, answers=True):
                whole += piece
                if len(whole) > most or piece.startswith(b"HTTP/1.1 101"):
                    break
            return whole

    def rest(self, connection: socket.socket) -> None:
        """Wait until the client has enough of it."""
        with suppress(OSError):
            connection.recv(1)
