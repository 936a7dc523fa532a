"""FakeEngine: the fake world as an Engine API on a unix socket. Real HTTP/1.1 with a thread per connection and a chunked event stream."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from watchdog.collectors.docker.fake.connection import Connection
from watchdog.collectors.docker.fake.execs import FakeExec
from watchdog.collectors.docker.fake.world import FakeEngineWorld, Mode


class FakeEngine:
    """Serves one world on ``path`` (a short one: a unix socket's path has at most 107 bytes), from ``start`` to ``close``.

    The world's mode decides: ``hung`` accepts and never answers, ``broken`` answers 500, ``down`` cuts all connections and stops listening.
    """

    def __init__(self, world: FakeEngineWorld, path: Path) -> None:
        self.world, self.path = world, path
        self.url = f"unix://{path}"
        self.execs: dict[str, FakeExec] = {}
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Follow the world's mode from now on: listen, unless it is down."""
        self.world.listen(self._follow)

    def close(self) -> None:
        """Cut every connection, end every thread and remove the socket."""
        self.closed.set()
        self._silence()
        with self.world.changed:
            self.world.changed.notify_all()
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(5.0)
        self.path.unlink(missing_ok=True)

    def _follow(self, mode: Mode) -> None:
        if mode == "down":
            self._silence()
        elif not self.closed.is_set() and self._listener is None:
            self._listen()

    def _listen(self) -> None:
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen(128)
        self._listener = listener
        self.spawn(lambda: self._accept(listener))

    def _silence(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
            connections = tuple(self._connections)
        for line in (*connections, *([listener] if listener else [])):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        if listener is not None:
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            self.spawn(partial(self._serve, connection))

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                Connection(connection, self)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def spawn(self, body: Callable[[], None]) -> None:
        """Run ``body`` in a thread that ``close`` waits for."""

        def run() -> None:
            try:
                body()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="fake-engine", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
