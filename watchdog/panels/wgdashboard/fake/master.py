"""What lives as long as the fake panel's gunicorn master, the switches beside it, and the stand-in for public keys."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from dataclasses import dataclass, field

from watchdog.panels.wgdashboard.fake.store import Settings


def stand_in(private_key: str) -> str:
    """Return what stands for the public key of a private one; give a real function where devices are to be recognised by it."""
    return base64.b64encode(hashlib.sha256(private_key.encode()).digest()).decode("ascii") if private_key else ""


@dataclass(slots=True)
class Switches:
    """Bugs and weather that can be turned on while it runs."""

    unreachable: bool = False
    """Close every connection without an answer."""
    slow: float = 0.0
    """Seconds every answer takes, one after the other: the worker has one or two threads."""
    failing: frozenset[str] = frozenset()
    """Paths, such as ``/api/getWireguardConfigurationInfo``, that answer an HTML 500."""
    failing_names: frozenset[str] = frozenset()
    """Configurations whose info answers an HTML 500."""
    answer: bytes | None = None
    """Answer everything with these bytes."""


@dataclass(slots=True)
class Master:
    """What a gunicorn master holds from its start to its end: a worker forked from it begins with exactly this (contract section 3.3)."""

    settings: Settings = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    sessions: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def has_session(self, cookie: str) -> bool:
        """Whether a session is of this master: its secret is made anew with each (contract section 1.2)."""
        return cookie.partition(".")[0] in self.sessions

    def new_session(self) -> str:
        """Begin a session; return its token."""
        token = secrets.token_urlsafe(24)
        self.sessions.add(token)
        return token
