"""One long download, for ``runtime/http``: layered patience, pieces handed on as they come, and an end that is an end or a Cut."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from watchdog.errors import MalformedAnswer
from watchdog.model.transfers import Sink
from watchdog.runtime.faults import cut
from watchdog.runtime.vigil import Vigil
from watchdog.runtime.wire import Deadline, Line

_PIECE = 256 << 10


def impatient(connect: Callable[[Deadline], socket.socket], seconds: float, line: Line) -> Callable[[Deadline], Any]:
    """Return ``connect`` with a deadline of its own in ``seconds``, after which the socket gets the whole one; ``line`` can cut it."""

    def connected(whole: Deadline) -> Any:
        made: Any = connect(Deadline(min(whole.at, Deadline.after(seconds).at)))
        made.deadline = whole
        return line.hold(made)

    return connected


def flow(raw: Any, operation: str, server: str, sink: Sink, vigil: Vigil) -> None:
    """Hand the body of ``raw`` (a requests answer, unread) to ``sink``, piece by piece.

    Raises MalformedAnswer before the first piece when the answer is packed, or has neither length nor chunks (its end could not be told
    from a cut); Cut when it ends early; what the vigil says; what ``sink`` raises, as it is.
    """
    headers = raw.headers
    if headers.get("Content-Encoding", "identity").lower() not in {"identity", ""}:
        raise MalformedAnswer(f"{operation}: {server} packed its answer, which was not asked for")
    if "chunked" not in headers.get("Transfer-Encoding", "").lower() and not headers.get("Content-Length", "").isdigit():
        raise MalformedAnswer(
            f"{operation}: {server} says neither a length nor where its answer ends: a cut could not be told from the end"
        )
    while True:
        vigil.waiting()
        with cut(operation, server, lambda: vigil.received):
            piece: bytes = raw.raw.read1(_PIECE, decode_content=False) or b""
        vigil.got(len(piece))
        if not piece:
            return
        sink(piece)
