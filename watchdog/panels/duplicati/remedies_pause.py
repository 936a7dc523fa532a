"""The remedies that carry out what a person ordered: a pause, its renewal and its end, of the server or of one job. Pure.

All are safe in themselves (each re-reads, sends one thing, and judges by reading again), and ordered: no pause, budget or approval holds
them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.model.drifts import Proposal, Scalar
from watchdog.model.repairs import Remedy, Risk, Settle
from watchdog.panels.duplicati.remedies import backup_object, server_object

PAUSE, RENEW, RESUME = "pause", "renew", "resume"
MOVE, PUT_BACK = "move_schedule", "put_schedule_back"
SET_DELAY: Final = "set_startup_delay"
AT_ONCE: Final = Settle(0.0, 5.0)
"""A lost pause must not wait for the verdict on the one before it."""
SECONDS: Final = 30.0


def safe(facts: Mapping[str, Scalar]) -> Risk:
    """Carry out what was ordered: nothing can be lost by it."""
    del facts
    return Risk.SAFE


def edit_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call putting a job back safe only where it is known how the release keeps what is not sent."""
    return Risk.SAFE if facts.get("editable") is True else Risk.DESTRUCTIVE


def _ordered(name: str, help_: str, settle: Settle = AT_ONCE, seconds: float = SECONDS) -> Remedy:
    return Remedy(name, help_, edit_risk if name in {MOVE, PUT_BACK} else safe, settle, seconds, 0.0, needs_docker=False, ordered=True)


PAUSE_REMEDIES: Final[tuple[Remedy, ...]] = (
    _ordered(PAUSE, "Let the server pause for what is left of the pause that was ordered, 12 hours at most."),
    _ordered(RENEW, "Let the server pause anew: the lease was half over, or its end is not the wanted one any more."),
    _ordered(RESUME, "Let the server go on: the pause that we ordered there is over."),
    _ordered(MOVE, "Move a job's next slot to its first regular one after the pause; nothing else changes.", Settle(1.0, 20.0)),
    _ordered(PUT_BACK, "Put the schedule of a job back to its own next slot; nothing else in the job changes.", Settle(1.0, 20.0)),
    _ordered(SET_DELAY, "Set the server's startup delay as its settings here ask for, or put the old one back.", Settle(1.0, 20.0)),
)  # fmt: skip


def of_server(target: str, remedy: str, facts: Mapping[str, Scalar] | None = None) -> Proposal:
    """Propose to pause the server, renew that, or let it go on."""
    return Proposal(remedy, server_object(target), {}, facts or {})


def of_job(target: str, remedy: str, backup: str, *, editable: bool) -> Proposal:
    """Propose to move a job's schedule, or to put it back."""
    return Proposal(remedy, backup_object(target, backup), {"backup": backup}, {"editable": editable})
