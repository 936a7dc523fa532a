"""Evidence about one SysReptor, frozen: backups that run in its container right now. Pure values; ``evidence.py`` fills them.

Ending the client of a backup does not end ``manage.py backup`` in the container (contract section 1.1): it runs on, and writes to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BackupProcess:
    """One ``manage.py backup`` in the panel's container, as the engine's ``top`` shows it: its pid on this host.

    ``began`` is UNIX seconds, None when the engine did not tell. Its words never enter: a key may stand among them.
    """

    pid: int
    began: float | None = None


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest backup that we made, by the note beside it. ``seconds`` is how long it took, ``peak_memory`` bytes (None = not known)."""

    path: str
    began: float
    bytes: int
    seconds: float
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen beside the panel's own words. ``processes`` None = could not look, for the reason in ``processes_error``."""

    processes: tuple[BackupProcess, ...] | None = None
    processes_error: str = ""
    last_run: LastRun | None = None


NOTHING: Final = Evidence()
"""Nothing was looked at."""
