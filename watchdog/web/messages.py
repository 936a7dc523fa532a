"""The JSON of whole answers and of orders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from watchdog.web.bodies import YEAR_10000, ApprovalBody, Body, DriftBody, PlanBody, RepairBody, TargetBody
from watchdog.web.records import HoldingBody, IgnoreBody


class StatusAnswer(Body):
    """GET /api/v1/status."""

    version: str
    healthy: bool
    ready: bool
    missing: tuple[str, ...]
    targets: tuple[TargetBody, ...]


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
