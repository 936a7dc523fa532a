"""Exactly what each remedy of a job sends, one line each: for plans, approvals and the record. Pure."""

from __future__ import annotations

from watchdog.model.repairs import PlannedRepair
from watchdog.panels.duplicati import remedies
from watchdog.panels.duplicati.settings import DuplicatiSettings


def lines(settings: DuplicatiSettings, repair: PlannedRepair) -> tuple[str, ...]:
    """Return, in order, what a repair would send; nothing for a remedy that is not of a job's runs."""
    parameters = repair.proposal.parameters
    match repair.proposal.remedy:
        case remedies.RUN:
            return (run_line(settings, str(parameters.get("backup", ""))),)
        case remedies.REPAIR_DATABASE:
            return (repair_line(settings, str(parameters.get("backup", ""))),)
        case remedies.ABORT:
            return (abort_line(settings, str(parameters.get("task", ""))),)
    return ()


def run_line(settings: DuplicatiSettings, backup: str) -> str:
    """Return the line of a run."""
    return f"POST {settings.url}/api/v1/backup/{backup}/run"


def repair_line(settings: DuplicatiSettings, backup: str) -> str:
    """Return the line of a repair of a job's database."""
    return f"POST {settings.url}/api/v1/backup/{backup}/repair"


def abort_line(settings: DuplicatiSettings, task: str) -> str:
    """Return the line of an abort."""
    return f"POST {settings.url}/api/v1/task/{task}/abort"
