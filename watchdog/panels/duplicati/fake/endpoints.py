"""The endpoints, one function each, and the table of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from watchdog.panels.duplicati.fake import auth, editing, job_database, routes, runner, scheduling, shapes, system
from watchdog.panels.duplicati.fake.releases import Release
from watchdog.panels.duplicati.fake.routes import BAD, MISSING, UNAUTHORIZED, Call, Endpoint, Refused, Reply, refusal, told
from watchdog.panels.duplicati.fake.stamps import offset_time, ticks_of

_MONTH: Final = 30 * 86_400.0


def _login(call: Call) -> Reply:
    body = call.body
    world = call.world
    if not isinstance(body, dict) or body.get("Password") != world.password:
        raise refusal(UNAUTHORIZED, "Failed to log in")
    answer: dict[str, Any] = {"AccessToken": auth.issue(world)}
    if world.release.nonce:
        answer["RefreshNonce"] = secrets.token_urlsafe(24)
    reply = told(answer)
    if not world.release.nonce and not body.get("RememberMe"):
        return reply
    port = call.asked.headers.get("host", "").rpartition(":")[2]
    token = auth.issue(world, _MONTH, "RefreshToken")
    cookie = f"RefreshToken_{port}={token}; domain=127.0.0.1; path=/api/v1/auth/refresh; samesite=strict; httponly"
    return Reply(reply.status, reply.body, reply.type, {"Set-Cookie": cookie})


def _forever(call: Call) -> Reply:
    if not call.world.forever:
        raise refusal(UNAUTHORIZED, "Forever tokens are not enabled")
    if call.memory.forever_issued:
        raise refusal(UNAUTHORIZED, "Cannot generate multiple forever tokens, restart the server to generate a new one")
    call.memory.forever_issued = True
    return told(
        {"AccessToken": auth.issue(call.world, auth.FOREVER_SECONDS), **({"RefreshNonce": None} if call.world.release.nonce else {})}
    )


def _status(call: Call) -> Reply:
    good = auth.refused(call.world, call.asked.headers) is None
    token = auth.issue(call.world, 60.0, "SocketToken") if good else None
    return told({"authorized": good, "message": "Authorized" if good else "Unauthorized", "socketToken": token})


def _settings(call: Call) -> Reply:
    return told(call.world.settings)


def _patch_settings(call: Call) -> Reply:
    body = call.body
    if not isinstance(body, dict):
        raise Refused(Reply(BAD))
    call.world.settings |= {str(name): "" if value is None else str(value) for name, value in body.items()}
    _changed(call, patch=True)
    return Reply()


def _changed(call: Call, *, patch: bool = False) -> None:
    call.memory.count(call.world.release.patch if patch else call.world.release.edit)
    call.memory.reschedule_at = call.world.clock.now().mono + scheduling.LATER


def _system(call: Call) -> Reply:
    return told(system.info(call.world))


def _backups(call: Call) -> Reply:
    release = call.world.release
    jobs = call.world.jobs.values()
    return told([{"Backup": shapes.job(job, release, listed=True), "Schedule": shapes.schedule(job.schedule, release)} for job in jobs])


def _backup(call: Call) -> Reply:
    job, release = call.job, call.world.release
    names = {source: source.rstrip("/").rpartition("/")[2] for source in job.sources}
    schedule = shapes.schedule(job.schedule, release)
    return told({"Schedule": schedule, "Backup": shapes.job(job, release, listed=False), "DisplayNames": names})


def _create(call: Call) -> Reply:
    try:
        job = editing.created(call.world, call.body)
    except editing.EditError as error:
        raise _edit_refused(error) from None
    call.world.jobs[job.id] = job
    _changed(call)
    return told({"ID": job.id, "Temporary": False})


def _edit(call: Call) -> Reply:
    job = call.job
    try:
        editing.edited(call.world, job, call.body)
    except editing.EditError as error:
        raise _edit_refused(error) from None
    _changed(call)
    return Reply()


def _edit_refused(error: editing.EditError) -> Refused:
    return refusal(error.status, error.message) if error.message else Refused(Reply(error.status))


def _starts(operation: str) -> Endpoint:
    def start(call: Call) -> Reply:
        first = call.world.release.old_line
        task = runner.enqueue(call.world, call.memory, call.job, call.world.clock.now(), operation, first=first)
        return told({"Status": "OK", "ID": task.id})

    return start


def _is_active(call: Call) -> Reply:
    return told({"Status": "OK", "Active": call.memory.has(call.job.id) is not None})


def _log(call: Call) -> Reply:
    query = "SELECT ID, OperationID, Timestamp, Type, Message FROM LogData WHERE ID < ? ORDER BY ID DESC LIMIT ?"
    offset = int(call.asked.query.get("offset") or 2**62)
    rows = job_database.rows(call.job.db_path, query, (offset, min(500, max(10, int(call.asked.query.get("pagesize") or 100)))))
    names = ("ID", "OperationID", "Timestamp", "Type", "Message")
    # an absent exception comes as an empty object: DBNull, as recorded (log-after.json)
    return told([{**dict(zip(names, row, strict=True)), "Exception": {}} for row in rows])


def _remote_log(call: Call) -> Reply:
    query = "SELECT ID, OperationID, Timestamp, Operation, Path, Data FROM RemoteOperation ORDER BY ID DESC LIMIT 100"
    names = ("ID", "OperationID", "Timestamp", "Operation", "Path", "Data")
    return told([dict(zip(names, row, strict=True)) for row in job_database.rows(call.job.db_path, query)])


def _filesets(call: Call) -> Reply:
    rows = job_database.rows(call.job.db_path, "SELECT Timestamp FROM Fileset ORDER BY Timestamp DESC")
    times = [offset_time(ticks_of(at)) for (at,) in rows]
    return told([{"Version": at, "IsFullBackup": 1, "Time": time, "FileCount": -1, "FileSizes": -1} for at, time in enumerate(times)])


def _tasks(call: Call) -> Reply:
    release = call.world.release
    found = [*([call.memory.active] if call.memory.active else []), *call.memory.queue]
    return told([shapes.task(task, release, listed=True) if release.task_states else shapes.raw_task(task, release) for task in found])


def _task(call: Call) -> Reply:
    return told(shapes.task(call.task, call.world.release))


def _stop(call: Call) -> Reply:
    runner.stop(call.world, call.memory, call.task, call.world.clock.now())
    return Reply()


def _progress(call: Call) -> Reply:
    last = call.memory.last
    if last is None:
        raise refusal(MISSING, "No active backup")
    return told(shapes.progress(call.world, call.memory, last, call.world.clock.now()))


def _notifications(call: Call) -> Reply:
    return told([shapes.notice(notice) for notice in call.world.notices])


def _dismiss(call: Call) -> Reply:
    before = len(call.world.notices)
    call.world.notices = [notice for notice in call.world.notices if str(notice.id) != call.named[0]]
    if len(call.world.notices) == before:
        raise refusal(MISSING, "No such notification found")
    call.memory.count(runner.NOTICED)
    return Reply()


def _validate(call: Call) -> Reply:
    if not system.path_exists(str(call.body.get("path", ""))):
        raise refusal(MISSING, "The path does not exist")
    return Reply()


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. ``public``: without a token; ``there``: which releases have it."""

    method: str
    path: str
    endpoint: Endpoint
    public: bool = False
    there: Callable[[Release], bool] = lambda _release: True


