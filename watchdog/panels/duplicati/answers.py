"""The shapes of a server's answers -> frozen values. A whitelist: TargetURLs, messages, passphrases and file names stay behind. Pure.

Contract sections 2, 3 and 6. Field names are PascalCase; times come as ISO 8601 with up to seven digits of a second, local with an offset
(2.1.0.x) or UTC, as ``yyyyMMddTHHmmssZ`` (metadata) or as UNIX seconds (log); the year 1 is "none".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal, cast

from watchdog.errors import MalformedAnswer
from watchdog.model.moments import Moment
from watchdog.panels.duplicati.states import ServerState, Task
from watchdog.panels.duplicati.view import Notification, Progress, StoredPause
from watchdog.runtime.shapes import (
    Json,
    listing,
    mapping,
    number,
    optional_flag,
    optional_number,
    optional_text,
    text,
)  # fmt: skip

TICKS: Final = 10**7
"""Ticks of .NET in a second."""
YEAR_ONE: Final = 62135596800
"""Seconds from 0001-01-01 to 1970-01-01."""
_COMPACT: Final = re.compile(r"\d{8}T\d{6}Z")
_TOPICS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("unrecorded_files", re.compile(r"remote files that are not recorded in local storage", re.IGNORECASE)),
    ("missing_files", re.compile(r"files that are missing from the remote storage", re.IGNORECASE)),
    ("damaged_file", re.compile(r"hash mismatch on file", re.IGNORECASE)),
    ("source_missing", re.compile(r"source path .* does not exist", re.IGNORECASE)),
    ("destination_missing", re.compile(r"the folder .* does not exist|FolderMissing", re.IGNORECASE)),
    ("cancelled", re.compile(r"(operation|task) was cancel+ed|cancellation was requested", re.IGNORECASE)),
    ("clock", re.compile(r"something is wrong with the clock", re.IGNORECASE)),
    ("passphrase", re.compile(r"passphrase", re.IGNORECASE)),
    ("unencrypted_database", re.compile(r"the database is not encrypted", re.IGNORECASE)),
)
_MESSAGE: Final = 4000


def when(value: str) -> float | None:
    """Given a time as the server writes it, return UNIX seconds; None for "", the year 1 and what is no time."""
    written = value.strip()
    try:
        if _COMPACT.fullmatch(written):
            return datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        read = datetime.fromisoformat(written)
        if read.year <= 1:
            return None
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def topic(message: str) -> str:
    """Given a message of the server, return what it is about in our words; "other" when it says something else, "" when nothing."""
    if not message.strip():
        return ""
    return next((word for word, pattern in _TOPICS if pattern.search(message[:_MESSAGE])), "other")


def task_ids(value: object, where: str) -> Task | None:
    """Given ``{"Item1": 7, "Item2": "1"}``, return the task; None for null."""
    if value is None:
        return None
    item = mapping(value, where)
    return Task(number(item, "Item1", where), optional_text(item, "Item2"))


def state(body: object, at: Moment, connection: int = 0, *, direct: bool = True) -> ServerState:
    """Parse ``/serverstate``. Raises MalformedAnswer."""
    item = mapping(body, "serverstate")
    program = text(item, "ProgramState", "serverstate")
    if program not in {"Running", "Paused"}:
        raise MalformedAnswer("serverstate.ProgramState is neither Running nor Paused")
    queue = [task_ids(each, "queue") for each in listing(item.get("SchedulerQueueIds") or [], "serverstate.SchedulerQueueIds")]
    proposed = [mapping(each, "proposed") for each in listing(item.get("ProposedSchedule") or [], "serverstate.ProposedSchedule")]
    times = {text(each, "Item1", "proposed"): when(optional_text(each, "Item2")) for each in proposed}
    return ServerState(
        at=at,
        paused=program == "Paused",
        pause_end=when(optional_text(item, "EstimatedPauseEnd")),
        active=task_ids(item.get("ActiveTask"), "active"),
        queue=tuple(each for each in queue if each is not None),
        proposed={job: time for job, time in times.items() if time is not None},
        last_event=number(item, "LastEventID", "serverstate"),
        last_data=number(item, "LastDataUpdateID", "serverstate"),
        last_notification=number(item, "LastNotificationUpdateID", "serverstate"),
        has_warning=bool(optional_flag(item, "HasWarning")),
        has_error=bool(optional_flag(item, "HasError")),
        icon=optional_text(item, "SuggestedStatusIcon")[:40],
        typed="Type" in item,
        connection=connection,
        direct=direct,
    )


def stored_pause(settings: Json) -> StoredPause:
    """Given ``/serversettings``, return what ``paused-until`` says."""
    if "paused-until" not in settings:
        return StoredPause("absent")
    said = str(settings["paused-until"] or "").strip()
    if not said:
        return StoredPause("none")
    if said == "0":
        return StoredPause("indefinite")
    if not (said.isascii() and said.isdigit()):
        return StoredPause("unreadable")
    return StoredPause("until", int(said) / TICKS - YEAR_ONE)


def startup_delay(settings: Json) -> str:
    """Given ``/serversettings``, return the startup delay as it stands; "" = none."""
    said = optional_text(settings, "startup-delay").strip()[:40]
    return "" if re.fullmatch(r"0*[smhDWMY]?", said) else said


def progress(body: object, active: Task | None) -> Progress | None:
    """Parse ``/progressstate``; None when it is not of ``active``: the last task's numbers stay for ever."""
    item = mapping(body, "progressstate")
    task = optional_number(item, "TaskID")
    if active is None or task != active.id:
        return None
    moving = (
        "Phase",
        "ProcessedFileCount",
        "ProcessedFileSize",
        "CurrentFileoffset",
        "BackendPath",
        "BackendFileProgress",
        "CurrentFilename",
    )
    seen = json.dumps([item.get(each) for each in (*moving, "ActiveTransfers")], default=str, sort_keys=True)
    return Progress(
        task=active.id,
        backup=active.backup,
        phase=optional_text(item, "Phase")[:60],
        overall=real(item.get("OverallProgress")) or 0.0,
        done_files=optional_number(item, "ProcessedFileCount") or 0,
        done_bytes=optional_number(item, "ProcessedFileSize") or 0,
        total_files=optional_number(item, "TotalFileCount") or 0,
        total_bytes=optional_number(item, "TotalFileSize") or 0,
        speed=max(0.0, real(item.get("BackendSpeed")) or 0.0),
        counting=bool(optional_flag(item, "StillCounting")),
        mark=hashlib.sha256(seen.encode()).hexdigest()[:16],
    )


