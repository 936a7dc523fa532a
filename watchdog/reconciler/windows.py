"""Which maintenance windows are open, and which pauses that makes. Pure: the wall clock and what persons ended come in as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from watchdog.model.pauses import Pause
from watchdog.runtime.cron import Window

Place = tuple[str, str]
"""A target and one task of it ("" = all)."""


@dataclass(frozen=True, slots=True)
class WindowRule:
    """One maintenance window over ``targets`` (names, no globs any more)."""

    name: str
    targets: tuple[str, ...]
    window: Window
    reason: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pause that rules ask for: at most one of ``until`` (UNIX seconds) and ``length`` (seconds from now) is given."""

    by: str
    reason: str
    until: float | None = None
    length: float | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """One time at which a window opened, and when it closes (UNIX seconds)."""

    rule: WindowRule
    opened: float
    closes: float


def open_now(rules: Iterable[WindowRule], wall: float) -> tuple[Opening, ...]:
    """Return the openings that hold at ``wall``; one that began while nobody looked is among them."""
    found = []
    for rule in rules:
        opened = rule.window.cron.last(wall, rule.window.zone)
        if opened is not None and wall < opened + rule.window.lasts:
            found.append(Opening(rule, opened, opened + rule.window.lasts))
    return tuple(found)


def next_change(rules: Iterable[WindowRule], openings: Iterable[Opening], wall: float) -> float | None:
    """Return the UNIX seconds at which the next window opens or closes."""
    times = [opening.closes for opening in openings]
    times += [at for rule in rules if (at := rule.window.opens_at(wall)) is not None]
    return min(times, default=None)


def ended_by_a_person(past: Iterable[Pause], task: str, by_rule: str) -> float:
    """Return up to when (UNIX seconds) openings are over because a person ended the pause that they had made; 0 = never.

    A pause's own end bounds that: what the wall clock said when it was ended may have been wrong.
    """
    marks = [
        min(pause.ended_at, pause.until or pause.ended_at)
        for pause in past
        if (pause.source, pause.task, pause.end) == ("window", task, "resumed") and pause.ended_by != by_rule and pause.ended_at is not None
    ]
    return max(marks, default=0.0)


def wanted_by_windows(openings: Iterable[Opening], ended: Callable[[str, str], float]) -> Mapping[Place, Wanted]:
    """Return the pauses that open windows ask for: one for each target and task, to the last end of all that overlap.

    ``ended(target, task)`` is ``ended_by_a_person`` of it: a window that had opened by then is not entered again.
    """
    openings = tuple(openings)
    marks = {place: ended(*place) for place in {(target, each.rule.task) for each in openings for target in each.rule.targets}}
    held: dict[Place, list[Opening]] = {}
    for opening in openings:
        for target in opening.rule.targets:
            place = (target, opening.rule.task)
            if opening.opened > marks[place]:
                held.setdefault(place, []).append(opening)
    return {place: _together(mine) for place, mine in held.items()}


def _together(openings: list[Opening]) -> Wanted:
    reasons = dict.fromkeys(opening.rule.reason for opening in openings)
    return Wanted(
        ", ".join(opening.rule.name for opening in openings), "; ".join(reasons), until=max(opening.closes for opening in openings)
    )
