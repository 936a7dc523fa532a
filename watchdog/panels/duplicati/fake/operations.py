"""What operations do: read the source, write volumes, fail as the real ones do where the world gives them cause."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchdog.panels.duplicati.fake import job_database, volumes
from watchdog.panels.duplicati.fake.results import QUOTA, Result, document
from watchdog.panels.duplicati.fake.rows import Failure, Job, Notice, Task
from watchdog.panels.duplicati.fake.stamps import YEAR_ONE, size, span, stamp, wall_of_stamp

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.memory import Memory
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

_INTERFACE: Final = "Duplicati.Library.Interface."
_MISMATCH: Final = _INTERFACE + "RemoteListVerificationException"
_AT_ONCE: Final = 0.05
_LINE: Final = "{} - [{}]: {}"
_CANCELLED: Final = "Cancellation was requested by user."
_NO_SOURCE: Final = (
    "Backup aborted since the source path {} does not exist. Please verify that the source path exists, or remove the source path from "
    "the backup configuration, or set the allow-missing-source option."
)
_UNKNOWN: Final = "Found {} remote files that are not recorded in local storage"
_UNKNOWN_LONG: Final = (
    ". This can be caused by having two backups sharing a destination folder which is not supported. It can also be caused by restoring an "
    "old database. If you are certain that only one backup uses the folder and you have the most updated version of the database, you can "
    "use repair to delete the unknown files."
)


def begun(world: DuplicatiWorld, task: Task, at: float) -> tuple[Failure | None, float | None]:
    """Say how an operation that begins now will end, and after how many seconds (None = never)."""
    job = task.job
    if job.stuck:
        return None, None
    failure = {"Backup": lambda: _trouble(world, job, at), "Repair": lambda: _beyond_repair(job)}.get(
        task.operation, lambda: _damage(job)
    )()
    if failure is None:
        return None, job.seconds
    return failure, world.release.retry_seconds if failure.message_id == "FolderMissing" else _AT_ONCE


def cancelled(world: DuplicatiWorld) -> Failure | None:
    """Return how a stopped operation ends: on the 2.1.0 line without an exception (backup-after-stop.json)."""
    if world.release.old_line:
        return None
    message = "The operation was canceled." if world.release.connections else "A task was canceled."
    return Failure("System.OperationCanceledException", message)


def carried_out(world: DuplicatiWorld, task: Task, at: float) -> Result:
    """Do what the operation does at its end: volumes, log, metadata, notification; return its result."""
    result = _result(world, task, at)
    _log(world, task, result)
    _metadata(world, task.job, result, at)
    memory = world.memory
    if memory is not None:
        _notify(world, memory, task, result, at)
    return result


def cut(world: DuplicatiWorld, task: Task) -> None:
    """Leave what is left of an operation when the server dies."""
    if task.operation == "Backup" and task.failure is None and not task.reporting:
        with job_database.opened(task.job.db_path, newest=world.release.connections):
            pass  # it was made when the run began
        volumes.cut(task.job, world.clock.now().wall, world.release.version)


def warn_of_report(world: DuplicatiWorld, memory: Memory, task: Task) -> None:
    """Show that a report was not taken: the job went well, and has a warning all the same."""
    message = "Encountered 1 warnings." if not world.release.old_line else "Failed to send http message"
    title = f"Warning while running {task.job.name}"
    world.notice(memory, Notice(world.next_notice(), "Warning", title, message, world.clock.now().wall, backup=task.job.id))


def _trouble(world: DuplicatiWorld, job: Job, at: float) -> Failure | None:
    release = world.release
    missing = next((source for source in job.sources if not Path(source).exists()), None)
    if missing is not None:
        kind = "System.IO.IOException" if release.old_line else _INTERFACE + "UserInformationException"
        return Failure(kind, _NO_SOURCE.format(missing), None if release.old_line else "SourceIsMissing", logged=False)
    if not _reachable(job):
        folder = job.target_url.removeprefix("file://").partition("?")[0]
        told = f"The folder {folder} does not exist"
        return Failure(_INTERFACE + "FolderMissingException", told, "FolderMissing", logged=not release.connections)
    known, there = job_database.known_volumes(job.db_path), volumes.present(job)
    if lost := known.keys() - there.keys():
        return Failure(
            _MISMATCH, f"Found {len(lost)} files that are missing from the remote storage, please run repair", "MissingRemoteFiles"
        )
    if not known and (unknown := there.keys() - job_database.begun_volumes(job.db_path)):
        ending = ", please run repair" if release.old_line else _UNKNOWN_LONG
        return Failure(_MISMATCH, _UNKNOWN.format(len(unknown)) + ending, "ExtraRemoteFiles")
    newest = _newest(job)
    if release.old_line and newest >= int(at):
        message = f"The previous backup has time {stamp(newest)}, but this backup has time {stamp(at)}. Something is wrong with the clock."
        return Failure("System.Exception", message)
    return None


def _reachable(job: Job) -> bool:
    folder = job.destination
    if not folder.is_dir() and "LastBackupFinished" not in job.metadata:
        try:  # the first run makes it
            folder.mkdir()
        except OSError:
            return False
    return folder.is_dir()


def _damage(job: Job) -> Failure | None:
    for name, (_, told) in job_database.known_volumes(job.db_path).items():
        found = volumes.digest_of(job.destination / name)
        if found != told:
            message = f'Hash mismatch on file "{name}", recorded hash: {told}, actual hash {found}'
            return Failure("SharpAESCrypt.HashMismatchException", message)
    return None


def _beyond_repair(job: Job) -> Failure | None:
    """Return why a repair fails: blocks that are gone cannot be made again from what is left."""
    lost = sorted(name for name in job_database.known_volumes(job.db_path).keys() - volumes.present(job).keys() if ".dblock." in name)
    told = f"The backup storage destination is missing data files: {', '.join(lost)}"
    return Failure(_INTERFACE + "UserInformationException", told, "MissingDblockFiles") if lost else None


def _rebuild(world: DuplicatiWorld, job: Job, at: float) -> None:
    """Make the database of a job from its destination, where it knows nothing: the whole volumes, and one fileset per list."""
    there = volumes.present(job)
    if job_database.known_volumes(job.db_path) or not there:
        return
    newest = world.release.connections
    with job_database.opened(job.db_path, newest=newest) as database:
        operation = job_database.begin(database, "Recreate", at)
        found = [(name, name.split(".")[1], path.stat().st_size, volumes.digest_of(path)) for name, path in sorted(there.items())]
        job_database.add_volumes(database, operation, found, newest=newest)
        for name in (name for name in sorted(there) if ".dlist." in name):
            job_database.add_fileset(database, operation, name, wall_of_stamp(name.split("-")[1].split(".")[0]))


def _result(world: DuplicatiWorld, task: Task, at: float) -> Result:
    job, began = task.job, task.started or at
    if task.failure is None and not task.stopping and task.operation == "Repair":
        _rebuild(world, job, at)
    if task.failure is not None or task.stopping or task.operation != "Backup":
        return _unwritten(world, task, began, at)
    now = volumes.listing(job)
    before = world.listings.get(job.id)
    changed = [name for name, facts in now.files.items() if before is None or before.files.get(name) != facts]
    written: list[tuple[str, str, int, str]] = []
    newest = world.release.connections
    _clean_up(job)
    with job_database.opened(job.db_path, newest=newest) as database:
        operation = job_database.begin(database, "Backup", began)
        if changed or before is None or before.files.keys() != now.files.keys():
            written = volumes.write(job, world.release.version, changed, now, began)
            job_database.add_volumes(database, operation, written, newest=newest)
            job_database.add_fileset(database, operation, written[-1][0], began)
    world.listings[job.id] = now
    volumes.write_verification(job, newest=newest)
    with job_database.opened(job.db_path, newest=newest) as database:
        job_database.add_listing(database, operation, at, f"{job.prefix}-verification.json")
    known = job_database.known_volumes(job.db_path)
    return Result(
        "Backup", began, at, files=len(now.files), bytes=now.bytes, added=len(changed),
        added_bytes=sum(now.files[name][0] for name in changed),
        known_files=len(known), known_bytes=sum(length for length, _ in known.values()), filesets=_filesets(job), newest=_newest(job),
        free=shutil.disk_usage(job.destination).free, uploaded=len(written), uploaded_bytes=sum(each[2] for each in written),
        tested=tuple(name for name, _, _, _ in written), parsed="Warning" if job.warnings and not world.release.old_line else "Success",
        warnings=_warnings(world, task, at),
    )  # fmt: skip


def _unwritten(world: DuplicatiWorld, task: Task, began: float, at: float) -> Result:
    """Return the result of an operation that wrote nothing: it failed, was stopped, or only looked."""
    job, failure = task.job, task.failure
    operation = "Test" if task.operation == "Verify" else task.operation
    known = job_database.known_volumes(job.db_path)
    sound = tuple(name for name, (_, told) in known.items() if operation == "Test" and volumes.digest_of(job.destination / name) == told)
    facts = Result(
        operation, began, at, partial=task.stopping, failure=failure, filesets=_filesets(job), newest=_newest(job), tested=sound,
        warnings=_warnings(world, task, at),
    )  # fmt: skip
    if failure is None:
        # a stopped run of the 2.1.0 line counts the backup it did not finish (backup-after-stop.json)
        return replace(facts, parsed="Warning", filesets=max(1, facts.filesets)) if task.stopping else facts
    told = f"The operation {operation} has failed\n{failure.type.rpartition('.')[2]}: {failure.message}"
    return replace(
        facts, parsed="Fatal", errors=(_LINE.format(stamp(at), "Error-Duplicati.Library.Main.Controller-FailedOperation", told),)
    )


def _warnings(world: DuplicatiWorld, task: Task, at: float) -> tuple[str, ...]:
    job, failure = task.job, task.failure
    told: list[tuple[str, str]] = []
    if task.stopping:
        told = [("BackupHandler-CancellationRequested", _CANCELLED)]
    elif failure is not None and failure.message_id == "MissingRemoteFiles":
        lost = sorted(job_database.known_volumes(job.db_path).keys() - volumes.present(job).keys())
        told = [("FilelistProcessor-MissingFile", f"Missing file: {name}") for name in lost]
    elif failure is not None and failure.message_id == "FolderMissing":
        told = [("Backend-FolderCreateError", f"Failed to create folder: {failure.message}")] * 5
    elif failure is None and task.operation == "Backup" and not world.release.old_line:
        told = [("BackupHandler-SomethingOdd", "A made-up warning")] * job.warnings
    return tuple(_LINE.format(stamp(at), f"Warning-Duplicati.Library.Main.Operation.{tag}", text) for tag, text in told)


def _clean_up(job: Job) -> None:
    """Remove what a cut run left: the database knows that it was begun (contract section 4, item 14)."""
    begun = job_database.begun_volumes(job.db_path)
    for name, path in volumes.present(job).items():
        if name in begun:
            path.unlink()
    job_database.forget(job.db_path, begun)


def _log(world: DuplicatiWorld, task: Task, result: Result) -> None:
    failure = task.failure
    if failure is not None and failure.message.startswith("Backup aborted since the source"):
        return
    with job_database.opened(task.job.db_path, newest=world.release.connections) as database:
        if failure is None or failure.logged:
            ((last,),) = database.execute("SELECT COALESCE(MAX(ID), 0) FROM Operation").fetchall()
            if not result.uploaded:
                last = job_database.begin(database, result.operation, result.began)
            text = json.dumps(document(result, world.release, lists=True), separators=(",", ":"))
            job_database.add_log(database, last, result.ended, text)


def _metadata(world: DuplicatiWorld, job: Job, result: Result, at: float) -> None:
    if result.failure is not None:
        job.metadata |= {"LastErrorDate": stamp(at), "LastErrorMessage": result.failure.message}
        return
    if result.operation != "Backup":
        return
    binary = world.release.binary_units
    told = {
        "LastBackupDate": stamp(result.newest), "BackupListCount": str(result.filesets), "TotalQuotaSpace": str(QUOTA),
        "FreeQuotaSpace": str(result.free), "AssignedQuotaSpace": "-1", "TargetFilesSize": str(result.known_bytes),
        "TargetFilesCount": str(result.known_files), **({} if world.release.old_line else {"TargetFilesetsCount": str(result.filesets)}),
        "TargetSizeString": size(result.known_bytes, binary=binary), "SourceFilesSize": str(result.bytes),
        "SourceFilesCount": str(result.files),
        "SourceSizeString": size(result.bytes, binary=binary), "LastBackupStarted": stamp(result.began), "LastBackupFinished": stamp(at),
        "LastBackupDuration": span(at - result.began),
    }  # fmt: skip
    compacted = (
        {}
        if result.partial
        else {"LastCompactDuration": "00:00:00.0179180", "LastCompactStarted": stamp(at), "LastCompactFinished": stamp(at)}
    )
    job.metadata |= {**told, **compacted}


def _notify(world: DuplicatiWorld, memory: Memory, task: Task, result: Result, at: float) -> None:
    job = task.job
    if result.failure is not None:
        world.notices = [notice for notice in world.notices if (notice.backup, notice.kind) != (job.id, "Error")]
        thrown = f"{result.failure.type}: {result.failure.message}\n   at … (stack trace cut)"
        tag = result.failure.message_id
        title = f"Error while running {job.name}"
        world.notice(memory, Notice(world.next_notice(), "Error", title, result.failure.message, at, thrown, job.id, message_id=tag))
    elif result.warnings:
        title = f"Warning while running {job.name}"
        message = result.warnings[0] if world.release.old_line else f"Encountered {len(result.warnings)} warnings."
        world.notice(memory, Notice(world.next_notice(), "Warning", title, message, at, backup=job.id))


def _filesets(job: Job) -> int:
    found = job_database.rows(job.db_path, "SELECT COUNT(*) FROM Fileset")
    return int(found[0][0]) if found else 0


def _newest(job: Job) -> int:
    found = job_database.rows(job.db_path, "SELECT MAX(Timestamp) FROM Fileset")
    return int(found[0][0]) if found and found[0][0] is not None else YEAR_ONE
