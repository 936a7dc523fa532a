"""What an alert asked for, held against what the newest pass published. Pure.

An alert gives no right: the pass plans by drifts alone, and every guard stands. What asking adds is the pass at once, and an answer.
"""

from __future__ import annotations

from typing import Final, Literal

from watchdog.model.alarms import Ask
from watchdog.model.repairs import RepairRecord
from watchdog.reconciler.status import TargetStatus

Answer = Literal["looked", "begun", "waits", "held", "no_drift", "unknown"]
ANSWERS: Final[tuple[Answer, ...]] = ("looked", "begun", "waits", "held", "no_drift", "unknown")


def answer_to(ask: Ask, status: TargetStatus) -> tuple[Answer, str]:
    """Return how a target stands to what was asked of it, and one sentence.

    ``looked`` = only a look was asked for; ``begun`` = the repair is under way; ``waits`` = for an approval; ``held`` = by a guard, which
    the sentence names; ``no_drift`` = nothing that we see asks for this remedy; ``unknown`` = the panel has no such kind or remedy.
    """
    if ask.kind and ask.kind not in {kind.name for kind in status.kinds}:
        return "unknown", f"{status.panel} has no kind of drift called '{ask.kind}'"
    if not ask.remedy:
        return "looked", "the target was looked at"
    if ask.remedy not in {remedy.name for remedy in status.remedies}:
        return "unknown", f"{status.panel} has no remedy called '{ask.remedy}'"
    for record in status.in_flight:
        if record.remedy == ask.remedy and _of_kind(ask, record.drift_keys):
            return "begun", f"repair {record.id} is under way"
    for approval in status.approvals:
        if (approval.remedy, approval.state.value) == (ask.remedy, "waiting") and _of_kind(ask, approval.drift_keys):
            return "waits", f"it waits for an approval: panel-watchdog approve {approval.id}"
    return _not_begun(ask, status)


def asks_for(ask: Ask, record: RepairRecord) -> bool:
    """Whether an ask is for this very repair: by its remedy, or by the kind of a drift that it would end. A target alone is not enough."""
    named = bool(ask.remedy or ask.kind) and ask.target == record.object.target
    return named and ask.remedy in {"", record.remedy} and _of_kind(ask, record.drift_keys)


def _not_begun(ask: Ask, status: TargetStatus) -> tuple[Answer, str]:
    keys = {
        episode.drift.key: episode.drift
        for episode, _ in status.episodes
        if episode.drift.proposal is not None and episode.drift.proposal.remedy == ask.remedy and _of_kind(ask, (episode.drift.key,))
    }
    if not keys:
        return "no_drift", "no drift that we see asks for this remedy"
    held = next((each for each in status.plan.held if each.drift_key in keys), None) if status.plan is not None else None
    if held is not None:
        return "held", f"{held.reason}: {held.message}"
    return "held", f"mode {status.mode.value}, or the drift is not confirmed yet: see `panel-watchdog plan {status.target}`"


def _of_kind(ask: Ask, drift_keys: tuple[str, ...]) -> bool:
    return not ask.kind or any(key.split("/", 3)[2] == ask.kind for key in drift_keys)
