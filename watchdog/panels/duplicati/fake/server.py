"""The fake server on loopback: one port for all its lives, and the real one's manners when it is stopped or killed.

``restart-witnesses-and-their-cost.json``: idle connections end at the moment of the stop; nothing held: 0.1 s; a websocket on every
version, or a long poll on the 2.1.0 line, holds the stop up until it ends, for 30 s at most, and is then cut; later releases answer a long
poll at once. A connection that was idle for 130 s is ended. Sockets live in real time (``idle_seconds``); the 30 s are the clock's.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, cast

from watchdog.model.moments import Clock
from watchdog.panels.duplicati.fake import routes, waiting
from watchdog.panels.duplicati.fake.releases import Counts
from watchdog.panels.duplicati.fake.routes import Reply
from watchdog.panels.duplicati.fake.state import DuplicatiWorld
from watchdog.runtime import frames, loopback
from watchdog.runtime.loopback import Asked

Doing = Literal["idle", "answering", "held"]
GRACE_SECONDS = 30.0
IDLE_SECONDS = 130.0
_LIFE_SECONDS = 0.05
_ANSWER_SECONDS = 10.0


class FakeDuplicati:
    """A server over one world. ``seen`` are the requests that came in, of all its lives."""

    def __init__(
        self, folder: Path, clock: Clock, release: str = "2.3.0.4", *, zone: str = "UTC", idle_seconds: float = IDLE_SECONDS,
        grace_seconds: float = GRACE_SECONDS, world: DuplicatiWorld | None = None,
    ) -> None:  # fmt: skip
        self.world = world or DuplicatiWorld(clock, folder, release, zone=zone)
        self.clock = clock
        self.seen: list[Asked] = []
        self.closed = threading.Event()
        self.stopping = False
        self.grace_seconds = grace_seconds
        self.lock = threading.Lock()
        self.connections: dict[_Connection, Doing] = {}
        self._handler = type("Handler", (_Connection,), {"server_of": self, "timeout": idle_seconds})
        self._reserved = socket.socket()
        # bound, never listening: keeps the port while the server is down
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        self._listener: _Listener | None = None
        self.start()
        threading.Thread(target=self._live, name="fake-duplicati-life", daemon=True).start()

    @property
    def url(self) -> str:
        """Return the server's address, the same in all its lives."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def up(self) -> bool:
        """Whether it runs."""
        return self._listener is not None

    def sent(self, path: str, method: str = "") -> list[Asked]:
        """Return the requests to a path so far, of one method or any."""
        with self.lock:
            return [asked for asked in self.seen if asked.path == path and method in {"", asked.method}]

    def tick(self) -> None:
        """Let the world catch up with the clock."""
        self.world.catch_up()

    # -- lives

    def start(self) -> None:
        """Start on the port it always had."""
        if self._listener is None:
            self.stopping = False
            self.world.boot()
            self._listener = _Listener(self._handler, "fake-duplicati-http", self.port)

    def stop(self) -> float:
        """Stop as SIGTERM does; return how many seconds of the clock it took."""
        listener, self._listener = self._listener, None
        if listener is None:
            return 0.0
        began = self.clock.now().mono
        self.stopping = True
        listener.close()
        if self.world.release.ends_long_polls:
            with self.world.lock:
                if self.world.memory is not None and self._doing("held"):
                    self.world.memory.count(Counts(1))
                    self.world.told()
        self._wait_for_answers()
        self._wait_for_held()
        self.world.down()
        self._cut(aborted=True)
        return self.clock.now().mono - began

    def kill(self) -> None:
        """Die at once."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self.stopping = True
            self.world.down()
            listener.close()
            self._cut()

    def restart(self, *, killed: bool = False, down: float = 0.0) -> float:
        """Stop (or die), stay down for ``down`` seconds of the clock, start; return how long the stop took."""
        took = 0.0
        if killed:
            self.kill()
        else:
            took = self.stop()
        if down:
            self.clock.wait(self.closed, down)
        self.start()
        return took

    def close(self) -> None:
        """Be gone for good."""
        self.closed.set()
        self.world.ended.set()
        if self.world.switches.hold is not None:
            self.world.switches.hold.set()
        self.kill()
        self._reserved.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- connections

    def _doing(self, *what: Doing) -> list[_Connection]:
        with self.lock:
            return [connection for connection, doing in self.connections.items() if doing in what]

    def _wait_for_answers(self) -> None:
        for idle in self._doing("idle"):
            idle.cut(aborted=False)
        until = time.monotonic() + _ANSWER_SECONDS
        while self._doing("answering") and time.monotonic() < until:
            time.sleep(0.005)

    def _wait_for_held(self) -> None:
        until = self.clock.now().mono + self.grace_seconds
        real = time.monotonic() + _ANSWER_SECONDS
        if self.world.release.ends_long_polls:
            while any(connection.polling for connection in self._doing("held")) and time.monotonic() < real:
                time.sleep(0.005)
        while self._doing("held") and self.clock.now().mono < until:
            self.clock.wait(threading.Event(), 0.05)

    def _cut(self, *, aborted: bool = False) -> None:
        for connection in self._doing("idle", "answering", "held"):
            connection.cut(aborted=aborted)

    def _live(self) -> None:
        while not self.closed.wait(_LIFE_SECONDS):
            self.world.catch_up()


class _Connection(loopback.Connection):
    """One connection: idle between requests, answering, or held by a long poll or a websocket."""

    server_of: FakeDuplicati
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


class _Listener(loopback.Server):
    """The listening socket of one life."""

    def shutdown_request(self, request: Any) -> None:
        """Close one connection; one that was aborted has its linger at zero, so this resets it."""
        with contextlib.suppress(OSError):
            linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            if struct.unpack("ii", linger)[0]:
                request.close()
                return
        super().shutdown_request(request)
