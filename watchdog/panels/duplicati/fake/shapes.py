"""What the server answers: its state, jobs, tasks, progress, notifications, by release (contract section 6 and the recordings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchdog.model.moments import Moment
from watchdog.panels.duplicati.fake import scheduling
from watchdog.panels.duplicati.fake.masking import masked
from watchdog.panels.duplicati.fake.rows import Job, Notice, Schedule, Task
from watchdog.panels.duplicati.fake.slots import DAYS, LONG_DAYS
from watchdog.panels.duplicati.fake.stamps import offset_time, plain, shown, ticks_of

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.memory import Memory
    from watchdog.panels.duplicati.fake.releases import Release
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld


def state(world: DuplicatiWorld, memory: Memory, *, socket: bool = False) -> dict[str, Any]:
    """Return serverstate; ``socket``: as a websocket pushes it (websocket.json)."""
    release = world.release
    active = memory.active
    warning, error = (any(notice.kind == kind for notice in world.notices) for kind in ("Warning", "Error"))
    proposed = [{"Item1": job_id, "Item2": plain(at)} for job_id, at in scheduling.proposed(memory)]
    told = {
        "ActiveTask": None if active is None else {"Item1": active.id, "Item2": active.job.id},
        "ProgramState": "Paused" if memory.paused else "Running",
        "SchedulerQueueIds": [{"Item1": task.id, "Item2": task.job.id} for task in memory.queue],
        "ProposedSchedule": proposed,
        "HasWarning": warning,
        "HasError": error,
        "SuggestedStatusIcon": _icon(paused=memory.paused, active=active is not None, warning=warning, error=error),
        "EstimatedPauseEnd": shown(memory.end_ticks, world.zone if release.local_times else ""),
        "LastEventID": memory.counters.events,
        "LastDataUpdateID": memory.counters.changes,
        "LastNotificationUpdateID": memory.counters.notices,
        "UpdatedVersion": None,
        "UpdaterState": "Waiting",
        "UpdateDownloadLink": None,
        "UpdateDownloadProgress": 0.0 if socket else 0,
    }
    return told if release.old_line else {**told, "Type": "legacystatus"}


def _icon(*, paused: bool, active: bool, warning: bool, error: bool) -> str:
    if active:
        return "ActivePaused" if paused else "Active"
    return "Paused" if paused else "ReadyError" if error else "ReadyWarning" if warning else "Ready"


def schedule(row: Schedule | None, release: Release) -> dict[str, Any] | None:
    """Return a schedule; before 2.3 each day is there twice (backup-one.json)."""
    if row is None:
        return None
    days = [name for day in row.days for name in (day, *([LONG_DAYS[DAYS.index(day)]] if release.doubles_days else []))]
    return {
        "ID": row.id, "Tags": list(row.tags), "Time": plain(row.time), "Repeat": row.repeat, "LastRun": plain(row.last_run),
        "Rule": row.rule, "AllowedDays": days or None,
    }  # fmt: skip


def job(row: Job, release: Release, *, listed: bool, plain_secrets: bool = False) -> dict[str, Any]:
    """Return a job, ``listed`` (without what it consists of) or whole; the target's address carries its secrets in clear."""
    settings = row.settings if plain_secrets or not release.masks else masked(row.settings, release.placeholder)
    told: dict[str, Any] = {"ID": row.id}
    if release.external_id:
        told["ExternalID"] = "" if listed else None
    told |= {"Name": row.name, "Description": row.description, "Tags": list(row.tags), "TargetURL": row.target_url}
    if release.connections:
        told["ConnectionStringID"] = row.connection
    told["DBPath"] = str(row.db_path)
    if release.database_exists:
        told["DBPathExists"] = row.db_path.exists()
    told |= {
        "Sources": ([] if release.connections else None) if listed else list(row.sources),
        "Settings": None if listed else settings,
        "Filters": None if listed else list(row.filters),
        "Metadata": dict(row.metadata),
        "IsTemporary": False,
        "IsUnencryptedOrPassphraseStored": listed,
    }
    if release.connections:
        told["AdditionalTargetURLs"] = list(row.further_urls)
    return told


