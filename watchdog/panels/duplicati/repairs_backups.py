"""The remedies of jobs, one function each: a run, a repair of a job's database, an abort of what stands still.

Each looks anew right before it sends, calls the fence last, and judges by looking again: an order's answer says nothing of what it did
(contract section 2). Run twice they have one effect: the second look finds the job busy, or a trace that was not there before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from watchdog.errors import DeadlinePassed, ServerFault, Unknown, Unreachable
from watchdog.model.repairs import Outcome
from watchdog.panels.duplicati import remedies
from watchdog.panels.duplicati.endings import newest
from watchdog.panels.duplicati.evidence import EvidenceReader
from watchdog.panels.duplicati.hands import Hands
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.offers import mark_of
from watchdog.panels.duplicati.rules_results import UNRECORDED, mended_since
from watchdog.panels.duplicati.rules_tasks import still_since
from watchdog.panels.duplicati.sends_backups import abort_line, repair_line, run_line
from watchdog.panels.duplicati.traces import of_job
from watchdog.panels.duplicati.view import Backup, DuplicatiView
from watchdog.panels.duplicati.windows import open_or_opens

NOBODY_KNOWS: Final = (ServerFault, Unreachable, DeadlinePassed, Unknown)
"""After these an order may or may not have had its effect: look, do not send again."""
APART: Final = 3.0
"""Seconds between the end of one run of a job and the order for the next: within the same second 2.1.0.5 fails."""
SEEN_WITHIN: Final = 20.0
_ABSOLUTE: Final = re.compile(r"(/|[A-Za-z]:\\)[^*?%]*")


def run(hands: Hands) -> Outcome:
    """Ask for a run, if the job is idle, may run now, has not run since, and everything that it backs up is there."""
    view = hands.client.view()
    backup = view.backup(hands.parameter("backup"))
    if backup is None:
        return hands.gave_up("the server has no such job any more")
    if view.state.busy_with(backup.id):
        return hands.done("it runs or waits already")
    if hands.repair.proposal.facts.get("ended", mark_of(backup)) != mark_of(backup):
        return hands.done("it has run since this was planned")
    held = _held(hands, view, backup)
    if held is not None:
        return held
    _keep_apart(hands, view, backup)
    return _order(
        hands, run_line(hands.settings, backup.id), lambda: hands.client.run(backup.id, hands.seconds(hands.settings.timeout)), backup,
        "the job runs or waits for its turn",
    )  # fmt: skip


def _held(hands: Hands, view: DuplicatiView, backup: Backup) -> Outcome | None:
    """Say why it may not run now, None = it may."""
    if not view.capabilities.mendable:
        return hands.gave_up("this release is too old: it is only observed")
    if view.state.paused:
        return hands.later(60.0, "the server is paused")
    shut = open_or_opens(hands.settings.run_window, hands.clock.now().wall)
    if shut is not None:
        return hands.later(600.0, f"the run window is shut; it opens at {shut}")
    gone = _gone(hands, backup)
    return hands.later(600.0, f"{gone}: a run could push good backups out") if gone else None


def _gone(hands: Hands, backup: Backup) -> str:
    """Say which source is not there: on this host where it is told of it, and by the server's own word."""
    for seen in of_job(EvidenceReader(hands.settings, hands.clock).sources(), backup.id, backup.name) or ():
        if seen.state in {"absent", "empty"}:
            return f"{seen.path} is {seen.state}"
    details = hands.client.details(backup.id)
    if details.options.get("allow-missing-source", "").lower() in {"true", "1", "on"}:
        return ""
    for path in details.sources:
        if _ABSOLUTE.fullmatch(path) and not hands.client.path_exists(path):
            return "the server does not find one of its sources"
    return ""


