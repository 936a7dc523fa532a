"""The fake panel: HTTP on loopback, one thread per connection, answers in chunks that a dying worker cuts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Self

from watchdog.panels.sysreptor.fake import routes
from watchdog.panels.sysreptor.fake.routes import Reply, Request
from watchdog.panels.sysreptor.fake.world import SysreptorWorld, limited
from watchdog.runtime.loopback import Asked, Connection, Server


class FakePanel:
    """A panel on 127.0.0.1 over one world, until ``close``. ``seen`` are the requests that came in, bodies included."""

    def __init__(self, world: SysreptorWorld, port: int = 0) -> None:
        self.world = world
        self.seen: list[Request] = []
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._server = _serve(self, port)

    @property
    def url(self) -> str:
        """Return the panel's address."""
        return self._server.url

    def note(self, request: Request) -> None:
        """Remember a request."""
        with self._lock:
            self.seen.append(request)

    def sent(self, path: str) -> list[Request]:
        """Return the requests to a path so far."""
        with self._lock:
            return [request for request in self.seen if request.path.rstrip("/") == path.rstrip("/")]

    def close(self) -> None:
        """Stop serving."""
        self.closed.set()
        if self.world.switches.hold is not None:
            self.world.switches.hold.set()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Handler(Connection):
    """One connection of a panel."""

    panel: FakePanel

    def answer(self, asked: Asked) -> None:
        """Answer one request."""
        request = Request(asked.method, asked.path, asked.query, asked.headers, asked.body)
        self.panel.note(request)
        switches = self.panel.world.switches
        if switches.unreachable:
            self.close_connection = True
        elif not switches.database_up:
            self.panel.closed.wait(switches.database_delay)
            self._send(Reply(500, routes.HTML, routes.DATABASE_DOWN))
        else:
            self._send(routes.answer(self.panel.world, request))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.pieces is None:
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            return
        # the headers go out with the first byte, whatever becomes of the rest (contract section 1.2)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.closing(reply.pieces):
            self._stream(reply.pieces)

    def _stream(self, pieces: Iterator[bytes]) -> None:
        switches = self.panel.world.switches
        killed = switches.out_of_memory_after
        most = killed if killed is not None else switches.cut_web_after
        for at, piece in enumerate(limited(pieces, most)):
            if piece:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
            if not at and switches.hold is not None:
                switches.hold.wait()
        if most is None:
            self.wfile.write(b"0\r\n\r\n")
            return
        # the worker dies: no last chunk, only the end of the connection
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        if killed is not None:
            self.panel.world.killed()


def _serve(panel: FakePanel, port: int) -> Server:
    return Server(type("Handler", (_Handler,), {"panel": panel}), "fake-sysreptor-http", port)
