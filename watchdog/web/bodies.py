"""The facts in the JSON of the API. Field names are stable; times are given as UNIX seconds and as RFC 3339."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from watchdog.model.approvals import Approval
from watchdog.model.drifts import DriftKind, Episode, ObjectKey, Scalar, Subject
from watchdog.model.pauses import Pause
from watchdog.model.repairs import RepairRecord

YEAR_10000 = 253402300800.0


class Body(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Time(Body):
    """One moment, twice."""

    unix: float
    rfc3339: str

    @classmethod
    def of(cls, seconds: float | None) -> Time | None:
        """Given UNIX seconds or None, return both forms or None (also for a moment that no calendar has)."""
        if seconds is None or not 0 <= seconds < YEAR_10000:
            return None
        text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return cls(unix=seconds, rfc3339=text)


class ObjectBody(Body):
    """What a repair acts on."""

    key: str
    panel: str
    target: str
    kind: str
    id: str

    @classmethod
    def of(cls, key: ObjectKey) -> ObjectBody:
        """Return the body of ``key``."""
        return cls(key=str(key), panel=key.panel, target=key.target, kind=key.kind, id=key.id)


class SubjectBody(Body):
    """What a drift is about."""

    kind: str
    id: str
    name: str

    @classmethod
    def of(cls, subject: Subject) -> SubjectBody:
        """Return the body of ``subject``."""
        return cls(kind=subject.kind, id=subject.id, name=subject.name)


class DriftBody(Body):
    """One drift over time. ``state`` is None for closed ones."""

    key: str
    panel: str
    target: str
    kind: str
    severity: str | None
    subject: SubjectBody
    state: str | None
    truth: str
    belief: str
    evidence: Mapping[str, Scalar]
    remedy: str | None
    hold: str | None
    looks: int
    baseline: bool
    first_seen: Time | None
    last_seen: Time | None
    opened: Time | None
    closed: Time | None
    blind_since: Time | None
    ignored_until: Time | None
    ignore_reason: str | None

    @classmethod
    def of(cls, episode: Episode, state: str | None = None, kinds: Mapping[str, DriftKind] | None = None) -> DriftBody:
        """Return the body of ``episode``; ``kinds`` tell the severity."""
        drift = episode.drift
        kind = (kinds or {}).get(drift.kind)
        return cls(
            key=drift.key,
            panel=drift.panel,
            target=drift.target,
            kind=drift.kind,
            severity=kind.severity if kind else None,
            subject=SubjectBody.of(drift.subject),
            state=state,
            truth=drift.truth,
            belief=drift.belief,
            evidence=dict(drift.evidence),
            remedy=drift.proposal.remedy if drift.proposal else None,
            hold=drift.hold,
            looks=episode.looks,
            baseline=episode.baseline,
            first_seen=Time.of(episode.first_seen),
            last_seen=Time.of(episode.last_seen),
            opened=Time.of(episode.opened_at),
            closed=Time.of(episode.closed_at),
            blind_since=Time.of(episode.blind_since),
            ignored_until=Time.of(episode.ignored_until),
            ignore_reason=episode.ignore_reason,
        )


class UnknownBody(Body):
    """One subject that could not be judged."""

    subject: SubjectBody
    reason: str
    message: str
    since: Time | None


class RepairBody(Body):
    """One row of the record of repairs."""

    id: int
    object: ObjectBody
    remedy: str
    parameters: Mapping[str, Scalar]
    risk: str
    state: str
    drift_keys: tuple[str, ...]
    requested_by: str
    message: str
    outcome: str | None
    outcome_message: str | None
    sent: tuple[str, ...]
    intended: Time | None
    acted: Time | None
    outcome_at: Time | None
    verdict_at: Time | None

    @classmethod
    def of(cls, record: RepairRecord) -> RepairBody:
        """Return the body of ``record``."""
        outcome = record.outcome
        return cls(
            id=record.id,
            object=ObjectBody.of(record.object),
            remedy=record.remedy,
            parameters=dict(record.parameters),
            risk=record.risk.value,
            state=record.state.value,
            drift_keys=record.drift_keys,
            requested_by=record.requested_by,
            message=record.message,
            outcome=outcome.end if outcome else None,
            outcome_message=outcome.message if outcome else None,
            sent=outcome.sent if outcome else (),
            intended=Time.of(record.intended_at),
            acted=Time.of(record.acted_at),
            outcome_at=Time.of(record.outcome_at),
            verdict_at=Time.of(record.verdict_at),
        )


class ApprovalBody(Body):
    """One planned repair that waits for a person, or did."""

    id: str
    target: str
    remedy: str
    object: ObjectBody
    parameters: Mapping[str, Scalar]
    drift_keys: tuple[str, ...]
    risk: str
    sends: tuple[str, ...]
    state: str
    requested: Time | None
    decided: Time | None
    decided_by: str | None
    expires: Time | None

    @classmethod
    def of(cls, approval: Approval) -> ApprovalBody:
        """Return the body of ``approval``."""
        return cls(
            id=approval.id,
            target=approval.target,
            remedy=approval.remedy,
            object=ObjectBody.of(approval.object),
            parameters=dict(approval.parameters),
            drift_keys=approval.drift_keys,
            risk=approval.risk,
            sends=approval.describes,
            state=approval.state.value,
            requested=Time.of(approval.requested_at),
            decided=Time.of(approval.decided_at),
            decided_by=approval.decided_by,
            expires=Time.of(approval.expires_at),
        )


class PauseBody(Body):
    """One pause. ``until`` is None for one until further notice, ``ended`` while it stands; ``seconds`` is its length if it has one."""

    id: int
    version: int
    target: str
    task: str
    source: str
    reason: str
    by: str
    created: Time | None
    until: Time | None
    seconds: float | None
    ended: Time | None
    end: str | None
    ended_by: str | None

    @classmethod
    def of(cls, pause: Pause) -> PauseBody:
        """Return the body of ``pause``."""
        return cls(
            id=pause.id,
            version=pause.version,
            target=pause.target,
            task=pause.task,
            source=pause.source,
            reason=pause.reason,
            by=pause.by,
            created=Time.of(pause.created_at),
            until=Time.of(pause.until),
            seconds=pause.length,
            ended=Time.of(pause.ended_at),
            end=pause.end,
            ended_by=pause.ended_by,
        )
