"""One instance as the daemon keeps it in memory, its states, and the times of the real one (contract section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

BUSY, STOPPED, STOPPING, STARTING, RUNNING = -1, 0, 1, 2, 3
LABEL: Final = "mcsmanager.instance.uuid"
RPC_SECONDS: Final = 6.0
"""The panel waits so long for a daemon (service/remote_command.ts; head-hang-open.json 6.01 s)."""
DELAYED_KILL: Final = 6.0
"""A failed start's kill comes at start + 6 s (head-race-outputlog.json)."""
FALL_BACK: Final = 600.0
"""Stopping falls back to Running after ten minutes (contract section 2, state C)."""


class Failure(Exception):
    """The daemon answers an error; the argument is its (English) message."""


class Silence(Exception):
    """The daemon does not answer within the panel's six seconds."""


@dataclass(slots=True)
class FakeInstance:
    """One instance in the daemon's memory. ``container`` is the id it believes to hold, ``stream`` whether its wait connection lives."""

    uuid: str
    nickname: str = "mc"
    status: int = STOPPED
    started: int = 0
    auto_restarted: int = 0
    auto_start: bool = True
    auto_restart: bool = False
    process_type: str = "docker"
    image: str = "bb"
    cwd: str = ""
    configured_name: str = ""
    end_time: float = 0.0
    container: str = ""
    stream: bool = False
    last_start: float = 0.0
    stopping_since: float = 0.0
    log: list[str] = field(default_factory=list)

    @property
    def container_name(self) -> str:
        """Return ``containerName`` or ``MCSM-`` and six digits (head-docker-inspect-running.json)."""
        return self.configured_name or f"MCSM-{self.uuid[:6]}"
