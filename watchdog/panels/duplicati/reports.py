"""Reports that the server sends itself (``--send-http-json-urls`` and its kin): read, and the newest of each job kept. No I/O.

Contract section 5, Inbound report webhook. A body comes as JSON or as a form; up to three times the same. What has no ``ParsedResult`` is a
failure, and so is what brings an exception; a run that was stopped says Fatal (2.3) or Warning (2.1.0.5) and that it is partial. Only
counts, words and times are taken: messages hold paths and credentials.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast
from urllib.parse import parse_qs

from watchdog.errors import MalformedAnswer

Ending = Literal["success", "warning", "error", "fatal", "stopped"]
ENDINGS: Final[tuple[Ending, ...]] = ("success", "warning", "error", "fatal", "stopped")
BAD: Final[frozenset[str]] = frozenset({"error", "fatal"})
MOST_JOBS: Final = 500
MOST_KNOWN: Final = 2000
MOST_TITLE: Final = 1000
SAME_FAILURE: Final = 60.0
"""Reports without a time of their own that come within so many seconds are one: the server tries three times within some."""
_WORDS: Final[dict[str, Ending]] = {"success": "success", "warning": "warning", "error": "error", "fatal": "fatal"}
_STOPPED: Final = ("OperationCanceledException", "TaskCanceledException", "CancelException", "operation was canceled", "task was canceled")
_TITLE: Final = re.compile(r"Duplicati (\w{1,40}) report for (.*?)(?: \(([^(),]{1,100}), ([^(),]{1,100}), ([^()]{1,200})\))?\s*$")
_LINE: Final = re.compile(r"(\w{1,60}): (.{0,200})")
_EPOCH: Final = re.compile(r"\((\d{9,12})\)\s*$")
_JOB: Final = re.compile(r"DB-(\d{1,9})")
_COUNTS: Final = {
    "examined_files": "ExaminedFiles", "added_files": "AddedFiles", "modified_files": "ModifiedFiles", "deleted_files": "DeletedFiles",
    "warnings": "WarningsActualLength", "errors": "ErrorsActualLength",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """One report. ``backup`` is the job's id on its server ("" = it was not run by one), ``at`` when it came (UNIX seconds of ours).

    ``operation`` is Backup, Restore, ...; ``began`` and ``ended`` are on the server's clock. Counts are None where it does not say.
    """

    backup: str
    name: str
    machine: str
    operation: str
    ending: Ending
    at: float
    began: float | None = None
    ended: float | None = None
    examined_files: int | None = None
    added_files: int | None = None
    modified_files: int | None = None
    deleted_files: int | None = None
    warnings: int | None = None
    errors: int | None = None
    uploaded_bytes: int | None = None
    downloaded_bytes: int | None = None

    @property
    def key(self) -> tuple[str, str, str, float | None]:
        """Return what makes it the same report when it comes again; ``began`` None: by ``at``, see ``Reports``."""
        return self.machine, self.backup or self.name, self.operation, self.began


def understood(content_type: str, body: bytes, at: float) -> Report:
    """Return the report in a body. Raises MalformedAnswer when it is none of Duplicati's."""
    if "json" in content_type.lower() or body.lstrip()[:1] == b"{":
        return _of_json(body, at)
    return _of_form(body, at)


def _of_json(body: bytes, at: float) -> Report:
    try:
        told = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise MalformedAnswer("a report is no JSON") from None
    if not isinstance(told, dict) or "Extra" not in told or not isinstance(told.get("Data"), dict | None):
        raise MalformedAnswer("a report has no Data and Extra")
    result, extra = _mapping(told.get("Data")), _mapping(told.get("Extra"))
    exception = told.get("Exception")
    thrown = exception if isinstance(exception, str) and exception else str(result.get("ClassName") or "")
    wire = _mapping(result.get("BackendStatistics"))
    return Report(
        _job(extra.get("backup-id")), _text(extra.get("backup-name")), _text(extra.get("machine-id")),
        _text(result.get("MainOperation") or extra.get("OperationName")), _ending(result, thrown), at,
        _iso(result.get("BeginTime")), _iso(result.get("EndTime")),
        **{name: _count(result.get(theirs)) for name, theirs in _COUNTS.items()},
        uploaded_bytes=_count(wire.get("BytesUploaded")), downloaded_bytes=_count(wire.get("BytesDownloaded")),
    )  # fmt: skip


