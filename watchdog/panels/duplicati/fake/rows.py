"""What the server's database holds: jobs with their schedules, notifications; and what it keeps in memory: tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from watchdog.panels.duplicati.fake.slots import DAYS, LONG_DAYS
from watchdog.panels.duplicati.fake.stamps import YEAR_ONE

Ending = Literal["success", "failed", "stopped"]


@dataclass(slots=True)
class Schedule:
    """When a job runs. Times are whole UNIX seconds; ``days`` are short names, none = each day."""

    id: int
    time: int
    repeat: str = "1D"
    days: tuple[str, ...] = ()
    last_run: int = YEAR_ONE
    tags: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """Return the rule in which the days are stored."""
        names = ",".join(LONG_DAYS[DAYS.index(day)] for day in self.days)
        return f"AllowedWeekDays={names}" if names else ""


@dataclass(slots=True)
class Job:
    """One backup job as stored, secrets included. ``seconds``: how long its run takes; ``stuck``: it never ends."""

    id: str
    name: str
    target_url: str
    sources: list[str]
    settings: list[dict[str, Any]]
    db_path: Path
    filters: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    schedule: Schedule | None = None
    description: str = ""
    tags: list[str] = field(default_factory=list)
    connection: int = -1
    further_urls: list[Any] = field(default_factory=list)
    seconds: float = 1.0
    stuck: bool = False
    warnings: int = 0
    """So many warnings come with each run that goes well."""

    def setting(self, name: str) -> str:
        """Return the value of a setting, with dashes before its name or without; "" = it has none."""
        return next((str(each.get("Value") or "") for each in self.settings if str(each["Name"]).lstrip("-") == name), "")

    @property
    def destination(self) -> Path:
        """Return the folder of a file:// target."""
        return Path(unquote(urlsplit(self.target_url).path))

    @property
    def prefix(self) -> str:
        """Return what its volumes' names begin with."""
        return self.setting("prefix") or "duplicati"

    @property
    def encrypted(self) -> bool:
        """Whether its volumes are encrypted."""
        return bool(self.setting("encryption-module")) and self.setting("no-encryption").lower() != "true"


@dataclass(slots=True)
class Notice:
    """One notification."""

    id: int
    kind: str
    title: str
    message: str
    at: float
    exception: str = ""
    backup: str | None = None
    action: str = "backup:show-log"
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an operation threw: exception class, message; ``logged`` = it came far enough to have a row in the job's log."""

    type: str
    message: str
    message_id: str | None = None
    logged: bool = True


@dataclass(slots=True)
class Task:
    """One task of the queue. Times are on the world's clock: ``started``/``finished`` wall, ``ends_at`` monotonic (None = never)."""

    id: int
    job: Job
    operation: str = "Backup"
    scheduled: int | None = None
    """The next time of the schedule, to be stored when a scheduled run ends."""
    started: float | None = None
    started_mono: float = 0.0
    ends_at: float | None = None
    frozen_since: float | None = None
    """Since when (monotonic) a pause stands it still."""
    stood: float = 0.0
    """Seconds a pause stood it still, those over."""
    finished: float | None = None
    failure: Failure | None = None
    stopping: bool = False
    reporting: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One run that began, for tests: UNIX seconds; ``paused`` = the server said Paused when it began; ``ending`` "" = cut."""

    backup: str
    task: int
    began: float
    paused: bool
    ended: float | None = None
    ending: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One report the server posted."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    status: int | None
