"""When a run of ours may be offered: pure, and the same for every drift that a run would end."""

from __future__ import annotations

from watchdog.model.drifts import Proposal
from watchdog.panels.duplicati import remedies, sources
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.view import Backup
from watchdog.panels.duplicati.windows import open_or_opens


def asleep(case: Case, backup: Backup) -> bool:
    """Whether the server is paused, or the job by an order of ours."""
    paused = any(standing.pause.task and standing.pause.covers(backup.id, backup.name) for standing in case.facts.pauses)
    return case.view.state.paused or paused


def run_proposal(case: Case, backup: Backup) -> tuple[Proposal | None, str | None]:
    """Return the offer of a run, or why there is none now."""
    if not case.view.capabilities.mendable:
        return None, "this release is too old: it is only observed"
    if asleep(case, backup):
        return None, "it is paused"
    shut = open_or_opens(case.settings.run_window, case.wall)
    if shut is not None:
        return None, f"the run window is shut; it opens at {shut}"
    whole = sources.whole(case, backup)
    if whole is False:
        return None, "its source is missing, empty or far smaller than before: a run could push good backups out"
    known = case.view.capabilities.family != "unknown"
    facts = {"version_known": known, "source_whole": whole, "ended": mark_of(backup)}
    return Proposal(remedies.RUN, remedies.backup_object(case.settings.name, backup.id), {"backup": backup.id}, facts), None


def mark_of(backup: Backup) -> str:
    """Return what changes with each run of a job that ends: so a remedy knows that there was one since it was planned."""
    return " ".join(str(each) for each in trace_of(backup))


def trace_of(backup: Backup) -> tuple[float | None, float | None, int | None]:
    """Return what a job's runs leave: each that ends changes one of these."""
    return backup.metadata.finished, backup.metadata.error_at, backup.last.id if backup.last is not None else None
