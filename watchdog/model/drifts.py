"""The difference between what a panel believes and what is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Scalar = str | int | float | bool | None
Memory = Mapping[str, Scalar]

Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """The thing a repair acts on: leases, cooldowns, attempts and budgets belong to it (rule 5).

    ``kind`` is the panel's word (instance, daemon, panel, archive, container); ``id`` is unique within (panel, target, kind).
    """

    panel: str
    target: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.panel}/{self.target}/{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class Subject:
    """The thing a drift is about. ``id`` is stable over restarts; ``name`` is what the panel shows to a person."""

    kind: str
    id: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a pure rule proposes against a drift: one named remedy on one object, with its parameters.

    ``facts`` are what the remedy's risk depends on (versions, flags, how many others are touched); they are not part of what an
    approval binds to.
    """

    remedy: str
    object: ObjectKey
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    facts: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference, found by a pure rule.

    ``truth`` and ``belief`` are one short phrase each; ``evidence`` is what both sides showed (no secrets, no counters that move each
    look: an ignore is bound to it by ``evidence_key``). ``proposal`` is None when only a person can help; ``hold`` then, or when the rule
    waits for something, says why in one sentence.
    """

    kind: str
    panel: str
    target: str
    subject: Subject
    truth: str
    belief: str
    evidence: Mapping[str, Scalar] = field(default_factory=dict)
    proposal: Proposal | None = None
    hold: str | None = None

    @property
    def key(self) -> str:
        """Return the stable key of this drift: ``panel/target/kind/subject kind/subject id``."""
        return f"{self.panel}/{self.target}/{self.kind}/{self.subject}"


@dataclass(frozen=True, slots=True)
class UnknownSubject:
    """A subject that could not be judged. ``reason`` is a short stable word, ``message`` is for a person."""

    subject: Subject
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that one detect() says: drifts sorted by key, unknown subjects, subjects found in order, and what to remember.

    ``memory`` replaces the target's memory in the ledger and comes back in the next ``Facts``: it is how a pure rule knows that
    ``started`` fell or since when a status stands. ``again`` is in how many seconds the target wants its next pass at the latest.
    """

    drifts: tuple[Drift, ...] = ()
    unknown: tuple[UnknownSubject, ...] = ()
    fine: tuple[Subject, ...] = ()
    memory: Memory = field(default_factory=dict)
    again: float | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """How often and how long a drift must be seen before it counts: at least ``looks`` looks over at least ``seconds``."""

    looks: int = 2
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class DriftKind:
    """One row of a panel's drift table. ``help`` is one sentence for documents and alerts."""

    name: str
    help: str
    severity: Severity = "warning"
    confirm: Confirm = Confirm()


class DriftState(str, Enum):
    """Where a drift stands; the ``state`` label of ``watchdog_drifts``."""

    PENDING = "pending"
    OPEN = "open"
    AWAITING_APPROVAL = "awaiting_approval"
    REPAIRING = "repairing"
    BASELINE = "baseline"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Episode:
    """One drift over time, as the ledger keeps it: from ``first_seen`` until ``closed_at`` (UNIX seconds), and how often seen in a row.

    ``looks`` and ``looks_since`` restart when the drift was not seen or its subject was unknown in between. ``blind_since`` is set
    while the subject cannot be judged. ``opened_at`` is when it was confirmed, None before.
    """

    id: int
    drift: Drift
    first_seen: float
    last_seen: float
    looks: int
    looks_since: float
    opened_at: float | None = None
    closed_at: float | None = None
    blind_since: float | None = None
    baseline: bool = False
    ignored_until: float | None = None
    ignore_reason: str | None = None
    version: int = 0
