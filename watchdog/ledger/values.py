"""Frozen values to rows and back. JSON is compact, sorted and pure ASCII: equal values are equal text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from watchdog.model.approvals import Approval, ApprovalState, Holding
from watchdog.model.drifts import Drift, Episode, ObjectKey, Proposal, Scalar, Subject
from watchdog.model.repairs import Outcome, RepairRecord, RepairState, Risk


def pack(value: Any) -> str:
    """Return ``value`` as JSON text."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)


def unpack(text: str) -> Any:
    """Return what ``pack`` was given, tuples as lists."""
    return json.loads(text)


def digest(value: Any) -> str:
    """Return a short stable hash of ``value``: 20 hexadecimal digits."""
    return hashlib.sha256(pack(value).encode("ascii")).hexdigest()[:20]


def evidence_key(drift: Drift) -> str:
    """Return the hash of what both sides showed: an ignore holds only while it stays the same."""
    return digest(dict(drift.evidence))


def binding(drift_keys: tuple[str, ...], remedy: str, acted_on: ObjectKey, parameters: Mapping[str, Scalar]) -> str:
    """Return the hash of what an approval binds to (rule 10): never facts, ages or counters."""
    return digest([sorted(drift_keys), remedy, _object(acted_on), dict(parameters)])


def _object(key: ObjectKey) -> list[str]:
    return [key.panel, key.target, key.kind, key.id]


def pack_object(key: ObjectKey) -> str:
    """Return an object's key as JSON text (its ``str`` cannot be taken apart again)."""
    return pack(_object(key))


def unpack_object(text: str) -> ObjectKey:
    """Return the key of ``pack_object``."""
    return ObjectKey(*unpack(text))


def pack_drift(drift: Drift) -> str:
    """Return a drift as JSON text."""
    proposal = drift.proposal
    return pack({
        "kind": drift.kind, "panel": drift.panel, "target": drift.target,
        "subject": [drift.subject.kind, drift.subject.id, drift.subject.name],
        "truth": drift.truth, "belief": drift.belief, "evidence": dict(drift.evidence), "hold": drift.hold,
        "proposal": proposal and [proposal.remedy, _object(proposal.object), dict(proposal.parameters), dict(proposal.facts)],
    })  # fmt: skip


def unpack_drift(text: str) -> Drift:
    """Return the drift of ``pack_drift``."""
    found = unpack(text)
    proposal = found["proposal"]
    return Drift(
        found["kind"], found["panel"], found["target"], Subject(*found["subject"]), found["truth"], found["belief"], found["evidence"],
        proposal and Proposal(proposal[0], ObjectKey(*proposal[1]), proposal[2], proposal[3]), found["hold"],
    )  # fmt: skip


def episode(row: RowMapping, drift: Drift | None = None) -> Episode:
    """Return one row of ``episodes``; ``drift`` saves unpacking one that is at hand."""
    return Episode(
        id=row["id"], drift=drift or unpack_drift(row["drift"]), first_seen=row["first_seen"], last_seen=row["last_seen"],
        looks=row["looks"],
        looks_since=row["looks_since"], opened_at=row["opened_at"], closed_at=row["closed_at"], blind_since=row["blind_since"],
        baseline=row["baseline"], ignored_until=row["ignored_until"], ignore_reason=row["ignore_reason"], version=row["version"],
    )  # fmt: skip


def pack_outcome(outcome: Outcome) -> str:
    """Return an outcome as JSON text."""
    return pack([outcome.end, outcome.message, outcome.delay, list(outcome.sent)])


def _outcome(text: str | None) -> Outcome | None:
    if text is None:
        return None
    end, message, delay, sent = unpack(text)
    return Outcome(end, message, delay, tuple(sent))


def repair(row: RowMapping) -> RepairRecord:
    """Return one row of ``repairs``."""
    return RepairRecord(
        id=row["id"], object=unpack_object(row["object"]), remedy=row["remedy"], parameters=unpack(row["parameters"]),
        risk=Risk(row["risk"]),
        state=RepairState(row["state"]), drift_keys=tuple(unpack(row["drift_keys"])), requested_by=row["requested_by"],
        intended_at=row["intended_at"], acted_at=row["acted_at"], outcome_at=row["outcome_at"], verdict_at=row["verdict_at"],
        outcome=_outcome(row["outcome"]), message=row["message"], fence=row["fence"], version=row["version"],
    )  # fmt: skip


def approval(row: RowMapping) -> Approval:
    """Return one row of ``approvals``."""
    return Approval(
        id=row["id"], binding=row["binding"], target=row["target"], remedy=row["remedy"], object=unpack_object(row["object"]),
        parameters=unpack(row["parameters"]), drift_keys=tuple(unpack(row["drift_keys"])), risk=row["risk"],
        describes=tuple(unpack(row["describes"])), state=ApprovalState(row["state"]), requested_at=row["requested_at"],
        decided_at=row["decided_at"], decided_by=row["decided_by"], expires_at=row["expires_at"], version=row["version"],
    )  # fmt: skip


def holding(row: RowMapping) -> Holding:
    """Return one row of ``holdings``."""
    return Holding(
        id=row["id"], target=row["target"], what=row["what"], object=unpack_object(row["object"]), undo=row["undo"],
        parameters=unpack(row["parameters"]), created_at=row["created_at"], expires_at=row["expires_at"], released_at=row["released_at"],
    )  # fmt: skip
