"""One look at a panel: view and evidence, read in a thread of its own so that a panel that never answers cannot hold the loop."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from watchdog.errors import DeadlinePassed
from watchdog.model.drifts import Judgement, UnknownSubject
from watchdog.model.moments import Clock, Moment
from watchdog.model.panels import Target
from watchdog.model.places import Place
from watchdog.model.repairs import Remedy
from watchdog.model.snapshots import Actual
from watchdog.reconciler.runner import Spawn, daemon_thread

MAX_HUNG = 3
"""Looks at one target that may hang at once; then no new one begins until one comes back."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one reading brought: ``began`` is when it began; ``view`` and ``evidence`` are the panel's own values."""

    began: Moment
    actual: Actual
    view: Any
    evidence: Any


class _Box:
    """Carries the end of a reading from its thread to the loop: a context that keeps the exception, to be raised again over there."""

    def __init__(self) -> None:
        self.look: Look | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.error = error
        self.done.set()
        return True


class Looker:
    """Reads one target within a deadline. A reading past it is abandoned (its late result is dropped) and a new one may begin."""

    def __init__(self, target: Target, clock: Clock, seconds: float, spawn: Spawn = daemon_thread) -> None:
        self._target = target
        self._clock = clock
        self._seconds = seconds
        self._spawn = spawn
        self._hung: list[_Box] = []

    @property
    def hung(self) -> int:
        """How many readings have been abandoned and still have not come back."""
        self._hung = [box for box in self._hung if not box.done.is_set()]
        return len(self._hung)

    def look(self, actual: Actual) -> Look:
        """Read view and evidence against ``actual``. Raises what the target raises, and DeadlinePassed when it does not come back."""
        if self.hung >= MAX_HUNG:
            raise DeadlinePassed(f"{self.hung} earlier readings of this panel still hang")
        box, began = _Box(), self._clock.now()

        def read() -> None:
            with box:
                view = self._target.view()
                box.look = Look(began, actual, view, self._target.evidence(actual))

        self._spawn(f"look-{self._target.name}", read)
        # done first: with a simulated clock a wait would let the whole deadline pass
        if not box.done.is_set() and not self._clock.wait(box.done, self._seconds):
            self._hung.append(box)
            raise DeadlinePassed(f"reading the panel took longer than {self._seconds:.0f} s")
        if box.error is not None:
            raise box.error
        if box.look is None:
            raise DeadlinePassed("the reading ended without a result")
        return box.look


def sift(judgement: Judgement, actual: Actual, place: Place, remedies: dict[str, Remedy], now: Moment) -> Judgement:
    """Turn drifts whose remedy needs Docker into unknown ones while Docker's truth is stale or the place is not proven (rules 3 and 12).

    The panel's own rules judge this as well, subject by subject; this net is under all of them.
    """
    reason = _sightless(actual, place, now)
    if reason is None:
        return judgement

    def blind(remedy_name: str | None) -> bool:
        remedy = remedies.get(remedy_name) if remedy_name else None
        return remedy is not None and remedy.needs_docker

    lost = [drift for drift in judgement.drifts if drift.proposal and blind(drift.proposal.remedy)]
    known = {each.subject for each in judgement.unknown}
    subjects = {drift.subject: None for drift in lost if drift.subject not in known}
    return replace(
        judgement,
        drifts=tuple(drift for drift in judgement.drifts if drift not in lost),
        unknown=(*judgement.unknown, *(UnknownSubject(subject, reason[0], reason[1]) for subject in subjects)),
    )


def _sightless(actual: Actual, place: Place, now: Moment) -> tuple[str, str] | None:
    if actual.docker is None or not actual.docker.fresh(now):
        return "docker_stale", "what is known of Docker is older than three intervals"
    if not place.proven:
        return "unplaced", "it is not proven that this panel's containers are on our engine"
    return None
