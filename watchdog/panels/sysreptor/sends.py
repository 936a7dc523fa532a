"""Exactly what each remedy sends, one line each: for plans, approvals and the record. Pure; no key ever stands in it."""

from __future__ import annotations

import shlex

from watchdog.model.repairs import PlannedRepair
from watchdog.panels.sysreptor import remedies
from watchdog.panels.sysreptor.client import BACKUP_PATH, HEALTH_PATH
from watchdog.panels.sysreptor.making import KEY_WORD
from watchdog.panels.sysreptor.settings import SysreptorSettings


def lines(settings: SysreptorSettings, repair: PlannedRepair) -> tuple[str, ...]:
    """Return, in order, what a repair would send."""
    parameters = repair.proposal.parameters
    path = str(parameters.get("path", ""))
    match repair.proposal.remedy:
        case remedies.RUN:
            return (run_line(settings, str(parameters.get("method", ""))),)
        case remedies.QUARANTINE:
            return (quarantine_line(path),)
        case remedies.POKE:
            return (poke_line(settings),)
        case remedies.REMOVE:
            return (remove_line(path),)
    return ()


def run_line(settings: SysreptorSettings, method: str) -> str:
    """Return the line of a run."""
    goal = settings.run.directory or settings.backups.path
    if method == "exec":
        argv = (*settings.run.argv, KEY_WORD) if settings.run.encrypt else settings.run.argv
        return f"Docker: exec in {settings.run.container}: {shlex.join(argv)} > {goal}/"
    return f"POST {settings.url}{BACKUP_PATH} > {goal}/"


def quarantine_line(path: str) -> str:
    """Return the line of a quarantine."""
    folder, _, name = path.rpartition("/")
    return f"rename {path} to {folder}/quarantine/{name}.quarantined"


def poke_line(settings: SysreptorSettings) -> str:
    """Return the line of a poke."""
    return f"GET {settings.url}{HEALTH_PATH}"


def remove_line(path: str) -> str:
    """Return the line of the removal of a part."""
    return f"remove {path}"
