"""Bad weather on the wire: a proxy between our real client and a panel's fake that can spoil every exchange, or only some of them.

``Weather(upstream)`` listens on loopback (TLS by ``certificate``) or on a unix socket. ``turns(fault, hits)`` begins the weather and
``clears()`` ends it. Which exchanges it hits is asked per request: ``every``, ``acting`` (whatever is no GET or HEAD), ``only(n)`` and
``since(n)`` of the requests after the turn. Faults that are ``commits`` let the other side carry the request out, and spoil its answer.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

ABORT = struct.pack("ii", 1, 0)
PATIENCE = 120.0
DRIP = 0.1
POUR = b'{"x":"' + b"y" * 65530
FULL = 400 << 20
"""Bytes after which the huge answer gives up pouring: more than any reader may take."""


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
        return self.method not in {"GET", "HEAD"} and "/auth" not in self.path and not self.path.endswith("/login")


Hits = Callable[[Asked], bool]
Play = Callable[["Weather", socket.socket, Asked], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of weather. ``play`` answers one request; ``commits``: the other side has carried it out; ``tls``: only where TLS is."""

    name: str
    play: Play
    commits: bool = False
    tls: bool = False
    slow: bool = False


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
            self._kept = _tcp(0)
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
        if fault is REFUSED:
            self._close_listener()
        self._cut()

    def clears(self) -> None:
        """End the weather; what still hangs is cut."""
        was, self._fault = self._fault, None
        self._cut()
        if was is REFUSED:
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
            listener = _tcp(self.port)
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
            if fault is TLS_GARBAGE:
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


def _tcp(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


def message(recv: Callable[[int], bytes], *, answers: bool, head_only: bool = False) -> Iterator[bytes]:
    """Yield one HTTP message as it comes: its head first, then its body in pieces, by its length, its chunks, or (answers) to the end."""
    kept = b""
    while b"\r\n\r\n" not in kept:
        piece = recv(65536)
        if not piece:
            return
        kept += piece
    head, _, kept = kept.partition(b"\r\n\r\n")
    yield head + b"\r\n\r\n"
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
    status = head.split(b" ", 2)[1] if answers else b""
    if head_only or status in {b"204", b"304"} or status == b"101":
        if kept:
            yield kept
        return
    if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
        ended = kept
        while not ended.endswith(b"0\r\n\r\n"):
            if kept:
                yield kept
            kept = recv(65536)
            if not kept:
                return
            ended = (ended + kept)[-16:]
        yield kept
        return
    left = int(fields.get(b"content-length", b"-1" if answers else b"0"))
    while left:
        if kept:
            yield kept
            left -= min(len(kept), left) if left > 0 else 0
            kept = b""
            continue
        kept = recv(65536)
        if not kept:
            return


# -- the faults


def _abort(connection: socket.socket) -> None:
    """End it by a reset."""
    raw = socket.socket(fileno=connection.detach()) if isinstance(connection, ssl.SSLSocket) else connection
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    raw.close()


def _reset(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    _abort(connection)


def _lost(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    weather.fetched(asked)
    _abort(connection)


def _hang(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    weather.rest(connection)


def _deaf(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    weather.fetched(asked)
    weather.rest(connection)


def _half(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    whole = weather.fetched(asked)
    head = whole.find(b"\r\n\r\n") + 4
    connection.sendall(whole[: head + (len(whole) - head) // 2] if len(whole) > head else whole[: head // 2])


def _drip(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    never = threading.Event()
    whole = weather.fetched(asked)
    for place in range(len(whole)):
        connection.sendall(whole[place : place + 1])
        never.wait(DRIP)
    weather.rest(connection)


def _huge(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    while weather.poured < FULL:
        connection.sendall(POUR)
        weather.poured += len(POUR)


def say(status: int, body: bytes, *headers: str, commits: bool = False) -> Play:
    """Return a play that answers so."""

    def play(weather: Weather, connection: socket.socket, asked: Asked) -> None:
        if commits:
            weather.fetched(asked)
        lines = [f"HTTP/1.1 {status} Weather", "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close"]
        connection.sendall("\r\n".join([*lines, *headers]).encode() + b"\r\n\r\n" + body)

    return play


def _twisted(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    """The panel's own answer with some of its values made strange: another type, gone, or one level too deep."""
    whole = weather.fetched(asked)
    head, _, body = whole.partition(b"\r\n\r\n")
    if b"chunked" in head.lower() or not body:
        connection.sendall(whole)
        return
    try:
        body = json.dumps(strange(json.loads(body), random.Random(f"{weather.seed} {asked.number}"))).encode()
    except ValueError:
        body = body[: len(body) // 2]
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    connection.sendall(b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body)


ODD: tuple[Any, ...] = (None, True, -1, 1e300, 10**30, "", "strange", [], {}, [None], {"": None}, "\ud800", "2026-13-45T99:99:99Z")


def strange(value: Any, dice: random.Random, chance: float = 0.15) -> Any:
    """Return the value with some of its parts replaced, or gone."""
    if dice.random() < chance / 3:
        return dice.choice(ODD)
    if isinstance(value, dict):
        kept = {name: strange(each, dice, chance) for name, each in value.items()}
        return {name: each for name, each in kept.items() if dice.random() >= chance / 3}
    if isinstance(value, list):
        return [strange(each, dice, chance) for each in value if dice.random() >= chance / 3]
    return dice.choice(ODD) if dice.random() < chance else value


REFUSED = Fault("refused", _reset)
TLS_GARBAGE = Fault("TLS: no TLS at all", _reset, tls=True)
TLS_STRANGE = Fault("TLS: a stranger's certificate", _reset, tls=True)
LOST = Fault("answer lost after commit", _lost, commits=True)
TWISTED = Fault("JSON twisted", _twisted, commits=True)
HANG = Fault("hang", _hang, slow=True)
DEAF = Fault("hang after commit", _deaf, commits=True, slow=True)
DRIPPING = Fault("slow drip", _drip, commits=True, slow=True)
HUGE = Fault("huge body", _huge)
FAULTS: tuple[Fault, ...] = (
    REFUSED,
    Fault("reset", _reset),
    HANG,
    Fault("half an answer", _half, commits=True),
    Fault("500", say(500, b'{"error":"secret-of-the-server"}')),
    Fault("500 after commit", say(500, b'{"error":"x"}', commits=True), commits=True),
    Fault("502 of a proxy", say(502, b"<html>Bad Gateway</html>")),
    Fault("429", say(429, b"{}", "Retry-After: 1")),
    Fault("no JSON", say(200, b"<html>welcome</html>")),
    Fault("no JSON after commit", say(200, b"<html>welcome</html>", commits=True), commits=True),
    Fault("JSON: an empty list", say(200, b"[]")),
    Fault("JSON: an empty object", say(200, b"{}")),
    Fault("JSON: null", say(200, b"null")),
    Fault("JSON: nested without end", say(200, b"[" * 200_000)),
    HUGE,
    DRIPPING,
    DEAF,
    TLS_GARBAGE,
    TLS_STRANGE,
    LOST,
)


class Certificates:
    """An authority (``ca_file``), a certificate of it for 127.0.0.1 (good) and one that nobody has signed (strange)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        order = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -addext subjectAltName=IP:127.0.0.1"
        for name in ("good", "strange"):
            made = (*order.split(), "-subj", f"/CN={name}", "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"))
            subprocess.run(made, check=True, capture_output=True)

    @property
    def ca_file(self) -> Path:
        return self._folder / "good.pem"

    def context(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        return context
