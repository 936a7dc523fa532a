"""What the Acts of all panels' tests have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.errors import DeadlinePassed, LeaseLost
from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey, Scalar


@dataclass(kw_only=True)
class Counting:
    """Most of an Act: counts fences, keeps steps, and knows how many seconds are left. How it sleeps is each test's own affair."""

    left: float = 300.0
    steps: list[str] = field(default_factory=list)
    fences: int = 0
    lost: bool = False
    held: dict[int, Holding] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)

    def fence(self) -> None:
        self.fences += 1
        if self.lost:
            raise LeaseLost("somebody else has it")

    def step(self, name: str) -> None:
        self.steps.append(name)

    def spend(self, seconds: float) -> None:
        """Let so many of the seconds be gone."""
        if self.left <= 0:
            raise DeadlinePassed("time is up")
        self.left -= seconds

    def remaining(self) -> float:
        return self.left

    def hold(self, what: str, acted_on: ObjectKey, undo: str, parameters: Mapping[str, Scalar], expires_at: float | None = None) -> Holding:
        self.held[len(self.held) + 1] = made = Holding(
            len(self.held) + 1, acted_on.target, what, acted_on, undo, parameters, 0.0, expires_at
        )
        return made

    def release(self, holding_id: int) -> None:
        self.released.append(holding_id)
