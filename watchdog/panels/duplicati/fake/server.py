"""The fake server on loopback: one port for all its lives, and the real one's manners when it is stopped or killed.

``restart-witnesses-and-their-cost.json``: idle connections end at the moment of the stop; nothing held: 0.1 s; a websocket on every
version, or a long poll on the 2.1.0 line, holds the stop up until it ends, for 30 s at most, and is then cut; later releases answer a long
poll at once. A connection that was idle for 130 s is ended. Sockets live in real time (``idle_seconds``); the 30 s are the clock's.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from watchdog.model.moments import Clock
from watchdog.panels.duplicati.fake.connection import Connection, Doing, Listener
from watchdog.panels.duplicati.fake.releases import Counts
from watchdog.panels.duplicati.fake.state import DuplicatiWorld
from watchdog.runtime.loopback import Asked

GRACE_SECONDS = 30.0
IDLE_SECONDS = 130.0
_LIFE_SECONDS = 0.05
_ANSWER_SECONDS = 10.0
_STEP_SECONDS = 0.005


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
        self.connections: dict[Connection, Doing] = {}
        self._handler = type("Handler", (Connection,), {"server_of": self, "timeout": idle_seconds})
        self._reserved = socket.socket()
        # bound, never listening: keeps the port while the server is down
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        self._listener: Listener | None = None
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
            self._listener = Listener(self._handler, "fake-duplicati-http", self.port)

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

    def _doing(self, *what: Doing) -> list[Connection]:
        with self.lock:
            return [connection for connection, doing in self.connections.items() if doing in what]

    def _wait_for_answers(self) -> None:
        for idle in self._doing("idle"):
            idle.cut(aborted=False)
        self._soon(lambda: not self._doing("answering"))

    def _wait_for_held(self) -> None:
        until = self.clock.now().mono + self.grace_seconds
        if self.world.release.ends_long_polls:
            self._soon(lambda: not any(connection.polling for connection in self._doing("held")))
        while self._doing("held") and self.clock.now().mono < until:
            self.clock.wait(threading.Event(), 0.05)

    def _soon(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that only threads of ours must do: in real time, which has nothing to do with the clock's."""
        for _ in range(int(_ANSWER_SECONDS / _STEP_SECONDS)):
            if holds():
                return
            threading.Event().wait(_STEP_SECONDS)

    def _cut(self, *, aborted: bool = False) -> None:
        for connection in self._doing("idle", "answering", "held"):
            connection.cut(aborted=aborted)

    def _live(self) -> None:
        while not self.closed.wait(_LIFE_SECONDS):
            self.world.catch_up()
