"""What the reconciler publishes about one target: one frozen value per pass, swapped as one reference, read by web, CLI and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from watchdog.model.approvals import Approval, BaselineState
from watchdog.model.drifts import DriftKind, DriftState, Episode, Subject, UnknownSubject
from watchdog.model.moments import Moment
from watchdog.model.pauses import Pause
from watchdog.model.places import Place
from watchdog.model.repairs import Mode, Plan, Remedy, RepairRecord, RepairState
from watchdog.model.trails import Stranger
from watchdog.reconciler.confirm import confirmed
from watchdog.reconciler.look import Look

PassResult = Literal["none", "judged", "blind", "no_ledger", "crashed"]
SubjectState = Literal["ok", "drift", "unknown", "ignored"]
SUBJECT_STATES: tuple[SubjectState, ...] = ("ok", "drift", "unknown", "ignored")


ConditionType = Literal["Reachable", "Placed", "Known", "InSync", "Repairing", "Paused", "LedgerReady", "Alone"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about a target.

    ``status`` None = cannot be said now; ``reason`` is one stable word; ``since`` is UNIX seconds of the last change of ``status``.
    """

    type: ConditionType
    status: bool | None
    reason: str
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """How one target stands after its newest pass. Times are UNIX seconds.

    ``up`` is whether the panel could be read (None = not tried yet); ``look`` is the last good reading (its ``view`` belongs to the panel's
    own metrics) and stays while the panel is down. ``unknown_since`` is by subject. ``in_flight`` are unfinished repairs, hung ones too.
    ``read_only`` is whether a newer program keeps the ledger: then ``ledger_error`` says so. ``passes`` counts the passes begun. ``pauses``
    are those that the newest judged pass obeyed. ``trail`` is whether the panel's audit trail could be read; ``stranger`` is the act in it
    that was done by our key and not by us, with its sentence.
    """

    panel: str
    target: str
    kinds: tuple[DriftKind, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    mode: Mode = Mode.APPROVE
    up: bool | None = None
    passes: int = 0
    last_pass_at: float | None = None
    last_judged_at: float | None = None
    last_result: PassResult = "none"
    error: str | None = None
    message: str | None = None
    ledger_error: str | None = None
    read_only: bool = False
    baseline: BaselineState = "none"
    place: Place | None = None
    subjects: Mapping[Subject, SubjectState] = field(default_factory=dict)
    unknown: tuple[UnknownSubject, ...] = ()
    unknown_since: Mapping[Subject, float] = field(default_factory=dict)
    episodes: tuple[tuple[Episode, DriftState], ...] = ()
    plan: Plan | None = None
    describes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    in_flight: tuple[RepairRecord, ...] = ()
    approvals: tuple[Approval, ...] = ()
    look: Look | None = None
    pauses: tuple[Pause, ...] = ()
    trail: Literal["none", "unread", "read"] = "none"
    stranger: Stranger | None = None
    stranger_says: str = ""
    conditions: tuple[Condition, ...] = ()

    def described(self, object_key: object) -> tuple[str, ...]:
        """Return what the planned repair of an object would send, one line each."""
        return self.describes.get(str(object_key), ())


def ignored(episode: Episode, wall: float) -> bool:
    """Whether a person's ignore holds for this episode at ``wall``."""
    return episode.ignore_reason is not None and (episode.ignored_until is None or wall < episode.ignored_until)


def drift_states(
    episodes: tuple[Episode, ...],
    kinds: Mapping[str, DriftKind],
    in_flight: tuple[RepairRecord, ...],
    approvals: tuple[Approval, ...],
    now: Moment,
) -> tuple[tuple[Episode, DriftState], ...]:
    """Given open episodes, return each with the one state that says most: unknown before ignored before baseline before repairing..."""
    acting = {key for record in in_flight for key in record.drift_keys if record.state is not RepairState.IN_DOUBT}
    waiting = {key for approval in approvals for key in approval.drift_keys}
    counted = {episode.id for episode in confirmed(episodes, kinds, now)}

    def state(episode: Episode) -> DriftState:
        key = episode.drift.key
        ranked = (
            (DriftState.UNKNOWN, episode.blind_since is not None),
            (DriftState.IGNORED, ignored(episode, now.wall)),
            (DriftState.BASELINE, episode.baseline),
            (DriftState.REPAIRING, key in acting),
            (DriftState.AWAITING_APPROVAL, key in waiting),
            (DriftState.OPEN, episode.opened_at is not None or episode.id in counted),
        )
        return next((name for name, holds in ranked if holds), DriftState.PENDING)

    return tuple((episode, state(episode)) for episode in episodes)


def subject_states(
    fine: tuple[Subject, ...], unknown: tuple[UnknownSubject, ...], episodes: tuple[tuple[Episode, DriftState], ...]
) -> dict[Subject, SubjectState]:
    """Return the state of each subject, the worst that is said of it: unknown before drift before ignored before ok."""
    states: dict[Subject, SubjectState] = dict.fromkeys(fine, "ok")
    for episode, state in episodes:
        if state is DriftState.IGNORED:
            states[episode.drift.subject] = "ignored"
    for episode, state in episodes:
        if state not in {DriftState.IGNORED, DriftState.UNKNOWN}:
            states[episode.drift.subject] = "drift"
        elif state is DriftState.UNKNOWN:
            states[episode.drift.subject] = "unknown"
    states.update({each.subject: "unknown" for each in unknown})
    return states
