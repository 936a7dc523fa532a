"""Long transfers: how patient to be with each stage of one that may run for hours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Sink = Callable[[bytes], None]
"""Takes the next piece of a stream; what it raises ends the transfer."""

Alive = Callable[[], None]
"""Asked every half second from a thread beside the transfer; raises one of the house's errors (Stopping, LeaseLost...) to end it."""


def always() -> None:
    """Be alive as long as the transfer runs."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for each layer of one transfer.

    ``connect`` until connected (TLS included), ``first`` from the request to the first byte of content, ``between`` two pieces,
    ``total`` for all of it. ``stall``: in so many seconds at least ``least`` bytes must come (a server that drips one byte a minute
    is between no two pieces for long).
    """

    connect: float = 10.0
    first: float = 300.0
    between: float = 300.0
    stall: float = 900.0
    total: float = 86400.0
    least: int = 64 << 10