def task(row: Task, release: Release, *, listed: bool = False) -> dict[str, Any]:
    """Return a task's state; in the list one that waits is Running, too."""
    status = "Running" if row.started is not None or listed else "Waiting"
    if row.closed:
        status = "Failed" if row.failure is not None and not release.swallows else "Completed"
    failure = row.failure if status == "Failed" else None
    times = {
        "TaskStarted": None if row.started is None else offset_time(ticks_of(row.started)),
        "TaskFinished": None if row.finished is None else offset_time(ticks_of(row.finished)),
    }
    thrown = None if failure is None else f"{failure.type}: {failure.message}\n   at … (stack trace cut)"
    errors = {"ErrorMessage": None if failure is None else failure.message, "Exception": thrown}
    return {"Status": status, "ID": row.id, **({} if release.old_line else times), **errors}


def raw_task(row: Task, release: Release) -> dict[str, Any]:
    """Return a task as the 2.1.0 line lists it: the whole job, its secrets included."""
    whole = job(row.job, release, listed=False, plain_secrets=True)
    whole.pop("IsUnencryptedOrPassphraseStored")
    return {
        "Backup": whole,
        "ExtraOptions": None,
        "FilterStrings": None,
        "TaskID": row.id,
        "BackupID": row.job.id,
        "Operation": row.operation,
    }


def progress(world: DuplicatiWorld, memory: Memory, row: Task, now: Moment) -> dict[str, Any]:
    """Return the progress of the active task, or what stayed of the last one."""
    from watchdog.panels.duplicati.fake import runner, volumes  # noqa: PLC0415  # they import shapes' neighbours

    listing = volumes.listing(row.job)
    share = 1.0 if row.closed else min(0.99, runner.moved_for(row, memory, now) / max(row.job.seconds, 0.001))
    if row.job.stuck and not row.closed:
        share = 0.42
    count, size = int(len(listing.files) * share), int(listing.bytes * share)
    done = row.closed
    length = 0 if done and not world.release.old_line else 1_040_611
    put = {
        "BackendAction": "Get" if done else "Put",
        "BackendPath": f"{row.job.prefix}-b{row.id:032x}.dblock.zip" if length else None,
        "BackendFileSize": length,
        "BackendFileProgress": int(length * share),
        "BackendSpeed": 524_288 if length else -1,
        "BackendIsBlocking": False,
    }
    current = None if done else next(iter(list(listing.files)[count:]), None)
    told: dict[str, Any] = {
        "BackupID": row.job.id, "TaskID": row.id, **put, "CurrentFilename": current, "CurrentFilesize": 0, "CurrentFileoffset": 0,
        "CurrentFilecomplete": False, "Phase": "Backup_Complete" if done else "Backup_ProcessingFiles", "OverallProgress": 1 if done else 0,
        "ProcessedFileCount": count, "ProcessedFileSize": size, "TotalFileCount": len(listing.files), "TotalFileSize": listing.bytes,
        "StillCounting": False,
    }  # fmt: skip
    if world.release.transfers:
        told["ActiveTransfers"] = [] if done else [put]
    if world.release.synchronises:
        told |= {"RemoteSyncDestinationIndex": 0, "RemoteSyncDestinationCount": 0}
    return told


def notice(row: Notice) -> dict[str, Any]:
    """Return a notification."""
    return {
        "ID": row.id, "Type": row.kind, "Title": row.title, "Message": row.message, "Exception": row.exception, "BackupID": row.backup,
        "Action": row.action, "Timestamp": plain(row.at), "LogEntryID": None, "MessageID": row.message_id, "MessageLogTag": None,
    }  # fmt: skip
