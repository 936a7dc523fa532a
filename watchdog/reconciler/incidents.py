"""Drifts that share a cause are one incident: mended in turn, with one budget. Many without a known cause are left alone. Pure.

A cause that is known and over lets one repair through, the canary; the next begins when it is proved, and so on. One that could not be
proved is tried again within its own bounds, and nothing else for this cause meanwhile. What the repairs of one incident have cost without
mending anything is counted together: two hundred objects must not each fail for themselves first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from watchdog.model.drifts import ObjectKey
from watchdog.model.repairs import ObjectHistory, PlannedRepair
from watchdog.reconciler.policy import Bounds

CAUSE: Final = "cause"
"""Key of a proposal's facts that names a cause known and ended (an outage that is over). What it left behind is mended in turn: one
canary, its proof, then the rest one at a time; without it, many objects at once mean an unknown cause and are held."""

REASONS: Final[Mapping[str, str]] = {
    "too_many": "too many objects would be acted on at once: the cause is probably elsewhere",
    "canary": "a repair for this cause could not be proved: the rest wait until it is, or for a person (retry)",
    "incident": "the repairs for this cause have used up what one incident may cost: the rest wait for a person (retry)",
    "in_turn": "several share one cause that is over: they are mended one at a time, each proved before the next",
}
"""Every reason for which this module holds a repair, with the sentence for documents."""

Refused = tuple[PlannedRepair, tuple[str, str]]


def held_back(
    wanted: Iterable[PlannedRepair],
    alone: Iterable[PlannedRepair],
    histories: Mapping[ObjectKey, ObjectHistory],
    busy: Mapping[ObjectKey, str],
    bounds: Bounds,
    objects: int,
) -> list[Refused]:
    """Given the repairs that nobody ordered (``alone``), return those that must wait, each with the reason.

    ``wanted`` are all that the drifts ask for, resting ones too; ``busy`` the objects with an unfinished repair, and why; ``objects`` is
    how many the target has. Repairs under way count among the many.
    """
    ready, asked = list(alone), list(wanted)
    return _unexplained([each for each in ready if not cause_of(each)], busy, bounds, objects) + _in_turn(
        [each for each in ready if cause_of(each)], asked, histories, busy, bounds
    )


def cause_of(repair: PlannedRepair) -> str:
    """Return the cause that a repair's drifts share with others, "" = none is known."""
    return str(repair.proposal.facts.get(CAUSE) or "")


def _unexplained(alone: list[PlannedRepair], busy: Mapping[ObjectKey, str], bounds: Bounds, objects: int) -> list[Refused]:
    limit = bounds.many(objects)
    if not alone or len({each.proposal.object for each in alone} | set(busy)) < limit:
        return []
    message = f"{len(alone)} objects in one pass (limit {limit} of {objects}): look for a common cause"
    return [(each, ("too_many", message)) for each in alone]


def _in_turn(
    alone: list[PlannedRepair],
    wanted: list[PlannedRepair],
    histories: Mapping[ObjectKey, ObjectHistory],
    busy: Mapping[ObjectKey, str],
    bounds: Bounds,
) -> list[Refused]:
    failed: set[str] = set()
    spent: dict[str, int] = {}
    doubted: set[str] = set()
    for each in wanted:
        cause, history = cause_of(each), histories.get(each.proposal.object, ObjectHistory())
        if history.unverified:
            failed.add(cause)
        if each.proposal.object in busy:
            doubted.add(cause)
        spent[cause] = spent.get(cause, 0) + history.attempts
    free = "in_flight" not in busy.values()
    refused: list[Refused] = []
    for each in alone:
        cause = cause_of(each)
        if cause in failed and not histories.get(each.proposal.object, ObjectHistory()).unverified:
            refused.append((each, ("canary", REASONS["canary"])))
        elif spent[cause] >= bounds.attempts:
            message = f"{spent[cause]} attempts for one cause mended nothing (limit {bounds.attempts}): `retry` tries once more"
            refused.append((each, ("incident", message)))
        elif free and cause not in doubted:
            free = False
        else:
            refused.append((each, ("in_turn", REASONS["in_turn"])))
    return refused
