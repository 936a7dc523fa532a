"""How a target stands in a handful of words, as Kubernetes says it: type, status, reason, message, since. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchdog.model.drifts import DriftState
from watchdog.reconciler.status import Condition, ConditionType, TargetStatus

TYPES: Final[tuple[ConditionType, ...]] = ("Reachable", "Placed", "Known", "InSync", "Repairing", "Paused", "LedgerReady", "Alone")
OUT_OF_SYNC: Final = (DriftState.OPEN, DriftState.AWAITING_APPROVAL, DriftState.REPAIRING)


def conditions(status: TargetStatus, before: Iterable[Condition], now: float) -> tuple[Condition, ...]:
    """Given what the newest pass published and the conditions before it, return them anew; ``since`` stays where the status did."""
    known = {each.type: each for each in before}
    made = []
    for kind, (holds, reason, message) in zip(TYPES, _statements(status), strict=True):
        old = known.get(kind)
        since = old.since if old is not None and old.status is holds else now
        made.append(Condition(kind, holds, reason, message, since))
    return tuple(made)


def _statements(status: TargetStatus) -> tuple[tuple[bool | None, str, str], ...]:
    """Return (status, reason, message) of each type, in the order of TYPES."""
    return (
        _reachable(status), _placed(status), _known(status), _in_sync(status), _repairing(status), _paused(status), _ledger(status),
        _alone(status),
    )  # fmt: skip


def _reachable(status: TargetStatus) -> tuple[bool | None, str, str]:
    if status.up is None:
        return None, "NotTried", "no look has ended yet"
    return (True, "Answers", "") if status.up else (False, status.error or "Unreachable", status.message or "")


def _placed(status: TargetStatus) -> tuple[bool | None, str, str]:
    if status.place is None:
        return None, "NotTried", "no look has ended yet"
    return (True, "Proven", status.place.proof) if status.place.proven else (False, "NoProof", "it is not proven where its subjects are")


def _known(status: TargetStatus) -> tuple[bool | None, str, str]:
    if status.last_judged_at is None:
        return None, "NotTried", "no look has been judged yet"
    unknown = sum(state == "unknown" for state in status.subjects.values())
    return (False, "SubjectsUnknown", f"{unknown} of {len(status.subjects)} subjects cannot be judged") if unknown else (True, "Judged", "")


def _in_sync(status: TargetStatus) -> tuple[bool | None, str, str]:
    if not status.up or status.last_judged_at is None:
        return None, "NotKnown", "it cannot be said while the panel cannot be read"
    count = {state: sum(each is state for _, each in status.episodes) for state in DriftState}
    open_ones = sum(count[state] for state in OUT_OF_SYNC)
    if open_ones:
        return False, "Drifts", f"{open_ones} drifts are open"
    if count[DriftState.UNKNOWN]:
        return None, "NotKnown", f"{count[DriftState.UNKNOWN]} drifts cannot be looked at now"
    left = ", ".join(
        f"{count[state]} {state.value}" for state in (DriftState.BASELINE, DriftState.IGNORED, DriftState.PENDING) if count[state]
    )
    return True, "NoDrifts", f"besides {left}" if left else ""


def _repairing(status: TargetStatus) -> tuple[bool | None, str, str]:
    doubt = sum(each.state.value == "in_doubt" for each in status.in_flight)
    if doubt:
        return True, "InDoubt", f"{doubt} repairs hung or died and are looked at again"
    return (True, "InFlight", f"{len(status.in_flight)} repairs have no verdict yet") if status.in_flight else (False, "Idle", "")


def _paused(status: TargetStatus) -> tuple[bool | None, str, str]:
    if not status.pauses:
        return False, "NoPause", ""
    first = status.pauses[0]
    return True, f"By{first.source.title()}", f"pause {first.id} by {first.by}: {first.reason}"


def _ledger(status: TargetStatus) -> tuple[bool | None, str, str]:
    if not status.ledger_error:
        return True, "Writable", ""
    return False, "ReadOnly" if status.read_only else "Unavailable", status.ledger_error


def _alone(status: TargetStatus) -> tuple[bool | None, str, str]:
    if status.stranger is not None:
        return False, "SecondInstallation", status.stranger_says
    if status.trail == "none":
        return None, "NoTrail", "this panel keeps no audit trail that tells who acted"
    return (True, "OnlyOurActs", "") if status.trail == "read" else (None, "TrailUnread", "the panel's audit trail cannot be read")
