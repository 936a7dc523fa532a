"""One connection to the fake server, with the switches' trouble, and the listening socket of one of its lives."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal, Protocol, cast

from watchdog.panels.duplicati.fake import routes, waiting
from watchdog.panels.duplicati.fake.routes import Reply
from watchdog.panels.duplicati.fake.state import DuplicatiWorld
from watchdog.runtime import frames, loopback
from watchdog.runtime.loopback import Asked

Doing = Literal["idle", "answering", "held"]


class Owner(Protocol):
    """What a connection needs of its server."""

    world: DuplicatiWorld
    seen: list[Asked]
    closed: threading.Event
    stopping: bool
    lock: threading.Lock
    connections: dict[Connection, Doing]


class Connection(loopback.Connection):
    """One connection: idle between requests, answering, or held by a long poll or a websocket."""

    server_of: Owner
    polling = False

    def setup(self) -> None:
        """Be known to the server."""
        super().setup()
        self.gone = threading.Event()
        self.aborted = False
        self._become("idle")

    def finish(self) -> None:
        """Be known no more."""
        with self.server_of.lock:
            self.server_of.connections.pop(self, None)
        with contextlib.suppress(OSError):
            super().finish()

    def cut(self, *, aborted: bool) -> None:
        """End it from the server's side; ``aborted`` = with a reset, once its thread has let go of it."""
        self.gone.set()
        with contextlib.suppress(OSError):
            if aborted:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RD if aborted else socket.SHUT_RDWR)

    def _become(self, doing: Doing) -> None:
        with self.server_of.lock:
            self.server_of.connections[self] = doing

    def answer(self, asked: Asked) -> None:
        """Answer one request, with the switches' trouble."""
        server = self.server_of
        self.connection.settimeout(None)
        self._become("answering")
        with server.lock:
            server.seen.append(asked)
        try:
            self._answer(asked)
        finally:
            self.close_connection = self.close_connection or server.stopping
            self._become("idle")
            self.connection.settimeout(self.timeout)

    def _answer(self, asked: Asked) -> None:
        server = self.server_of
        switches = server.world.switches
        if asked.path == "/notifications" and "websocket" in asked.headers.get("upgrade", "").lower():
            self._websocket(asked)
            return
        befalls = asked.path.startswith(switches.only)
        if befalls and switches.hold is not None:
            switches.hold.wait()
        if befalls and switches.slow:
            server.closed.wait(switches.slow)
        if befalls and switches.unreachable:
            self.close_connection = True
            return
        reply = self._troubled() if befalls else None
        if reply is None and waiting.is_long(asked):
            self.polling = True
            self._become("held")
            reply = waiting.long_poll(server.world, asked, self.gone)
            self.polling = False
        elif reply is None:
            reply = routes.answer(server.world, asked)
        if reply is None or f"{asked.method} {asked.path}" in switches.lost:
            self.close_connection = True
            return
        self._send(reply, troubled=befalls)

    def _troubled(self) -> Reply | None:
        switches = self.server_of.world.switches
        if switches.status is not None:
            return routes.refusal(switches.status, "An error occurred").reply
        return None if switches.body is None else Reply(routes.OK, switches.body, routes.JSON)

    def _websocket(self, asked: Asked) -> None:
        self._become("held")
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", frames.accept(asked.headers.get("sec-websocket-key", "")))
        self.end_headers()
        self.close_connection = True
        waiting.push(self.server_of.world, asked, cast("BinaryIO", self.rfile), cast("BinaryIO", self.wfile), self.gone)

    def _send(self, reply: Reply, *, troubled: bool) -> None:
        switches = self.server_of.world.switches
        body = reply.body
        if troubled and switches.huge and reply.type.startswith("application/json"):
            body = b" " * switches.huge + body
        self.send_response(reply.status)
        if reply.type:
            self.send_header("Content-Type", reply.type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.server_of.stopping:
            self.send_header("Connection", "close")
        self.end_headers()
        for piece in self._pieces(body, troubled=troubled):
            self.wfile.write(piece)

    def _pieces(self, body: bytes, *, troubled: bool) -> Iterator[bytes]:
        switches = self.server_of.world.switches
        if troubled and switches.half:
            self.close_connection = True
            yield body[: len(body) // 2]
        elif troubled and switches.drip:
            for at in range(len(body)):
                if self.gone.wait(switches.drip):
                    return
                yield body[at : at + 1]
        else:
            yield body

    def version_string(self) -> str:
        """Return what the header Server says."""
        return self.server_of.world.switches.server


class Listener(loopback.Server):
    """The listening socket of one life."""

    def shutdown_request(self, request: Any) -> None:
        """Close one connection; one that was aborted has its linger at zero, so this resets it."""
        with contextlib.suppress(OSError):
            linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            if struct.unpack("ii", linger)[0]:
                request.close()
                return
        super().shutdown_request(request)
