"""A job put back with another time in its schedule, and nothing else changed: what is sent, what is refused, what must be the same after.

Pure, but it sees whole jobs with their secrets: nothing of them may leave a function here but the schedule, a fingerprint and a sentence.
Contract section 3, PUT /api/v1/backup/{id}, rules 1 to 8.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from watchdog.errors import MalformedAnswer
from watchdog.panels.duplicati import job_answers
from watchdog.panels.duplicati.releases import Capabilities
from watchdog.panels.duplicati.view import Schedule

OWN: Final = ("Metadata", "DBPathExists", "IsUnencryptedOrPassphraseStored")
"""Members of a job that the server itself moves or only tells: no part of what must be the same after."""


def refusal(job: Mapping[str, Any], capabilities: Capabilities) -> str:
    """Say in one sentence why this job must not be put back by this release; "" = it may be.

    Below 2.2.1 a value of all stars would be stored as it is: fifteen stars become the passphrase (rule 3).
    """
    if not capabilities.editable or capabilities.keeps_metadata is None:
        return "too little is known of this release to put a job back without harm"
    backup = job.get("Backup")
    if not isinstance(backup, dict):
        return "the server did not give the whole job"
    if not isinstance(job.get("Schedule"), dict):
        return "the job has no schedule"
    if not isinstance(backup.get("Sources"), list) or not isinstance(backup.get("Settings"), list):
        return "the server did not give the job's sources and settings"
    if not capabilities.masks and any(_is_hidden(each) for each in _values(backup)):
        return "a value of the job is all stars, and this release would store the stars in its place"
    return ""


def body(job: Mapping[str, Any], time: float, capabilities: Capabilities) -> dict[str, Any]:
    """Return what is sent: the job as the server gave it, with another time (UNIX seconds) in its schedule.

    All else is echoed, also what 2.3 would take away if it were left out. ``Metadata`` is left out where the release keeps it then, and
    sent as it came a moment ago where it would be wiped (2.1.0.x). AllowedDays become what every release takes (rule 4).
    """
    backup = deepcopy(dict(job["Backup"]))
    if capabilities.keeps_metadata:
        backup.pop("Metadata", None)
    schedule = deepcopy(dict(job["Schedule"]))
    schedule["Time"] = written(time)
    schedule["AllowedDays"] = days_of(schedule)
    return {"Backup": backup, "Schedule": schedule}


def schedule_of(job: Mapping[str, Any]) -> Schedule | None:
    """Return a job's schedule; None when it has none. Raises MalformedAnswer."""
    return job_answers.schedule(job.get("Schedule"))


def days_of(schedule: Mapping[str, Any]) -> list[str] | None:
    """Return AllowedDays as they are sent: short names, each once; None = every day. ``Rule`` tells them where the list does not."""
    days = list(job_answers.weekdays(schedule.get("AllowedDays")))
    rule = str(schedule.get("Rule") or "")
    if not days and rule.startswith("AllowedWeekDays="):
        days = list(job_answers.weekdays(rule.removeprefix("AllowedWeekDays=").split(",")))
    return days or None


def fingerprint(job: Mapping[str, Any]) -> str:
    """Return what stays the same as long as nobody changes anything but the schedule's time, secrets included; it tells nothing of them."""
    backup = {name: value for name, value in dict(job.get("Backup") or {}).items() if name not in OWN}
    schedule = dict(job.get("Schedule") or {})
    rhythm = [schedule.get("ID"), schedule.get("Repeat"), schedule.get("LastRun"), days_of(schedule)] if schedule else None
    return hashlib.sha256(json.dumps([backup, rhythm], sort_keys=True).encode()).hexdigest()


def written(time: float) -> str:
    """Return UNIX seconds as the server writes them."""
    return datetime.fromtimestamp(round(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole(job: object) -> dict[str, Any]:
    """Prove that an answer is a job. Raises MalformedAnswer."""
    if not isinstance(job, dict) or not isinstance(job.get("Backup"), dict):
        raise MalformedAnswer("the server did not give the whole job")
    return job


def _values(value: object) -> Iterator[str]:
    """Return every text of a job in which a secret can stand: all but the expressions of its filters, where a star has a meaning."""
    if isinstance(value, str):
        yield value
        if "?" in value or "://" in value:
            yield from _of_url(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name != "Expression":
                yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)


def _of_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        yield from (value for _, value in parse_qsl(parts.query, keep_blank_values=True))
        yield from (each for each in (parts.username, parts.password) if each)
    except ValueError:
        return


def _is_hidden(value: str) -> bool:
    return bool(value) and not value.strip("*")