_JOB: Final = r"/api/v1/backup/([^/]+)"
_TASK: Final = r"/api/v1/task/([^/]+)"


def _stops(verb: str) -> Route:
    return Route("POST", rf"{_TASK}/{verb}", _stop, there=lambda release: verb in release.stop_verbs)


TABLE: Final[tuple[Route, ...]] = (
    Route("POST", "/api/v1/auth/login", _login, public=True),
    Route("POST", "/api/v1/auth/status", _status, public=True, there=lambda release: release.auth_status),
    Route("POST", "/api/v1/auth/refresh/logout", lambda _call: Reply(), public=True, there=lambda release: release.nonce),
    Route("POST", "/api/v1/auth/issue-forever-token", _forever, there=lambda release: release.version != "2.1.0.3"),
    Route("GET", "/api/v1/serverstate", routes.state),
    Route("POST", "/api/v1/serverstate/pause", routes.pause),
    Route("POST", "/api/v1/serverstate/resume", routes.resume),
    Route("GET", "/api/v1/systeminfo", _system),
    Route("GET", "/api/v1/serversettings", _settings),
    Route("PATCH", "/api/v1/serversettings", _patch_settings),
    Route("GET", "/api/v1/backups", _backups),
    Route("POST", "/api/v1/backups", _create),
    Route("GET", _JOB, _backup),
    Route("PUT", _JOB, _edit),
    Route("POST", rf"{_JOB}/(?:run|start)", _starts("Backup")),
    Route("POST", rf"{_JOB}/verify", _starts("Verify")),
    Route("POST", rf"{_JOB}/repair", _starts("Repair")),
    Route("GET", rf"{_JOB}/isactive", _is_active),
    Route("GET", rf"{_JOB}/log", _log),
    Route("GET", rf"{_JOB}/remotelog", _remote_log),
    Route("GET", rf"{_JOB}/filesets", _filesets),
    Route("GET", "/api/v1/tasks", _tasks),
    Route("GET", _TASK, _task),
    *(_stops(verb) for verb in ("stop", "abort", "stopnow", "stopaftercurrentfile")),
    Route("GET", "/api/v1/progressstate", _progress),
    Route("GET", "/api/v1/notifications", _notifications),
    Route("DELETE", r"/api/v1/notification/([^/]+)", _dismiss),
    Route("POST", "/api/v1/filesystem/validate", _validate),
)
