"""A program run in a container with its output streamed: no terminal, stdout and stderr told apart, hours long if need be.

Docker's frames (Engine API, "attach": stream format) have eight bytes of header; a frame is handed on as it comes, never kept whole.
Ending this side does not end the program: it runs on inside, to its end, and Docker (20.10) drops what it writes.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from watchdog.errors import Cut, MalformedAnswer, Unreachable
from watchdog.model.transfers import Alive, Patience, Sink
from watchdog.runtime.engine.client import Door
from watchdog.runtime.engine.exchange import Exchange
from watchdog.runtime.vigil import Vigil

STDIN_LIMIT: Final = 64 << 10
"""A key or a word, not a file: it is sent before anything is read."""
_PIECE = 256 << 10
_HEADER = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2


class Frames:
    """Takes the bytes of a multiplexed stream in any cuts, and hands payloads to their sinks."""

    def __init__(self, out: Sink, errors: Sink, what: str) -> None:
        self._sinks = {0: out, _STDOUT: out, _STDERR: errors}
        self._what = what
        self._head = b""
        self._left = 0
        self._sink: Sink = out

    @property
    def whole(self) -> bool:
        """Whether the last frame was whole."""
        return not self._left and not self._head

    def feed(self, piece: bytes) -> None:
        """Take the next bytes. Raises MalformedAnswer for what is not framed (a terminal would do that), and what a sink raises."""
        view = memoryview(piece)
        while view:
            if not self._left:
                view = self._begin(view)
                continue
            part, view = view[: self._left], view[self._left :]
            self._left -= len(part)
            self._sink(bytes(part))

    def _begin(self, view: memoryview) -> memoryview:
        missing = _HEADER.size - len(self._head)
        self._head += bytes(view[:missing])
        if len(self._head) == _HEADER.size:
            stream, self._left = _HEADER.unpack(self._head)
            if stream not in self._sinks or self._head[1:4] != b"\0\0\0":
                raise MalformedAnswer(f"{self._what}: the stream is not framed; has it a terminal?")
            self._sink, self._head = self._sinks[stream], b""
        return view[missing:]


def stream(door: Door, made: str, what: str, frames: Frames, stdin: bytes, patience: Patience, alive: Alive) -> int:
    """Start the exec ``made`` and feed all that it says to ``frames``; return the bytes received, headers of frames included.

    Raises the house's errors for the wire and the vigil; what a sink raises passes as it is.
    """
    body = {"Detach": False, "Tty": False}
    with Exchange(None) as exchange, Vigil(what, patience, alive, exchange.close) as vigil:
        wire = _Wire(door, what, exchange, vigil, patience.total)
        timeout = (patience.connect, patience.total)  # the vigil is stricter, but cannot cut what is not connected yet
        with wire:
            answer = door.send("POST", f"/exec/{made}/start", patience.total, json=body, timeout=timeout)
        with answer:
            if stdin:
                with wire:
                    _send_input(answer, stdin)
            while True:
                vigil.waiting()
                with wire:
                    piece: bytes = answer.raw.read1(_PIECE, decode_content=False) or b""
                vigil.got(len(piece))
                if not piece:
                    break
                frames.feed(piece)
        vigil.check()  # a line that we cut just ends
        return vigil.received


class _Wire:
    """Turns what the wire raises into the house's errors; why we cut it says more than how that looked."""

    def __init__(self, door: Door, what: str, exchange: Exchange, vigil: Vigil, seconds: float) -> None:
        self._door, self._what, self._exchange, self._vigil, self._seconds = door, what, exchange, vigil, seconds

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, Exception):
            return
        self._vigil.check()
        mapped = self._door.judged(error, self._what, self._exchange, self._seconds)
        if self._vigil.received and type(mapped) is Unreachable:
            raise Cut(f"{mapped}, after {self._vigil.received} bytes; the program may run on inside") from None
        raise mapped from None


def _send_input(answer: Any, stdin: bytes) -> None:
    """Write ``stdin`` to the connection of an exec, and close that direction (not under TLS, which cannot be half closed)."""
    line = answer.raw._fp.fp.raw._sock  # noqa: SLF001  # docker-py reaches for the socket in the same way
    line.sendall(stdin)
    if not isinstance(line, ssl.SSLSocket):
        line.shutdown(socket.SHUT_WR)


def until(look: Callable[[], int | None], seconds: float, pause: float = 0.1) -> int | None:
    """Look until there is an exit code, for at most ``seconds``: the stream may end a moment before the process is reaped."""
    end = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < end:
        threading.Event().wait(pause)
    return found
