"""The shapes of a server's answers about jobs -> frozen values. A whitelist, as ``answers.py`` is. Pure.

A TargetURL carries credentials in every version, ``/backup/{id}`` the passphrase up to 2.2.0.x, and a remote source its own credential: of
the first the scheme is kept, of the settings those that ``OPTIONS`` names, of the sources those that are plain paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

from watchdog.errors import MalformedAnswer
from watchdog.panels.duplicati.answers import topic, when
from watchdog.panels.duplicati.view import Backup, Details, LastResult, Metadata, Result, Schedule
from watchdog.runtime.shapes import Json, listing, mapping, number, optional_flag, optional_number, optional_text, text

OPTIONS: Final = frozenset({
    "allow-missing-source", "asynchronous-upload-limit", "backup-test-samples", "dblock-size", "disable-on-battery", "encryption-module",
    "file-hash-algorithm", "keep-time", "keep-versions", "no-encryption", "prefix", "retention-policy", "upload-verification-file",
})  # fmt: skip
"""Options of a job that are read, without their dashes. None of them can hold a secret."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,7})?)")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_PATH: Final = re.compile(r"(/|[A-Za-z]:\\|%[A-Za-z0-9_]+%)[^|?]*")
_RESULTS: Final = frozenset({"Success", "Warning", "Error", "Fatal", "Unknown"})


def backups(body: object) -> tuple[Backup, ...]:
    """Parse ``/backups``."""
    return tuple(_backup(mapping(each, "backups")) for each in listing(body, "backups"))


def scheme(url: str) -> str:
    """Given a TargetURL, return its scheme and nothing else; "" when it has none."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def seconds(span: str) -> float | None:
    """Given a TimeSpan of .NET, ``[d.]hh:mm:ss[.fffffff]``, return seconds; None for what is none."""
    found = _SPAN.fullmatch(span.strip())
    if found is None:
        return None
    return int(found[1] or 0) * 86400.0 + int(found[2]) * 3600.0 + int(found[3]) * 60.0 + float(found[4])


def schedule(value: object) -> Schedule | None:
    """Parse a job's schedule; None when it has none."""
    if value is None:
        return None
    item = mapping(value, "schedule")
    return Schedule(
        when(optional_text(item, "Time")), optional_text(item, "Repeat")[:40], weekdays(item.get("AllowedDays")),
        when(optional_text(item, "LastRun")),
    )  # fmt: skip


def weekdays(value: object) -> tuple[str, ...]:
    """Given AllowedDays, which 2.1.0.x to 2.2.0.x write twice (``mon``, ``Monday``), return each once, in the week's order."""
    said = {str(each)[:3].lower() for each in value} if isinstance(value, list) else set()
    return tuple(each for each in DAYS if each in said)


def details(body: object) -> Details:
    """Parse ``/backup/{id}``."""
    told = mapping(body, "backup")
    inner = told.get("data", told)  # a 2.0 wraps it
    item = mapping(mapping(inner, "backup").get("Backup"), "backup.Backup")
    sources = [each for each in listing(item.get("Sources") or [], "backup.Sources") if isinstance(each, str)]
    plain = tuple(each for each in sources if _PATH.fullmatch(each))
    return Details(plain, len(sources) - len(plain), dict(_options(item.get("Settings"))))


def results(body: object) -> tuple[LastResult, ...]:
    """Parse ``/backup/{id}/log``: its results, the newest first; other rows say nothing that counts."""
    rows = [mapping(each, "log") for each in listing(body, "log")]
    return tuple(_result(row) for row in rows if optional_text(row, "Type") == "Result")


def _backup(item: Json) -> Backup:
    inner = mapping(item.get("Backup"), "backups.Backup")
    noted = inner.get("Metadata")
    return Backup(
        id=text(inner, "ID", "backup"),
        name=text(inner, "Name", "backup"),
        scheme=scheme(optional_text(inner, "TargetURL")),
        schedule=schedule(item.get("Schedule")),
        metadata=metadata(mapping(noted, "backup.Metadata") if noted is not None else {}),
        db_path=optional_text(inner, "DBPath"),
        db_exists=optional_flag(inner, "DBPathExists"),
    )


def metadata(item: Json) -> Metadata:
    """Parse what the server notes of a job: all values are text, absent until they were set once."""

    def whole(name: str) -> int | None:
        said = optional_text(item, name).strip()
        return int(said) if re.fullmatch(r"-?\d{1,18}", said) else None

    def size(name: str) -> int | None:
        found = whole(name)
        return found if found is not None and found > 0 else None

    return Metadata(
        started=when(optional_text(item, "LastBackupStarted")),
        finished=when(optional_text(item, "LastBackupFinished")),
        duration=seconds(optional_text(item, "LastBackupDuration")),
        newest=when(optional_text(item, "LastBackupDate")),
        versions=whole("BackupListCount"),
        target_bytes=whole("TargetFilesSize"),
        target_files=whole("TargetFilesCount"),
        source_bytes=whole("SourceFilesSize"),
        source_files=whole("SourceFilesCount"),
        quota_total=size("TotalQuotaSpace"),
        quota_free=size("FreeQuotaSpace"),
        quota_assigned=size("AssignedQuotaSpace"),
        error_at=when(optional_text(item, "LastErrorDate")),
        error=topic(optional_text(item, "LastErrorMessage")),
    )


def _options(value: object) -> Iterable[tuple[str, str]]:
    for each in value if isinstance(value, list) else []:
        name = optional_text(mapping(each, "setting"), "Name").removeprefix("--")
        if name in OPTIONS and not optional_text(cast(Json, each), "Filter"):
            yield name, optional_text(cast(Json, each), "Value")[:100]


def _result(row: Json) -> LastResult:
    try:
        said: Mapping[str, object] = mapping(json.loads(text(row, "Message", "log")), "log.Message")
    except (ValueError, RecursionError):
        raise MalformedAnswer("log.Message is no result") from None
    uploaded = said.get("BackendStatistics")
    backend: Json = cast(Json, uploaded) if isinstance(uploaded, dict) else {}
    parsed = optional_text(said, "ParsedResult")
    return LastResult(
        id=number(row, "ID", "log"),
        logged_at=float(number(row, "Timestamp", "log")),
        operation=optional_text(said, "MainOperation")[:40],
        # what has no verdict of its own ended by an error that nobody caught (contract section 5)
        result=cast(Result, parsed if parsed in _RESULTS else "Fatal"),
        interrupted=bool(optional_flag(said, "Interrupted")),
        partial=bool(optional_flag(said, "PartialBackup")),
        began=when(optional_text(said, "BeginTime")),
        ended=when(optional_text(said, "EndTime")),
        warnings=optional_number(said, "WarningsActualLength") or 0,
        errors=optional_number(said, "ErrorsActualLength") or 0,
        examined_files=optional_number(said, "ExaminedFiles"),
        examined_bytes=optional_number(said, "SizeOfExaminedFiles"),
        added_files=optional_number(said, "AddedFiles"),
        modified_files=optional_number(said, "ModifiedFiles"),
        deleted_files=optional_number(said, "DeletedFiles"),
        uploaded_bytes=optional_number(backend, "BytesUploaded"),
        downloaded_bytes=optional_number(backend, "BytesDownloaded"),
    )
