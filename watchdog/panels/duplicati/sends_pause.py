"""Exactly what the remedies of pauses send, one line each: for plans and the record. Pure. A job's body is never told: it holds secrets."""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.model.pauses import StandingPause
from watchdog.model.repairs import PlannedRepair
from watchdog.panels.duplicati import remedies_pause
from watchdog.panels.duplicati.leases import lease_of, orders_of
from watchdog.panels.duplicati.settings import DuplicatiSettings


def lines(settings: DuplicatiSettings, repair: PlannedRepair, standing: Sequence[StandingPause]) -> tuple[str, ...]:
    """Return, in order, what a repair would send right now; nothing for a remedy that is not of a pause."""
    parameters = repair.proposal.parameters
    match repair.proposal.remedy:
        case remedies_pause.PAUSE | remedies_pause.RENEW:
            orders = orders_of(standing)
            seconds = None if orders is None else lease_of(orders.left, settings.lease)
            return () if seconds is None else (pause_line(settings, seconds),)
        case remedies_pause.RESUME:
            return (resume_line(settings),)
        case remedies_pause.MOVE | remedies_pause.PUT_BACK:
            return (put_line(settings, str(parameters.get("backup", ""))),)
        case remedies_pause.SET_DELAY:
            return (delay_line(settings, str(parameters.get("delay", ""))),)
    return ()


def pause_line(settings: DuplicatiSettings, seconds: int, *, transfers: bool = False) -> str:
    """Return the line of a pause."""
    return f"POST {settings.url}/api/v1/serverstate/pause?duration={seconds}s{'&pauseTransfers=true' if transfers else ''}"


def resume_line(settings: DuplicatiSettings) -> str:
    """Return the line of a resume."""
    return f"POST {settings.url}/api/v1/serverstate/resume"


def put_line(settings: DuplicatiSettings, backup: str, time: str = "") -> str:
    """Return the line of a job put back; ``time`` is its next slot as it is sent."""
    moved = f" with Schedule.Time {time}" if time else " with another Schedule.Time"
    return f"PUT {settings.url}/api/v1/backup/{backup}, the job as it was given a moment before,{moved}"


def delay_line(settings: DuplicatiSettings, delay: str) -> str:
    """Return the line of a startup delay."""
    return f'PATCH {settings.url}/api/v1/serversettings {{"startup-delay": "{delay}"}}'