def _keep_apart(hands: Hands, view: DuplicatiView, backup: Backup) -> None:
    metadata = backup.metadata
    ended = max(each or 0.0 for each in (metadata.finished, metadata.newest, metadata.error_at))
    since = hands.clock.now().wall + (view.clock_skew or 0.0) - ended
    if 0.0 <= since < APART:
        hands.act.sleep(APART - since)


def repair_database(hands: Hands) -> Outcome:
    """Let the server mend a job's database, if it is still gone (or newly made and empty) and the job idle."""
    view = hands.client.view()
    backup = view.backup(hands.parameter("backup"))
    if backup is None:
        return hands.gave_up("the server has no such job any more")
    if view.state.busy_with(backup.id):
        return hands.done("the job is busy: its database is at work already")
    if not _lacks_its_database(hands, view, backup):
        return hands.done("its database is there again")
    return _order(
        hands, repair_line(hands.settings, backup.id),
        lambda: hands.client.repair_database(backup.id, hands.seconds(hands.settings.timeout)), backup, "the server mends its database",
    )  # fmt: skip


def _lacks_its_database(hands: Hands, view: DuplicatiView, backup: Backup) -> bool:
    if backup.db_exists is False and not hands.client.path_exists(backup.db_path):
        return True  # what the view says of it may be minutes old on 2.1.0.x
    ended = newest(view, backup)
    if ended is not None and ended.failed and ended.topic == UNRECORDED and not mended_since(backup, ended.at):
        return True
    lies = of_job(EvidenceReader(hands.settings, hands.clock).read().databases, backup.id, backup.name)
    return lies is not None and lies.problem in {"absent", "empty", "no_database", "damaged"}


def abort(hands: Hands) -> Outcome:
    """Abort a task, if it is still the active one and still stands where it stood."""
    task = int(hands.parameter("task") or 0)
    view = hands.client.view()
    if view.state.active is None or view.state.active.id != task or view.state.active.backup != hands.parameter("backup"):
        return hands.done("that task is not at work any more")
    mark = view.progress.mark if view.progress is not None and view.progress.task == task else ""
    since, facts = still_since(Notes(hands.told.memory)), hands.repair.proposal.facts
    if mark != facts.get("mark", mark) or since != facts.get("since", since):
        return hands.done("it moves again")
    if "abort" not in view.capabilities.stop_verbs:
        return hands.gave_up("this release is too old: it is only observed")
    _send(hands, abort_line(hands.settings, str(task)), lambda: hands.client.abort(task, hands.seconds(hands.settings.timeout)))
    if hands.wait_for(lambda: not _is_active(hands, task), SEEN_WITHIN):
        return hands.done("the task has ended")
    return hands.later(300.0, "the task has been told to end, and has not ended yet")


def _is_active(hands: Hands, task: int) -> bool:
    active = hands.client.state().active
    return active is not None and active.id == task


def _order(hands: Hands, line: str, send: Callable[[], object], backup: Backup, done: str) -> Outcome:
    """Send what begins a task of a job, and see that it has begun (or is over already)."""
    hint = _send(hands, line, send)
    if hands.wait_for(lambda: _begun(hands, backup), SEEN_WITHIN):
        return hands.done(done)
    return hands.later(60.0, f"the job has not been seen to begin{hint}")


def _send(hands: Hands, line: str, send: Callable[[], object]) -> str:
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(line)
    hint = ""
    try:
        send()
    except NOBODY_KNOWS as error:
        hint = f" (the server answered {type(error).__name__})"
    hands.act.step("sent")
    return hint


def _begun(hands: Hands, backup: Backup) -> bool:
    try:
        if hands.client.state().busy_with(backup.id):
            return True
        now = hands.client.view().backup(backup.id)
    except NOBODY_KNOWS:
        return False
    return now is not None and mark_of(now) != mark_of(backup)


REPAIRS: Final[Mapping[str, Callable[[Hands], Outcome]]] = {
    remedies.RUN: run, remedies.REPAIR_DATABASE: repair_database, remedies.ABORT: abort,
}  # fmt: skip
