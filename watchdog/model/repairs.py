"""Mending: remedies, plans, outcomes, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey, Proposal, Scalar
from watchdog.model.pauses import Pause, StandingPause
from watchdog.model.snapshots import Actual


class Mode(str, Enum):
    """What the operator allows on a target: look, ask, or act."""

    OBSERVE = "observe"
    APPROVE = "approve"
    REPAIR = "repair"


class Risk(str, Enum):
    """The worst a remedy can do to anything it touches."""

    SAFE = "safe"
    DISRUPTIVE = "disruptive"
    DESTRUCTIVE = "destructive"


@dataclass(frozen=True, slots=True)
class Settle:
    """Seconds after a repair: verified when the drift is gone after ``min``, unverified only after ``max``."""

    min: float = 5.0
    max: float = 60.0


@dataclass(frozen=True, slots=True)
class Remedy:
    """One named way of mending, declared in a table.

    ``risk`` is a pure function of a proposal's facts (an unknown version counts as destructive). ``deadline`` bounds one run in seconds;
    ``cooldown`` is the least time between two runs on one object; ``needs_docker`` closes it while the Docker gate is shut.

    An ``ordered`` one carries out what a person asked for through us (a pause, its renewal, its end): it needs no approval, and no pause,
    baseline, budget or count of attempts holds it; after an attempt it rests for 1, 2, 4 ... 60 s. Only the mode ``observe`` does.

    ``leaves`` are kinds of drift that it leaves on its subject by its nature, and that do not speak against it: an aborted run was stopped.
    """

    name: str
    help: str
    risk: Callable[[Mapping[str, Scalar]], Risk]
    settle: Settle = Settle()
    deadline: float = 120.0
    cooldown: float = 60.0
    needs_docker: bool = True
    ordered: bool = False
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRepair:
    """One repair of a plan: a remedy on an object, for all the drifts (keys, sorted) that it would end."""

    proposal: Proposal
    risk: Risk
    drift_keys: tuple[str, ...]
    needs_approval: bool = False
    approval_id: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Why a confirmed drift is not being repaired now. ``reason`` is a short stable word, ``message`` one sentence."""

    drift_key: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass would do: repairs in order, and every confirmed drift it leaves alone with the reason."""

    target: str
    repairs: tuple[PlannedRepair, ...] = ()
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of a remedy ended: done, later(delay) or gave up. ``sent`` lists what was sent, in order, for the record."""

    end: Literal["done", "later", "gave_up"]
    message: str = ""
    delay: float | None = None
    sent: tuple[str, ...] = ()

    @classmethod
    def done(cls, message: str = "", sent: tuple[str, ...] = ()) -> Outcome:
        """Return the outcome of a remedy that did what it should; proof comes from the fresh look."""
        return cls("done", message, None, sent)

    @classmethod
    def later(cls, delay: float, message: str = "", sent: tuple[str, ...] = ()) -> Outcome:
        """Return the outcome of a remedy that should be tried again after ``delay`` seconds."""
        return cls("later", message, delay, sent)

    @classmethod
    def gave_up(cls, message: str, sent: tuple[str, ...] = ()) -> Outcome:
        """Return the outcome of a remedy that found a reason never to act."""
        return cls("gave_up", message, None, sent)


class Verdict(str, Enum):
    """What the fresh look said after a repair."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"


class RepairState(str, Enum):
    """Where a repair stands in the ledger. ``in_doubt``: it hung or we died; its object stays leased and it is never replaced."""

    INTENDED = "intended"
    ACTING = "acting"
    SETTLING = "settling"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    LATER = "later"
    GAVE_UP = "gave_up"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class RepairRecord:
    """One row of the record of repairs. Times are UNIX seconds; ``version`` is for compare-and-set."""

    id: int
    object: ObjectKey
    remedy: str
    parameters: Mapping[str, Scalar]
    risk: Risk
    state: RepairState
    drift_keys: tuple[str, ...]
    requested_by: str
    intended_at: float
    acted_at: float | None = None
    outcome_at: float | None = None
    verdict_at: float | None = None
    outcome: Outcome | None = None
    message: str = ""
    fence: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class ObjectHistory:
    """What was done to one object before: attempts since it was last found in order, times in UNIX seconds."""

    attempts: int = 0
    unverified: int = 0
    last_attempt_at: float | None = None
    last_verified_at: float | None = None
    not_before: float | None = None
    attempts_last_hour: int = 0


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What pure rules may know of the past: the target's memory, the history of each object, what we hold of the target's, and its pauses.

    ``pauses`` stand, the oldest first; ``ended_pauses`` stood before, the newest first and not all of them.
    """

    memory: Mapping[str, Scalar] = field(default_factory=dict)
    history: Mapping[ObjectKey, ObjectHistory] = field(default_factory=dict)
    last_remedy_at: Mapping[tuple[str, ObjectKey], float] = field(default_factory=dict)
    holdings: tuple[Holding, ...] = ()
    pauses: tuple[StandingPause, ...] = ()
    ended_pauses: tuple[Pause, ...] = ()


class Act(Protocol):
    """What a running remedy is given besides its own clients."""

    def fence(self) -> None:
        """Prove that we still own the object. Call last before each send. Raises LeaseLost or Stopping."""
        ...

    def step(self, name: str) -> None:
        """Mark a step boundary (recorded in the ledger's repair row; the crash harness kills here)."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, interruptibly. Raises Stopping when the program ends and DeadlinePassed when the repair's time is up."""
        ...

    def remaining(self) -> float:
        """Return the seconds left until the repair's deadline; a request's own deadline must be shorter."""
        ...

    def actual(self) -> Actual:
        """Return the newest truth (memory only)."""
        ...

    def hold(self, what: str, acted_on: ObjectKey, undo: str, parameters: Mapping[str, Scalar], expires_at: float | None = None) -> Holding:
        """Record a change that will outlive us, *before* it is made (rule 19). Raises LedgerUnavailable: then do not make it.

        What is held already (same ``what``, same object) keeps its first undo; only its expiry (UNIX seconds) is renewed.
        """
        ...

    def release(self, holding_id: int) -> None:
        """Mark a holding undone, *after* it was. One that is not held any more is fine. Raises LedgerUnavailable."""
        ...
