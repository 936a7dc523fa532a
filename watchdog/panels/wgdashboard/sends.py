"""Exactly what each remedy sends, one line each: for plans, approvals and the record. Pure."""

from __future__ import annotations

from watchdog.model.repairs import PlannedRepair
from watchdog.panels.wgdashboard import remedies
from watchdog.panels.wgdashboard.settings import WgdashboardSettings


def lines(settings: WgdashboardSettings, repair: PlannedRepair) -> tuple[str, ...]:
    """Return, in order, what a repair would send."""
    parameters = repair.proposal.parameters
    match repair.proposal.remedy:
        case remedies.RESTART:
            return (str(parameters.get("hook", "")),)
        case remedies.REREAD:
            return (reread_line(settings, str(parameters.get("path", ""))),)
    return ()


def reread_line(settings: WgdashboardSettings, path: str) -> str:
    """Return the line of a re-read: the folder is set to what it is."""
    return f"POST {settings.url}/api/updateDashboardConfigurationItem Server wg_conf_path {path}"
