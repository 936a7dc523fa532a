"""What an object's history forbids now: breaker, attempts, budget, the wait it asked for, cooldown, back-off. Pure."""

from __future__ import annotations

from typing import Final

from watchdog.model.moments import Moment
from watchdog.model.repairs import ObjectHistory, Remedy
from watchdog.model.trails import Touch
from watchdog.reconciler.policy import Backoff, Bounds

ORDERED: Final = Backoff(first=1.0, factor=2.0, cap=60.0)
"""How long an object rests after attempts to carry out what a person ordered: only that hammers nobody."""


def rest(history: ObjectHistory, remedy: Remedy, bounds: Bounds, now: Moment, *, approved: bool) -> tuple[str, str] | None:
    """Return (reason, message) why an object must rest now, or None.

    Stamps are UNIX seconds restated in today's clock. A person's standing approval overrides breaker, attempts, budget and back-off; never
    the wait that the last attempt asked for, nor the remedy's cooldown: those are physics. What is ordered has a short back-off alone.
    """
    if remedy.ordered:
        return _waiting(history, remedy, now) or _backing_off(history, ORDERED, now)
    spent = None if approved else _spent(history, bounds)
    return spent or _waiting(history, remedy, now) or (None if approved else _backing_off(history, bounds.backoff, now))


def left_to_them(touch: Touch | None, bounds: Bounds, now: Moment) -> tuple[str, str] | None:
    """Return (reason, message) why an object is left alone after somebody else's newest act on it (None = there is none), or None."""
    left = 0.0 if touch is None else bounds.after_person - (now.wall - touch.at)
    if touch is None or left <= 0:
        return None
    return "person_acted", f"{touch.who or 'somebody'} has just acted on it ({touch.what}): it is left to them another {left:.0f} s"


def _spent(history: ObjectHistory, bounds: Bounds) -> tuple[str, str] | None:
    if history.unverified >= bounds.breaker:
        return "breaker", f"{history.unverified} repairs in a row went unverified: `retry` tries once more"
    if history.attempts >= bounds.attempts:
        return "attempts", f"{history.attempts} attempts did not mend it: `retry` tries once more"
    if history.attempts_last_hour >= bounds.budget_per_hour:
        return "budget", f"{history.attempts_last_hour} repairs within the hour (limit {bounds.budget_per_hour})"
    return None


def _waiting(history: ObjectHistory, remedy: Remedy, now: Moment) -> tuple[str, str] | None:
    if history.not_before is not None and now.wall < history.not_before:
        return "not_before", f"the last attempt asked to wait another {history.not_before - now.wall:.0f} s"
    if history.last_attempt_at is not None and (left := remedy.cooldown - (now.wall - history.last_attempt_at)) > 0:
        return "cooldown", f"the object rests another {left:.0f} s after its last repair"
    return None


def _backing_off(history: ObjectHistory, backoff: Backoff, now: Moment) -> tuple[str, str] | None:
    if history.last_attempt_at is None:
        return None
    left = backoff.delay(history.attempts) - (now.wall - history.last_attempt_at)
    return ("backoff", f"attempt {history.attempts} did not mend it; next in {left:.0f} s") if left > 0 else None
