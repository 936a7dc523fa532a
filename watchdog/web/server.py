"""The server: uvicorn in one daemon thread, on a TCP address and on the control socket. Ends within a bound, whatever clients do."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
import threading
import time
from pathlib import Path

import uvicorn

from watchdog.errors import BadSettings
from watchdog.model.metrics import Instruments, Metric, Silent
from watchdog.runtime.log import get_logger
from watchdog.web import accounts, connections, downloads, inbound
from watchdog.web.accounts import Accounts
from watchdog.web.application import build_application, route_table
from watchdog.web.calls import Lane
from watchdog.web.connections import BoundedConfig, Bounds, Connection, sweep
from watchdog.web.downloads import Places, Serving
from watchdog.web.guard import Guard
from watchdog.web.inbound import InboundDoor
from watchdog.web.listeners import ControlSocket, bind_control, bind_tcp
from watchdog.web.ports import Backing
from watchdog.web.settings import ServerSettings

log = get_logger(__name__)

METRICS: tuple[Metric, ...] = (*accounts.METRICS, *connections.METRICS, *downloads.METRICS)

_QUESTIONS_AT_ONCE, _ORDERS_AT_ONCE = 8, 4
SILENT_SECONDS = 15.0
_KEEP_ALIVE_SECONDS = 5
_START_SECONDS = 30.0
_PATIENCE = 0.6  # the part of the stop's bound after which clients are cut
_HEADERS = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
]


class _Uvicorn(uvicorn.Server):
    """uvicorn's server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        self.listening.set()


class Server:
    """Serves one backing. ``start`` once, then ``stop``; both from any thread."""

    def __init__(self, settings: ServerSettings, backing: Backing, control: Path | None, instruments: Instruments | None = None) -> None:
        self._settings = settings
        self._control_path = settings.control_socket or control
        self._instruments = instruments or Silent()
        self._questions, self._orders = Lane("questions", _QUESTIONS_AT_ONCE), Lane("orders", _ORDERS_AT_ONCE)
        # beside the reading of pieces there is the opening of files
        self._downloads = Lane("downloads", 2 * settings.downloads)
        serving = Serving(self._downloads, Places(settings.downloads), self._instruments)
        app = build_application(backing, self._questions, self._orders, serving)
        self._guard = Guard(app, settings, self._orders)
        templates = (inbound.TEMPLATE, *(path for _, path in route_table(app)))
        self._uvicorn = _Uvicorn(self._config(Accounts(InboundDoor(self._guard, backing), self._instruments, templates)))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._control: ControlSocket | None = None
        self._address = ("", 0)
        self._beat_at = time.monotonic()

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port as bound (port 0 in the settings picks one)."""
        return self._address

    @property
    def control_path(self) -> Path | None:
        """Return the control socket's path, None without one."""
        return self._control_path

    @property
    def alive(self) -> bool:
        """Whether the server's thread lives and its loop turns; part of the program's health."""
        running = self._thread is not None and self._thread.is_alive() and self._uvicorn.started
        return running and time.monotonic() - self._beat_at < SILENT_SECONDS

    def start(self) -> None:
        """Bind both doors and serve. Raises BadSettings, naming the address and the way out, when a door cannot be opened."""
        tcp = bind_tcp(self._settings.listen)
        self._address = tcp.getsockname()[:2]
        try:
            self._control = bind_control(self._control_path) if self._control_path else None
        except BadSettings:
            tcp.close()
            raise
        sockets = [tcp, self._control.sock] if self._control else [tcp]
        self._beat()
        self._thread = threading.Thread(target=self._run, args=(sockets,), name="web", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while self._thread.is_alive() and not self._uvicorn.listening.wait(0.05) and time.monotonic() < deadline:
            continue
        if not self.alive:
            raise BadSettings(f"the web server did not begin to serve {self._settings.listen}: see the log")
        log.info("serving", address=f"{self._address[0]}:{self._address[1]}", control=os.fspath(self._control_path or "none"))

    def configure(self, settings: ServerSettings) -> tuple[str, ...]:
        """Take new settings while running; return the names of changed ones that need a restart and were left as they are."""
        self._guard.configure(settings)
        live = {"api_token_file", "download_token_file", "alertmanager_token_file", "allowed_hosts"}
        return tuple(
            name for name in ServerSettings.model_fields if name not in live and getattr(settings, name) != getattr(self._settings, name)
        )

    def stop(self, seconds: float = 5.0) -> bool:
        """Finish answers under way and end; cut everybody after a part of ``seconds``. Return whether all ended within ``seconds``."""
        thread, loop = self._thread, self._loop
        if thread is None:
            return True
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                loop.call_soon_threadsafe(self._end, loop, seconds)
        thread.join(seconds)
        return not thread.is_alive()

    def _config(self, app: Accounts) -> BoundedConfig:
        settings = self._settings
        config = BoundedConfig(
            app=app,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            headers=_HEADERS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=None,  # ``_end`` cuts what is left, with a bound of its own
        )
        config.bounds = Bounds(settings.header_timeout, settings.send_timeout, settings.max_connections, self._instruments)
        return config

    def _run(self, sockets: list[socket.socket]) -> None:
        try:
            asyncio.run(self._serve(sockets))
        finally:
            for sock in sockets:
                sock.close()
            if self._control is not None:
                self._control.close()

    async def _serve(self, sockets: list[socket.socket]) -> None:
        self._loop = asyncio.get_running_loop()
        sweeping = asyncio.create_task(sweep(self._uvicorn, self._instruments, self._beat))
        try:
            await self._uvicorn.serve(sockets)
        finally:
            sweeping.cancel()
            self._cut()
            await asyncio.sleep(0)  # cut connections are closed in the loop's next turn

    def _beat(self) -> None:
        self._beat_at = time.monotonic()

    def _end(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._uvicorn.should_exit = True
        self._questions.close()
        self._orders.close()
        self._downloads.close()
        loop.call_later(max(0.0, min(seconds * _PATIENCE, seconds - 1.0)) if math.isfinite(seconds) else 5.0, self._cut)

    def _cut(self) -> None:
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()
        for task in list(self._uvicorn.server_state.tasks):
            task.cancel()
