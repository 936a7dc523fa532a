"""What a test or the demo can do to a fake server."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Switches:
    """Trouble, off by default. ``only``: it befalls paths that begin so."""

    only: str = "/"
    unreachable: bool = False
    """Connections are taken and ended without an answer."""
    status: int | None = None
    """Each answer is this, in the server's own shape for it."""
    body: bytes | None = None
    """Each answer is 200 with this, said to be JSON."""
    half: bool = False
    """The connection is cut in the middle of each answer."""
    drip: float = 0.0
    """Seconds between two bytes of an answer."""
    huge: int = 0
    """So many bytes of white space come before each JSON."""
    slow: float = 0.0
    hold: threading.Event | None = None
    """No answer before this is set."""
    boot_errors: int = 0
    """So many calls with a good token get a 500 after each start (contract section 1: three boots of ten on 2.1.0.5)."""
    server: str = "Kestrel"
    """What the header Server says; a reverse proxy says something else."""
    lost: frozenset[str] = field(default_factory=frozenset)
    """Methods and paths ("POST /api/v1/serverstate/pause") that are carried out, but whose answer never comes."""
