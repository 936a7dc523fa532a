"""Exactly what each remedy sends, one line each: for plans, approvals and the record. Pure."""

from __future__ import annotations

from math import ceil

from watchdog.model.repairs import PlannedRepair
from watchdog.panels.containers import remedies


def lines(repair: PlannedRepair) -> tuple[str, ...]:
    """Return, in order, what a repair would send."""
    parameters = repair.proposal.parameters
    container = str(parameters.get("container", ""))
    match repair.proposal.remedy:
        case remedies.RESTART:
            grace = parameters.get("grace")
            own = float(grace) if isinstance(grace, int | float) else None
            dependents = str(parameters.get("dependents", "")).split()
            return (restart_line(container, own), *(restart_line(each, None) for each in dependents))
        case remedies.START:
            return (start_line(container),)
    return ()


def restart_line(container: str, grace: float | None) -> str:
    """Return the line of a graceful restart; ``grace`` is seconds, None = the container's own stop timeout."""
    return f"Docker: POST /containers/{container}/restart" + ("" if grace is None else f"?t={ceil(grace)}")


def start_line(container: str) -> str:
    """Return the line of a start."""
    return f"Docker: POST /containers/{container}/start"