def tasks(body: object) -> Mapping[int, float | None]:
    """Parse ``/tasks`` of 2.1.1 and later: when each known task was started, None = it waits."""
    items = [mapping(each, "task") for each in listing(body, "tasks")]
    return {
        number(each, "ID", "task"): when(optional_text(each, "TaskStarted")) for each in items if not optional_text(each, "TaskFinished")
    }


def notifications(body: object) -> tuple[Notification, ...]:
    """Parse ``/notifications``."""
    return tuple(_notification(mapping(each, "notification")) for each in listing(body, "notifications"))


def _notification(item: Json) -> Notification:
    kind = text(item, "Type", "notification")
    known = kind if kind in {"Information", "Warning", "Error"} else "Information"
    about = topic(f"{optional_text(item, 'Message')}")
    return Notification(
        id=number(item, "ID", "notification"),
        type=cast(Literal["Information", "Warning", "Error"], known),
        backup=optional_text(item, "BackupID"),
        action=optional_text(item, "Action")[:100],
        at=when(optional_text(item, "Timestamp")),
        about=about,
    )


def settings(body: object) -> Json:
    """Parse ``/serversettings``: all are text or null. Some hold secrets: take out only what is named here."""
    return mapping(body, "serversettings")


def started_task(body: object) -> int:
    """Given the answer to an order for a task, return its id."""
    return number(mapping(body, "order"), "ID", "order")


def token(body: object) -> str:
    """Given the answer to a login, return the access token."""
    found = text(mapping(body, "login"), "AccessToken", "login")
    if not found:
        raise MalformedAnswer("login.AccessToken is empty")
    return found


def said_error(body: object) -> str:
    """Return the text of an error answer, for comparing only: it may hold paths."""
    return optional_text(cast(Json, body), "Error") if isinstance(body, dict) else ""


def real(value: object) -> float | None:
    """Return a number of any kind."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
