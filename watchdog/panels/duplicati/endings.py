"""How the newest run of a job ended, by all who tell: its log, its metadata, the server's notes, its own report. Pure.

Contract section 4, rule 8. ``/task`` is no witness: up to 2.1.0.5 it shows a thrown failure as completed. ``LastErrorDate`` is never
cleared, so it counts only when it is the newest; ``LastBackupFinished`` is also set by a run that logged errors: then the log decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from watchdog.panels.duplicati.reports import Ending, of_backup
from watchdog.panels.duplicati.view import Backup, DuplicatiView, LastResult, Notification

SAME_RUN: Final = 2.0
"""Seconds by which the witnesses of one ending may differ: some tell whole seconds, the note comes a moment later."""
_WORDS: Final[dict[str, Ending]] = {"Success": "success", "Warning": "warning", "Error": "error", "Fatal": "fatal", "Unknown": "fatal"}
_GRAVITY: Final[dict[Ending, int]] = {"success": 0, "warning": 1, "error": 3, "fatal": 4, "stopped": 2}
STOPPED: Final = "cancelled"
"""The topic of a message that says that a run was stopped (see ``answers.topic``)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One ending: ``at`` on the server's clock, ``by`` whom it is known (log, metadata, notification, report), ``topic`` as in Metadata."""

    at: float
    word: Ending
    by: str
    topic: str = ""

    @property
    def failed(self) -> bool:
        """Whether nothing was backed up, or not all."""
        return self.word in {"error", "fatal"}


def newest(view: DuplicatiView, backup: Backup) -> Ended | None:
    """Return how a job's newest run ended; None = no run of it has ended, as far as anybody tells.

    Of what is told of one ending, within two seconds, the gravest counts; but that it was stopped counts before that it failed by it.
    """
    told = sorted(_told(view, backup), key=lambda each: each.at)
    if not told:
        return None
    same = [each for each in told if told[-1].at - each.at <= SAME_RUN]
    stopped = next((each for each in same if each.word == "stopped"), None)
    worst = stopped or max(same, key=lambda each: (_GRAVITY[each.word], each.at))
    topic = worst.topic or next((each.topic for each in same if each.topic), "")
    return Ended(max(each.at for each in same), worst.word, worst.by, topic)


def _told(view: DuplicatiView, backup: Backup) -> Iterator[Ended]:
    metadata = backup.metadata
    if backup.result is not None:
        yield _of_log(backup.result)
    if metadata.finished is not None and not _told_by_log(backup):
        yield Ended(metadata.finished, "success", "metadata")
    if metadata.error_at is not None:
        yield Ended(metadata.error_at, "stopped" if metadata.error == STOPPED else "fatal", "metadata", metadata.error)
    for note in view.notifications:
        found = _of_note(note, backup)
        if found is not None:
            yield found
    report = of_backup(view.reports, backup.id, backup.name)
    if report is not None:
        yield Ended(report.ended or report.began or report.at, report.ending, "report")


def _told_by_log(backup: Backup) -> bool:
    """Whether the run that the metadata speaks of stands in the log, which then says how it ended."""
    result, finished = backup.result, backup.metadata.finished
    return result is not None and finished is not None and finished <= (result.ended or result.logged_at) + SAME_RUN


def _of_log(result: LastResult) -> Ended:
    stopped = result.interrupted or result.partial
    return Ended(result.ended or result.logged_at, "stopped" if stopped else _WORDS[result.result], "log")


def _of_note(note: Notification, backup: Backup) -> Ended | None:
    if note.backup != backup.id or note.at is None or note.type == "Information":
        return None
    if note.about == STOPPED:
        return Ended(note.at, "stopped", "notification", note.about)
    return Ended(note.at, "fatal" if note.type == "Error" else "warning", "notification", note.about)
