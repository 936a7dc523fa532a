"""A job comes in by POST or PUT: what is refused, what is kept, what is silently lost (contract section 3; put.json, put-secrets.json)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from watchdog.panels.duplicati.fake import slots
from watchdog.panels.duplicati.fake.masking import PlaceholderError, unmasked
from watchdog.panels.duplicati.fake.releases import Release
from watchdog.panels.duplicati.fake.rows import Job, Schedule
from watchdog.panels.duplicati.fake.stamps import YEAR_ONE

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

FIVE_MINUTES: Final = 300
_PLACEHOLDER: Final = "Unable to save backup or schedule: Attempted to save a property with the placeholder password"


class EditError(Exception):
    """The body is refused; an empty message is an empty answer."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def created(world: DuplicatiWorld, body: Any) -> Job:
    """Return the new job of a body."""
    parts, schedule = _read(world, body)
    number = max(map(int, world.jobs), default=0) + 1
    job = Job(str(number), "", "", [], [], world.db_path())
    _fill(world, job, parts, schedule, new=True)
    return job


def edited(world: DuplicatiWorld, job: Job, body: Any) -> None:
    """Replace a job by a body: all of it, or nothing when it is refused."""
    parts, schedule = _read(world, body)
    _fill(world, job, parts, schedule, new=False)


def _read(world: DuplicatiWorld, body: Any) -> tuple[Mapping[str, Any], Schedule | None]:
    if not isinstance(body, dict) or not isinstance(body.get("Backup"), dict):
        raise EditError(400)
    given = body.get("Schedule")
    return body["Backup"], None if given is None else _schedule(given, world.release)


def _schedule(given: Mapping[str, Any], release: Release) -> Schedule:
    days = _days(given.get("AllowedDays") or [], release)
    tags = tuple(given.get("Tags") or ())
    times = (_moment(given.get(name)) for name in ("Time", "LastRun"))
    due, last = times
    return Schedule(int(given.get("ID") or 0), due, str(given.get("Repeat") or ""), days, last, tags)


def _days(names: list[str], release: Release) -> tuple[str, ...]:
    short: list[str] = []
    for name in names:
        if name in slots.DAYS:
            short.append(name)
        elif name in slots.LONG_DAYS and not release.refuses_long_days:
            short.append(slots.DAYS[slots.LONG_DAYS.index(name)])
        else:
            raise EditError(400)
    return tuple(day for day in slots.DAYS if day in short)


def _moment(text: str | None) -> int:
    if not text:
        return YEAR_ONE
    read = datetime.fromisoformat(text)
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    return YEAR_ONE if read.year == 1 else int(read.timestamp())


def _fill(world: DuplicatiWorld, job: Job, parts: Mapping[str, Any], schedule: Schedule | None, *, new: bool) -> None:
    release = world.release
    name = str(parts.get("Name") or "")
    sources = list(parts.get("Sources") or [])
    given = list(parts.get("Settings") or [])
    if any(other.name.lower() == name.lower() and other is not job for other in world.jobs.values()):
        raise EditError(409, f"There already exists a backup with the name: {name}")
    if not sources:
        raise EditError(400, "Invalid source list")
    try:
        settings = unmasked(given, job.settings, release)
    except PlaceholderError:
        raise EditError(500, _PLACEHOLDER) from None
    if _wants_passphrase(settings):
        raise EditError(400, "Missing passphrase")
    if schedule is not None:
        _check_repeat(schedule.repeat)
        schedule.id = schedule.id or int(job.id)
        schedule.tags = schedule.tags or (f"ID={job.id}",)
    job.name, job.description, job.tags = name, str(parts.get("Description") or ""), list(parts.get("Tags") or [])
    job.target_url, job.sources, job.settings = str(parts.get("TargetURL") or ""), sources, settings
    job.filters, job.schedule = list(parts.get("Filters") or []), schedule
    job.connection, job.further_urls = int(parts.get("ConnectionStringID") or -1), list(parts.get("AdditionalTargetURLs") or [])
    if new or release.wipes_metadata or parts.get("Metadata") is not None:
        job.metadata = dict(parts.get("Metadata") or {})


def _wants_passphrase(settings: list[dict[str, Any]]) -> bool:
    told = {str(each["Name"]).lstrip("-"): str(each.get("Value") or "") for each in settings}
    open_ = told.get("no-encryption", "").lower() == "true" or told.get("encryption-module") == ""
    return not open_ and not told.get("passphrase")


def _check_repeat(repeat: str) -> None:
    period = slots.period(repeat)
    if period is None:
        raise EditError(400, "Schedule repetition value must be a valid timespan")
    if period <= FIVE_MINUTES:
        raise EditError(400, "Schedule repetition time must be more than 5 minutes")
