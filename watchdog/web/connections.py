"""One HTTP connection with bounds: how long it may take to ask and to read, and how many there may be."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from watchdog.model.metrics import Instruments, Metric
from watchdog.web.callers import LISTENERS, Caller, caller_of

Phase = Literal["waiting", "reading", "answering", "sending"]
_REASONS = ("evicted", "full", "slow_request", "slow_reader", "cut_download")
_DROPPED = Metric(
    "watchdog_web_connections_dropped_total",
    "counter",
    "Connections cut to keep the server free: evicted (idle, room needed), full (all busy), slow_request, slow_reader; or because an "
    "archive changed while it was sent: cut_download.",
    ("listener", "reason"),
    seed=tuple((listener, reason) for listener in LISTENERS for reason in _REASONS),
)
_OPEN = Metric("watchdog_web_connections", "gauge", "Open connections, from the web server.", ("listener",))
METRICS: tuple[Metric, ...] = (_DROPPED, _OPEN)

_FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\nretry-after: 5\r\n\r\n"
SWEEP_SECONDS = 0.5

# what clients do wrong is no news of ours: a scanner must not fill the log
_quiet = logging.getLogger("uvicorn.error.connection")
_quiet.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds for sending a request and for reading an answer, connections per listener, and who counts."""

    request_seconds: float
    send_seconds: float
    connections: int
    instruments: Instruments


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration plus our bounds; each connection gets this object."""

    bounds: Bounds


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1 connection that knows its caller and in which phase it is since when."""

    caller: Caller
    since: float
    _refused = False
    _pieces = 0
    _seen: tuple[Phase, object, int] | None = None

    def __init__(self, config: BoundedConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self.bounds = config.bounds
        self.logger = _quiet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take the caller's credentials, and make room or refuse."""
        sock: socket.socket = transport.get_extra_info("socket")
        self.caller = caller_of(sock)
        self.since = self.loop.time()
        if not self._make_room():
            self._refused = True
            self.transport = transport
            self.drop("full", last_words=_FULL)
            return
        self.app_state = {**self.app_state, "caller": self.caller, "connection": self}
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read on, unless refused."""
        if not self._refused:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if not self._refused:
            super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close after the answer under way; a connection in a state that cannot be closed politely is cut."""
        try:
            super().shutdown()
        except h11.LocalProtocolError:
            self.transport.abort()

    def drop(self, reason: str, last_words: bytes = b"") -> None:
        """Cut the connection now and count why."""
        self.bounds.instruments.count(_DROPPED.name, self.caller.listener, reason)
        if last_words:
            self.transport.write(last_words)
            self.transport.close()
        else:
            self.transport.abort()

    def phase(self) -> Phase:
        """Return what the connection is doing."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy and self.cycle.more_body:
            return "reading"
        if self.transport.get_write_buffer_size() > 0:
            return "sending"
        return "answering" if busy else "waiting"

    def moved(self) -> None:
        """Take note that a piece of a long answer was taken: the time to read an answer begins anew."""
        self._pieces += 1

    def sweep(self, now: float) -> None:
        """Cut the connection when its phase has lasted too long. ``now`` is the loop's time in seconds."""
        phase = self.phase()
        seen = (phase, self.cycle, self._pieces)
        if self._seen is None or self._seen != seen:
            self.since, self._seen = (now if self._seen else self.since), seen
        age = now - self.since
        if phase in {"waiting", "reading"} and age > self.bounds.request_seconds:
            self.drop("slow_request")
        elif phase == "sending" and age > self.bounds.send_seconds:
            self.drop("slow_reader")

    def _make_room(self) -> bool:
        others = [each for each in self.connections if isinstance(each, Connection) and each.caller.listener == self.caller.listener]
        if len(others) < self.bounds.connections:
            return True
        idle = [each for each in others if each.phase() == "waiting"]
        if not idle:
            return False
        victim = min(idle, key=lambda each: each.since)
        self.connections.discard(victim)  # its own connection_lost comes only in the loop's next turn
        victim.drop("evicted")
        return True


async def sweep(server: uvicorn.Server, instruments: Instruments, beat: Callable[[], None]) -> None:
    """Look at all connections again and again, until cancelled; ``beat`` is called each time, as proof that the loop turns."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            beat()
            found = [each for each in server.server_state.connections if isinstance(each, Connection)]
            for connection in found:
                connection.sweep(loop.time())
            for listener in LISTENERS:
                instruments.set(_OPEN.name, listener, value=sum(each.caller.listener == listener for each in found))
            await asyncio.sleep(SWEEP_SECONDS)
