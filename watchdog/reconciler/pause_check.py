"""Whether the pauses that stand are obeyed: by the newest look, and by a panel that is itself held paused. Pure."""

from __future__ import annotations

from watchdog.model.panels import Target
from watchdog.model.pauses import PauseSays, StandingPause, pausable
from watchdog.model.repairs import Mode
from watchdog.reconciler.status import TargetStatus


def said_of_pauses(status: TargetStatus, target: Target, mode: Mode, standing: tuple[StandingPause, ...]) -> PauseSays:
    """Return what ``status`` and its view of the panel say of the pauses that stand."""
    obeyed, check = {each.id for each in status.pauses}, pausable(target)
    late = [each.pause.id for each in standing if each.pause.id not in obeyed]
    wrong = tuple(f"the newest look does not know of pause {each} yet: ask again in a moment" for each in late)
    if check is None:
        return PauseSays(wrong=wrong)
    if not status.up or status.look is None:
        return PauseSays(wrong=(*wrong, f"the panel cannot be read: {status.message or 'no look yet'}"))
    if mode is Mode.OBSERVE:
        return PauseSays(wrong=(*wrong, "the mode is observe: nothing is sent, so the panel is not held paused; `mode: approve` does"))
    says = check(status.look.view, standing)
    return PauseSays(says.well, (*wrong, *says.wrong))
