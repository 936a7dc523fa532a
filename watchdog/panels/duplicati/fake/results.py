"""The result of an operation as the server keeps it in a job's log and sends it in reports; members by release, in the recorded order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchdog.panels.duplicati.fake.releases import Release
from watchdog.panels.duplicati.fake.rows import Failure
from watchdog.panels.duplicati.fake.stamps import YEAR_ONE, offset_time, shown, span, ticks_of

QUOTA = 270_553_174_016


@dataclass(frozen=True, slots=True)
class Result:
    """What one operation came to. Times are UNIX seconds; ``lines`` are its warnings and errors as logged."""

    operation: str
    began: float
    ended: float
    parsed: str = "Success"
    partial: bool = False
    failure: Failure | None = None
    files: int = 0
    bytes: int = 0
    added: int = 0
    added_bytes: int = 0
    known_files: int = 0
    known_bytes: int = 0
    filesets: int = 0
    newest: float = YEAR_ONE
    free: int = 0
    uploaded: int = 0
    uploaded_bytes: int = 0
    tested: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = field(default=())

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what a report has as LogLines."""
        return (*self.warnings, *self.errors)


def document(result: Result, release: Release, *, lists: bool) -> dict[str, Any]:
    """Return a result as JSON; ``lists``: with Messages, Warnings and Errors, as in the log and not in reports."""
    if result.operation != "Backup":
        verifications = [{"Key": name, "Value": []} for name in result.tested]
        looked = {"VerificationsActualLength": len(verifications), "Verifications": verifications} if result.operation == "Test" else {}
        head: dict[str, Any] = {"MainOperation": result.operation, **looked}
        return {**head, **_common(result, release, lists=lists), "BackendStatistics": _statistics(result, release, lists=lists)}
    counts = {
        "DeletedFiles": 0, "DeletedFolders": 0, "ModifiedFiles": 0, "ExaminedFiles": result.files, "OpenedFiles": result.added,
        "AddedFiles": result.added, "SizeOfModifiedFiles": 0, "SizeOfAddedFiles": result.added_bytes, "SizeOfExaminedFiles": result.bytes,
        "SizeOfOpenedFiles": result.added_bytes, "NotProcessedFiles": 0, "AddedFolders": 0, "TooLargeFiles": 0, "FilesWithError": 0,
    }  # fmt: skip
    if not release.old_line:
        counts["TimestampChangedFiles"] = 0
    counts |= dict.fromkeys(("ModifiedFolders", "ModifiedSymlinks", "AddedSymlinks", "DeletedSymlinks"), 0)
    whole = result.failure is None and not result.partial
    return {
        **counts, "PartialBackup": result.partial, "Dryrun": False, "MainOperation": "Backup",
        "CompactResults": _compact(result, release, lists=lists) if whole else None, "VacuumResults": None,
        "DeleteResults": _delete(result, release, lists=lists) if whole else None, "RepairResults": None,
        "TestResults": _tests(result, release, lists=lists) if whole else None,
        **({"LockResults": None, "RemoteSynchronizationResults": []} if release.connections else {}),
        **_common(result, release, lists=lists), "BackendStatistics": _statistics(result, release, lists=lists),
    }  # fmt: skip


def _common(result: Result, release: Release, *, lists: bool, top: bool = True) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ParsedResult": result.parsed if top else "Success", "Interrupted": False, "Version": f"{release.version} (Current)",
        "EndTime": shown(ticks_of(result.ended)), "BeginTime": shown(ticks_of(result.began)), "Duration": span(result.ended - result.began),
        "MessagesActualLength": 24 if top else 0, "WarningsActualLength": len(result.warnings) if top else 0,
        "ErrorsActualLength": len(result.errors) if top else 0,
    }  # fmt: skip
    if lists:
        tag = "Information-Duplicati.Library.Main.Controller-StartingOperation"
        begun = f"{shown(ticks_of(result.began))} - [{tag}]: The operation {result.operation} has started"
        told |= (
            {"Messages": [begun], "Warnings": list(result.warnings), "Errors": list(result.errors)}
            if top
            else dict.fromkeys(("Messages", "Warnings", "Errors"))
        )
    return told


def _statistics(result: Result, release: Release, *, lists: bool) -> dict[str, Any]:
    known: dict[str, Any] = {
        "RemoteCalls": 10, "BytesUploaded": result.uploaded_bytes, "BytesDownloaded": 0, "FilesUploaded": result.uploaded,
        "FilesDownloaded": 0,
        "FilesDeleted": 0, "FoldersCreated": 0, "RetryAttempts": 0, "UnknownFileSize": 0, "UnknownFileCount": 0,
        "KnownFileCount": result.known_files, "KnownFileSize": result.known_bytes,
    }  # fmt: skip
    if not release.old_line:
        known["KnownFilesets"] = result.filesets
    newest = "0001-01-01T00:00:00" if result.newest == YEAR_ONE else offset_time(ticks_of(int(result.newest)))
    return {
        **known, "LastBackupDate": newest, "BackupListCount": result.filesets, "TotalQuotaSpace": QUOTA, "FreeQuotaSpace": result.free,
        "AssignedQuotaSpace": -1, "ReportedQuotaError": False, "ReportedQuotaWarning": False, "MainOperation": result.operation,
        **_common(result, release, lists=lists, top=False), "EndTime": "0001-01-01T00:00:00", "Duration": "00:00:00",
    }  # fmt: skip


def _part(result: Result, release: Release, head: Mapping[str, Any], *, lists: bool) -> dict[str, Any]:
    statistics = {"BackendStatistics": _statistics(result, release, lists=lists)}
    return {**head, **_common(result, release, lists=lists, top=False), **statistics}


def _compact(result: Result, release: Release, *, lists: bool) -> dict[str, Any]:
    counts = ("DeletedFileCount", "DownloadedFileCount", "UploadedFileCount", "DeletedFileSize", "DownloadedFileSize", "UploadedFileSize")
    head = {**dict.fromkeys(counts, 0), "Dryrun": False, "VacuumResults": None, "MainOperation": "Compact"}
    return _part(result, release, head, lists=lists)


def _delete(result: Result, release: Release, *, lists: bool) -> dict[str, Any]:
    head = {"DeletedSetsActualLength": 0, "DeletedSets": [], "Dryrun": False, "MainOperation": "Delete"}
    return _part(result, release, {**head, "CompactResults": _compact(result, release, lists=lists)}, lists=lists)


def _tests(result: Result, release: Release, *, lists: bool) -> dict[str, Any]:
    verifications = [{"Key": name, "Value": []} for name in result.tested]
    head = {"MainOperation": "Test", "VerificationsActualLength": len(verifications), "Verifications": verifications}
    return _part(result, release, head, lists=lists)
