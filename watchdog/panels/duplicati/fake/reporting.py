"""Reports by HTTP when an operation ends: the real POST, which the task waits for (webhook-*.json, webhook-receiver-in-trouble.json)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from watchdog.panels.duplicati.fake.results import Result, document
from watchdog.panels.duplicati.fake.rows import Job, Sent
from watchdog.panels.duplicati.fake.stamps import stamp

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

_TRIES: Final = 3
_MACHINE: Final = "71414a11a39b4a9c97a855ba683a837c"
JSON_URLS, FORM_URLS, URL, FORMAT = "send-http-json-urls", "send-http-form-urls", "send-http-url", "send-http-result-output-format"


def addresses(world: DuplicatiWorld, job: Job) -> list[str]:
    """Return where the job reports to, each with what it speaks: ``json http://…`` or ``form http://…``."""

    def told(name: str) -> str:
        return job.setting(name) or world.settings.get(f"--{name}", "")

    plain = "json" if told(FORMAT).lower() == "json" else "form"
    found = {"json": told(JSON_URLS).split(";"), "form": told(FORM_URLS).split(";")}
    found[plain] = [*found[plain], *told(URL).split(";")]
    return [f"{kind} {url}" for kind, urls in found.items() for url in urls if url.strip()]


def send(world: DuplicatiWorld, job: Job, address: str, result: Result) -> bool:
    """Post one report; return whether it was taken. Newer releases try three times, a second apart."""
    kind, _, url = address.partition(" ")
    body, content_type = _body(world, job, result, kind)
    for attempt in range(_TRIES if world.release.sends_again else 1):
        if attempt:
            world.clock.wait(world.ended, 1.0)
        status = _post(url, body, content_type, world.report_seconds)
        world.reports.append(Sent(url, body, {"Content-Type": content_type}, status))
        if status is not None and 200 <= status < 300:  # noqa: PLR2004  # a good answer
            return True
        if world.ended.is_set():
            break
    return False


def _post(url: str, body: bytes, content_type: str, seconds: float) -> int | None:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=seconds)
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, {"Content-Type": content_type})
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _body(world: DuplicatiWorld, job: Job, result: Result, kind: str) -> tuple[bytes, str]:
    data = document(result, world.release, lists=False)
    if kind == "json":
        thrown = f"{result.failure.type}: {result.failure.message}\n   at … (stack trace cut)" if result.failure else None
        told = {"Data": data, "Extra": extra(world, job, result), "LogLines": list(result.lines), "Exception": thrown}
        return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode(), "application/json"
    more = job.setting("send-http-extra-parameters")
    if more:  # the 2.1.0 line encodes them as a whole, the signs between them, too (contract section 5)
        more = "&" + (quote(more, safe="") if world.release.old_line else more)
    message = quote("\n".join(_text(job, result, data)), safe="")
    return f"message={message}{more}".encode(), "application/x-www-form-urlencoded"


def _text(job: Job, result: Result, data: dict[str, Any]) -> list[str]:
    """Return a report as text: the members that are no objects, then what was logged (webhook-2.json)."""
    lines = [f"Duplicati {result.operation} report for {job.name} ({_MACHINE}, DB-{job.id}, vm)", ""]
    if result.failure:
        lines += [f"Failed: {result.failure.message}", f"Details: {result.failure.type}: {result.failure.message}", ""]
    for name, value in data.items():
        if name in {"EndTime", "BeginTime"}:
            at = result.ended if name == "EndTime" else result.began
            lines.append(f"{name}: {datetime.fromtimestamp(int(at), UTC):%m/%d/%Y %H:%M:%S} ({int(at)})")
        elif not isinstance(value, dict) and value is not None:
            lines.append(f"{name}: {value}")
        if name == "Interrupted":
            lines.append(f"Fatal: {result.parsed == 'Fatal'}")
    for name, told in (("Messages", ("The operation has started",)), ("Warnings", result.warnings), ("Errors", result.errors)):
        lines += [f"Limited{name}: [", *(f"    {line}," for line in told), "]"] if told else [f"Limited{name}: []"]
    return [*lines, "Log data:", *result.lines, ""] if result.lines else lines


def extra(world: DuplicatiWorld, job: Job, result: Result) -> dict[str, Any]:
    """Return what a report says of the job and the machine."""
    mine = {"backup-name": job.name, "backup-id": f"DB-{job.id}"}
    machine = {"machine-id": _MACHINE, "machine-name": "vm"}
    release = world.release
    if release.old_line:
        return {"OperationName": result.operation, **machine, **mine}
    due = stamp(job.schedule.time) if job.schedule is not None and result.operation == "Backup" else None
    told = {
        "OperationName": result.operation, **mine, **machine, "operating-system": "Linux", "installation-type": "",
        "destination-type": "file",
        "next-scheduled-run": due, "update-channel": "Stable",
    }  # fmt: skip
    return (
        {**told, "operating-system-detailed": "Debian GNU/Linux 12 (bookworm)", "destination-host-suffix": None}
        if release.connections
        else told
    )
