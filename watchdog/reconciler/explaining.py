"""Why a drift is there and what became of it: everything that this host knows of one drift key, put together for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from watchdog.errors import NotFound
from watchdog.model.approvals import Approval
from watchdog.model.drifts import DriftKind, DriftState, Episode
from watchdog.model.repairs import Held, PlannedRepair, Remedy, RepairRecord
from watchdog.reconciler.confirm import missing_looks, missing_seconds
from watchdog.reconciler.planner import REASONS
from watchdog.reconciler.status import TargetStatus

NEAR: Final = 8
"""How many keys an answer names when what was asked for is none or many."""


@dataclass(frozen=True, slots=True)
class Step:
    """One check between a drift and its repair, in the order in which they are made. ``passed`` None = it was not reached."""

    name: str
    passed: bool | None
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of one drift.

    ``episodes`` are its lives, the newest first (the first may still be open, then with ``state``); ``planned`` and ``sends`` are what the
    newest plan would do; ``steps`` are the checks of that plan; ``approvals`` and ``repairs`` concern any of its lives, the newest first.
    """

    key: str
    kind: DriftKind | None
    episodes: tuple[Episode, ...]
    state: DriftState | None
    remedy: Remedy | None
    planned: PlannedRepair | None
    sends: tuple[str, ...]
    steps: tuple[Step, ...]
    approvals: tuple[Approval, ...]
    repairs: tuple[RepairRecord, ...]


def meant(asked: str, keys: Iterable[str]) -> str:
    """Given what a person typed (a key, the end of one, or a glob), return the one key meant. Raises NotFound naming the near ones."""
    known = sorted(set(keys))
    if asked in known:
        return asked
    found = [key for key in known if key.endswith("/" + asked) or fnmatchcase(key, asked)] or [key for key in known if asked in key]
    if len(found) == 1:
        return found[0]
    near = ", ".join(found[:NEAR] or known[:NEAR]) or "none is on record"
    more = f" and {len(found) - NEAR} more" if len(found) > NEAR else ""
    raise NotFound(f"'{asked}' is {'no drift' if not found else 'not one drift'} on record; name one of: {near}{more}")


def explain(
    key: str, episodes: Iterable[Episode], status: TargetStatus | None, approvals: Iterable[Approval], repairs: Iterable[RepairRecord]
) -> Explanation:
    """Put together what is known of the drift ``key``. ``status`` is its target's newest (None = not configured any more)."""
    lives = sorted((each for each in episodes if each.drift.key == key), key=lambda each: -each.id)
    now = _now(status, key)
    if now is not None:
        lives = [now[0], *(each for each in lives if each.id != now[0].id)]
    drift = lives[0].drift
    kinds = {each.name: each for each in status.kinds} if status else {}
    remedies = {each.name: each for each in status.remedies} if status else {}
    planned = _planned(status, key)
    return Explanation(
        key,
        kinds.get(drift.kind),
        tuple(lives),
        now[1] if now is not None else None,
        remedies.get(drift.proposal.remedy) if drift.proposal else None,
        planned,
        status.described(planned.proposal.object) if status and planned else (),
        _steps(status, now[0], key) if status is not None and now is not None else (),
        tuple(sorted((each for each in approvals if key in each.drift_keys), key=lambda each: -each.requested_at)),
        tuple(sorted((each for each in repairs if key in each.drift_keys), key=lambda each: -each.id)),
    )


def _now(status: TargetStatus | None, key: str) -> tuple[Episode, DriftState] | None:
    return next((each for each in (status.episodes if status else ()) if each[0].drift.key == key), None)


def _planned(status: TargetStatus | None, key: str) -> PlannedRepair | None:
    plan = status.plan if status else None
    return next((each for each in (plan.repairs if plan else ()) if key in each.drift_keys), None)


def _steps(status: TargetStatus, episode: Episode, key: str) -> tuple[Step, ...]:
    """Return the checks of the newest plan in order: those before the one that held the drift were passed, those after it not reached."""
    first = _confirmed(status, episode)
    held = next((each for each in (status.plan.held if status.plan else ()) if each.drift_key == key), None)
    planned = _planned(status, key) is not None
    if not first.passed or (held is None and not planned):
        return (first, *(Step(name, None, text) for name, text in REASONS.items()))
    return (first, *_ladder(held))


def _ladder(held: Held | None) -> Iterable[Step]:
    reached = True
    for name, text in REASONS.items():
        if held is not None and name == held.reason:
            yield Step(name, False, held.message)
            reached = False
        else:
            yield Step(name, True if reached else None, text)


def _confirmed(status: TargetStatus, episode: Episode) -> Step:
    if episode.blind_since is not None:
        return Step("confirmed", False, "its subject cannot be judged now: Unknown is never acted on")
    if episode.opened_at is not None:
        return Step("confirmed", True, f"seen in {episode.looks} looks")
    kinds = {each.name: each for each in status.kinds}
    at = status.look.began if status.look is not None else None
    seconds = missing_seconds(episode, kinds, at) if at is not None else 0.0
    return Step("confirmed", False, f"{missing_looks(episode, kinds)} looks or {seconds:.0f} s are missing until it counts")
