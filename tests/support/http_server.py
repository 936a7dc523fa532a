"""A raw TCP or unix server whose every connection is played by a function: for exchanges no well-behaved server would offer."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Play = Callable[[socket.socket, bytes], None]


class RawServer:
    """Plays ``play(connection, request bytes)`` for each connection in a thread; ``requests`` are the bytes it read."""

    def __init__(self, play: Play, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        self.requests: list[bytes] = []
        self.closed_by_client = threading.Event()
        self.stopping = threading.Event()
        self._play = play
        self._sock = sock
        self._context = context
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._sock.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._sock.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(100)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            request = read_request(connection)
            self.requests.append(request)
            with suppress(OSError):
                self._play(connection, request)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                while connection.recv(65536):
                    pass
                self.closed_by_client.set()
            connection.close()

    def stop(self) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """Read one request: its head and, by Content-Length, its body."""
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = connection.recv(65536)
        if not chunk:
            return request
        request += chunk
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def raw_server(play: Play, *, unix: Path | None = None, context: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Serve on a free loopback port, or on ``unix``."""
    sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    sock.bind(str(unix) if unix else ("127.0.0.1", 0))
    sock.listen(64)
    server = RawServer(play, sock, context)
    try:
        yield server
    finally:
        server.stop()


def answer(status: int = 200, body: bytes = b"{}", *headers: str, length: int | None = None) -> bytes:
    """Return the bytes of one answer."""
    lines = [
        f"HTTP/1.1 {status} X",
        "Content-Type: application/json",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def say(data: bytes) -> Play:
    """Return a play that sends ``data`` and ends."""
    return lambda connection, _request: connection.sendall(data)


def drip(data: bytes, endless: bytes, pause: float = 0.02) -> Play:
    """Return a play that sends ``data``, then ``endless`` for ever, byte by byte."""

    def play(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(data)
        while True:
            for byte in endless:
                connection.sendall(bytes([byte]))
                time.sleep(pause)

    return play


def silent(connection: socket.socket, _request: bytes) -> None:
    """Play: accept, read the request, and never answer."""
    with suppress(OSError):
        connection.recv(1)
