"""A program run in a container with its output streamed: no terminal, stdout and stderr told apart, hours long if need be.

Docker's frames (Engine API, "attach": stream format) have eight bytes of header; a frame is handed on as it comes, never kept whole.
Ending this side does not end the program: it runs on inside, to its end, and Docker (20.10) drops what it writes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from watchdog.errors import Cut, MalformedAnswer, Unreachable, WatchdogError
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


def stream(
    door: Door, made: str, what: str, frames: Frames, stdin: bytes, patience: Patience, alive: Alive, source: Iterable[bytes] | None = None
) -> int:  # fmt: skip
    """Start the exec ``made`` and feed all that it says to ``frames``; return the bytes received, headers of frames included.

    ``stdin`` is sent before anything is read; ``source`` from a thread beside, for it may be longer than what lines
    keep. Raises the house's errors for the wire and the vigil; what a sink or the source raises passes as it is.
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
            with _Filling(answer, source, exchange):
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


class _Filling:
    """Writes ``source`` to the connection of an exec from a thread of its own, and closes that direction after it.

    The program's end ends the thread: the line is closed then, and whoever has not read everything says by the exit code why.
    """

    def __init__(self, answer: Any, source: Iterable[bytes] | None, exchange: Exchange) -> None:
        self._answer, self._source, self._exchange = answer, source, exchange
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._fill, name="exec-stdin", daemon=True)

    def __enter__(self) -> None:
        if self._source is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        if self._source is None:
            return
        self._exchange.close()
        self._thread.join()
        if self._error is not None:
            raise self._error from None

    def _fill(self) -> None:
        line = self._answer.raw._fp.fp.raw._sock  # noqa: SLF001  # see _send_input
        for piece in self._pieces():
            try:
                line.sendall(piece)
            except OSError:
                return  # the program has ended, or the line was cut: the reader says which
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_WR)

    def _pieces(self) -> Iterable[bytes]:
        try:
            yield from self._source or ()
        except (WatchdogError, OSError, ValueError) as error:
            self._error = error
            self._exchange.close()


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
