"""What a person decided: approvals, ignores, the baseline. And what we hold: leases and holdings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from watchdog.model.drifts import ObjectKey, Scalar


class ApprovalState(str, Enum):
    """Where a request for approval stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    USED = "used"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Approval:
    """A planned repair that waits for a person.

    It binds to (drift keys, remedy, object, parameters), never to ages and counters: ``binding`` is their hash. Times are UNIX seconds;
    an approval that is not used by ``expires_at`` is worth nothing. ``id`` is short, for typing.
    """

    id: str
    binding: str
    target: str
    remedy: str
    object: ObjectKey
    parameters: Mapping[str, Scalar]
    drift_keys: tuple[str, ...]
    risk: str
    describes: tuple[str, ...]
    state: ApprovalState
    requested_at: float
    decided_at: float | None = None
    decided_by: str | None = None
    expires_at: float | None = None
    version: int = 0


BaselineState = Literal["none", "taken", "accepted", "repair"]


@dataclass(frozen=True, slots=True)
class Ignore:
    """Drifts a person does not want to hear about: key or glob, until (UNIX seconds, None = until its evidence changes), reason."""

    id: int
    pattern: str
    reason: str
    until: float | None
    by: str
    created_at: float
    evidence_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act on one object. ``number`` is the fencing number: it only grows. Time is the database's clock."""

    object: str
    holder: str
    number: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A change we made outside that outlives us (rule 19), with its undo: a remedy name and parameters. Times are UNIX seconds."""

    id: int
    target: str
    what: str
    object: ObjectKey
    undo: str
    parameters: Mapping[str, Scalar]
    created_at: float
    expires_at: float | None = None
    released_at: float | None = None