def _of_form(body: bytes, at: float) -> Report:
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=1000)
    except ValueError:
        raise MalformedAnswer("a report is no form") from None
    text = next((values[0] for values in fields.values() if _TITLE.match(values[0].partition("\n")[0][:MOST_TITLE])), None)
    if text is None:
        raise MalformedAnswer("a form holds no report: its text must begin as Duplicati's own does")
    head, _, rest = text.partition("\n")
    title = cast("re.Match[str]", _TITLE.match(head[:MOST_TITLE]))
    result = dict(_lines(rest))
    thrown = rest if "ParsedResult" not in result else result.get("Failed", "")
    return Report(
        _job(title[4]), _text(title[2]), _text(title[3]), _text(result.get("MainOperation") or title[1]), _ending(result, thrown), at,
        _epoch(result.get("BeginTime")), _epoch(result.get("EndTime")),
        **{name: _count(result.get(theirs)) for name, theirs in _COUNTS.items()},
    )  # fmt: skip


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of the lines that are not in a list or an inner result: those are indented."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line.rstrip("\r"))
        if found is not None and not line.startswith((" ", "\t")):
            yield found[1], found[2]


def _ending(result: Mapping[str, object], thrown: str) -> Ending:
    partial = str(result.get("PartialBackup", "")).lower() == "true" or str(result.get("Interrupted", "")).lower() == "true"
    if partial or any(word in thrown for word in _STOPPED):
        return "stopped"
    if thrown or str(result.get("Fatal", "")).lower() == "true":
        return "fatal"
    return _WORDS.get(str(result.get("ParsedResult", "")).lower(), "fatal")


def _mapping(told: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", told) if isinstance(told, dict) else {}


def _text(told: object) -> str:
    return str(told)[:200] if isinstance(told, str | int) else ""


def _job(told: object) -> str:
    found = _JOB.fullmatch(told) if isinstance(told, str) else None
    return found[1] if found else ""


def _count(told: object) -> int | None:
    if isinstance(told, int) and not isinstance(told, bool):
        return told
    return int(told) if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 20 else None  # noqa: PLR2004


def _iso(told: object) -> float | None:
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    if found is None or found.year < 1971:  # noqa: PLR2004  # the year 1 is their "none"
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _epoch(told: object) -> float | None:
    found = _EPOCH.search(told) if isinstance(told, str) else None
    return float(found[1]) if found else None


def of_backup(known: Mapping[str, object], ident: str, name: str) -> Report | None:
    """Return the report of a job of this server; one of the same number and another name is another server's, sent to the wrong door."""
    found = known.get(ident)
    return found if isinstance(found, Report) and found.name.casefold() in {"", name.casefold()} else None


class Reports:
    """The newest report of each job of one server. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, Report] = {}
        self._known: dict[tuple[str, str, str, float | None], float] = {}

    def take(self, report: Report) -> bool:
        """Keep a report; False = it had come before, or is of something else than a backup that the server ran."""
        with self._lock:
            known = self._known.get(report.key)
            if known is not None and (report.began is not None or abs(report.at - known) <= SAME_FAILURE):
                return False
            self._known[report.key] = report.at
            while len(self._known) > MOST_KNOWN:
                del self._known[next(iter(self._known))]
            if not report.backup or report.operation != "Backup":
                return False
            before = self._newest.get(report.backup)
            if before is not None and (before.began or before.at) > (report.began or report.at):
                return False
            if before is None and len(self._newest) >= MOST_JOBS:
                return False
            self._newest[report.backup] = report
            return True

    def newest(self) -> Mapping[str, Report]:
        """Return them by the job's id."""
        with self._lock:
            return dict(self._newest)
