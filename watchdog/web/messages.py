"""The JSON of whole answers and of orders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from watchdog.model.pauses import PauseCheck, PauseOrder
from watchdog.web.bodies import YEAR_10000, ApprovalBody, Body, DriftBody, PauseBody, RepairBody
from watchdog.web.records import HoldingBody, IgnoreBody
from watchdog.web.targets import PlanBody, TargetBody


class StatusAnswer(Body):
    """GET /api/v1/status."""

    version: str
    healthy: bool
    ready: bool
    missing: tuple[str, ...]
    targets: tuple[TargetBody, ...]


class HealthAnswer(Body):
    """GET /-/healthy and /-/ready: 200 when ``ok``, else 503."""

    ok: bool
    missing: tuple[str, ...]


class DriftsAnswer(Body):
    """GET /api/v1/drifts and /api/v1/history."""

    drifts: tuple[DriftBody, ...]


class PlansAnswer(Body):
    """GET /api/v1/plans."""

    plans: tuple[PlanBody, ...]
    approvals: tuple[ApprovalBody, ...]


class RepairsAnswer(Body):
    """GET /api/v1/repairs."""

    repairs: tuple[RepairBody, ...]


class IgnoresAnswer(Body):
    """GET /api/v1/ignores."""

    ignores: tuple[IgnoreBody, ...]


class HoldingsAnswer(Body):
    """GET /api/v1/holdings."""

    holdings: tuple[HoldingBody, ...]


class ReleaseAnswer(Body):
    """POST /api/v1/holdings/N/release. ``undone`` false = only marked; ``message`` says what was done, or what is left to do by hand."""

    holding: HoldingBody
    undone: bool
    message: str


class Count(Body):
    """How many things an order touched."""

    count: int


class ReloadAnswer(Body):
    """POST /-/reload: what changed, one line each."""

    changes: tuple[str, ...]


Who = Annotated[str | None, Field(max_length=100)]
Word = Annotated[str, Field(min_length=1, max_length=1000)]


class By(Body):
    """An order that needs nothing but a name for the record."""

    who: Who = None


class IgnoreOrder(By):
    """POST /api/v1/ignores. ``until`` is UNIX seconds; None = until the evidence changes."""

    pattern: Word
    reason: Word
    until: float | None = Field(default=None, gt=0, lt=YEAR_10000)


class BaselineOrder(By):
    """POST /api/v1/targets/NAME/baseline."""

    what: Literal["accept", "repair"]


class RetryOrder(By):
    """POST /api/v1/targets/NAME/retry. ``drift`` is the key of a drift."""

    drift: Word


LONGEST_PAUSE = 10 * 366 * 86400.0


class PausesAnswer(Body):
    """GET /api/v1/pauses."""

    pauses: tuple[PauseBody, ...]


class PauseCheckAnswer(Body):
    """GET /api/v1/targets/NAME/pauses/check."""

    target: str
    ok: bool
    well: tuple[str, ...]
    wrong: tuple[str, ...]

    @classmethod
    def of(cls, check: PauseCheck) -> PauseCheckAnswer:
        """Return the body of ``check``."""
        return cls(target=check.target, ok=not check.wrong, well=check.well, wrong=check.wrong)


class PauseTerms(By):
    """POST /api/v1/pauses. ``until`` is UNIX seconds, ``seconds`` a length; neither = until further notice."""

    target: Word
    reason: Word
    task: str = Field(default="", max_length=1000)
    until: float | None = Field(default=None, gt=0, lt=YEAR_10000)
    seconds: float | None = Field(default=None, gt=0, le=LONGEST_PAUSE)

    def order(self, who: str) -> PauseOrder:
        """Return what is asked for."""
        return PauseOrder(self.target, self.reason, who, self.task, "person", self.until, self.seconds)


class PauseChange(PauseTerms):
    """PUT /api/v1/pauses/ID: the new terms of the pause that had ``version`` when it was read."""

    version: int = Field(ge=1)


class ResumeOrder(By):
    """POST /api/v1/pauses/ID/resume. ``version`` is the one that was read; None = whatever it is now."""

    version: int | None = Field(default=None, ge=1)
