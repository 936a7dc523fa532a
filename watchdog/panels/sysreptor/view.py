"""What SysReptor believes, frozen: its licence, its log of backups, its health, its periodic tasks, and whether it would make a backup.

Pure values; ``answers.py`` fills them from the wire and ``tasks.py`` from the database, nothing else does. A whitelist: tokens, keys, the
installation's id and the licence's hash never enter. Each part that could not be read is None with the reason beside it, for what lies on
the disk is judged also while the panel is down (house rule 3: unknown proves nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from watchdog.model.buckets import BucketLook
from watchdog.panels.sysreptor.releases import Version, parse_version

PANEL_NAME: Final = "sysreptor"
MICROSECONDS: Final = 1_000_000
NOT_CONFIGURED: Final = "not_configured"
"""The reason beside a part that nobody asked for: no ``url``, no ``token_file``, no ``database``."""
TASK_SECONDS: Final = 86_400.0
"""How often each periodic task of the panel is due at the latest: most are daily, a few come more often (pentests/tasks.py)."""


class LogType(str, Enum):
    """What a row of the panel's log says. ONCE: the one row of a backup up to 2025.64, written at its start. OTHER: a word to come."""

    SETUP = "setup"
    ONCE = "backup"
    STARTED = "backup_started"
    FINISHED = "backup_finished"
    RESTORE = "restore"
    OTHER = "other"


class Preflight(str, Enum):
    """What the panel says when it is asked, without making one, whether it would make a backup (``check: true``).

    NOT_ASKED: no ``url``, no token or no backup key is configured. UNKNOWN: it could not be asked now.
    """

    READY = "ready"
    NO_LICENCE = "no_licence"
    KEY_MISSING = "key_missing"
    KEY_WRONG = "key_wrong"
    TOKEN_WRONG = "token_wrong"  # noqa: S105  # a word, not a token
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the panel's log of backups; no path, no size and no result are in it.

    ``at_us`` is when it was written, in whole microseconds since the epoch: a backup's ``stats.json`` has the same to the microsecond.
    ``by`` is the user, "" for the command line.
    """

    id: str
    type: LogType
    at_us: int
    by: str = ""

    @property
    def at(self) -> float:
        """Return when it was written, in UNIX seconds."""
        return self.at_us / MICROSECONDS


@dataclass(frozen=True, slots=True)
class Health:
    """What the healthcheck says. Each is None when it was not told."""

    database: bool | None = None
    migrations: bool | None = None
    cache: bool | None = None

    @property
    def well(self) -> bool:
        """Whether everything it told of is well, and it told of something."""
        told = [each for each in (self.database, self.migrations, self.cache) if each is not None]
        return bool(told) and all(told)


@dataclass(frozen=True, slots=True)
class Licence:
    """What the panel says of its licence. ``error`` says why a licence does not count ("" = nothing is wrong with it, or there is none).

    ``valid_until`` is the end of its last day in UNIX seconds (UTC; the panel goes by its own zone), None = the panel names none.
    """

    professional: bool
    error: str = ""
    users: int | None = None
    active_users: int | None = None
    valid_until: float | None = None
    version: str = ""
    database_version: str = ""


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """One row of ``tasks_periodictask``; times in UNIX seconds. ``status`` is running, success, failed or queued."""

    id: str
    status: str
    started: float
    completed: float | None = None
    last_success: float | None = None


@dataclass(frozen=True, slots=True)
class SysreptorView:
    """All that one target believes at one moment.

    ``log`` is newest first; ``log_whole``: it goes back to the panel's setup, else older rows were left out. ``backup_on`` is the panel's
    own word whether backups are possible (BACKUP_KEY set and Professional), None = not told. ``preflight_at`` is UNIX seconds of the
    answer. ``bucket`` is what the bucket's server says of it, None = no bucket is configured.
    Every ``*_error`` is "" or a short stable word: ``not_configured``, or the class of what went wrong (``Forbidden``...).
    """

    health: Health | None = None
    health_error: str = NOT_CONFIGURED
    licence: Licence | None = None
    licence_error: str = NOT_CONFIGURED
    backup_on: bool | None = None
    log: tuple[LogRow, ...] | None = None
    log_whole: bool = False
    log_error: str = NOT_CONFIGURED
    preflight: Preflight = Preflight.NOT_ASKED
    preflight_at: float | None = None
    tasks: tuple[PeriodicTask, ...] | None = None
    tasks_error: str = NOT_CONFIGURED
    bucket: BucketLook | None = None

    @property
    def version(self) -> str:
        """Return the release as the panel says it ("2026.61", "dev"); "" = not known."""
        return self.licence.version if self.licence is not None else ""

    @property
    def numbers(self) -> Version | None:
        """Return the release as two numbers; None = not known, or a build of one's own."""
        return parse_version(self.version)

    @property
    def reached(self) -> bool | None:
        """Whether the panel answered anything in this look; None = it has no address."""
        errors = (self.health_error, self.licence_error, self.log_error)
        if all(error == NOT_CONFIGURED for error in errors):
            return None
        return any(part is not None for part in (self.health, self.licence, self.log))
