"""What ``init`` saw on this host, and what a panel concludes from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from watchdog.model.docker import Container


@dataclass(frozen=True, slots=True)
class Clues:
    """Traces of panels: containers, systemd unit names, TCP ports that listen on this host, and which files exist."""

    containers: tuple[Container, ...] = ()
    units: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    exists: Callable[[str], bool] = field(default=lambda _path: False)

    def listens(self, port: int) -> bool:
        """Whether something listens on TCP ``port``."""
        return port in self.ports


@dataclass(frozen=True, slots=True)
class Found:
    """One target that a panel recognised: its settings as they would be written, why, and what only a person can supply.

    ``asks`` maps a ``*_file`` key to the sentence that says where the panel shows that secret. ``comments`` explain keys.
    """

    settings: Mapping[str, object]
    why: str
    asks: Mapping[str, str] = field(default_factory=dict)
    comments: Mapping[str, str] = field(default_factory=dict)
