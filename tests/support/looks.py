"""Looks at a panel in simulated time, one every five seconds."""

from __future__ import annotations

from watchdog.model.drifts import Judgement
from watchdog.model.moments import Moment

LOOK = 5.0


class Looks:
    """What anything that can let time pass and look at a panel can do besides."""

    def moment(self) -> Moment:
        """Return the simulated now."""
        raise NotImplementedError

    def pass_by(self, seconds: float) -> None:
        """Let time pass without looking."""
        raise NotImplementedError

    def look(self) -> Judgement:
        """Judge this very moment and remember."""
        raise NotImplementedError

    def step(self, seconds: float = LOOK) -> Judgement:
        """Let time pass, a look every five seconds; return the last judgement."""
        judgement = Judgement()
        for _ in range(round(seconds / LOOK)):
            self.pass_by(LOOK)
            judgement = self.look()
        return judgement

    def settle(self) -> Judgement:
        """Look for so long that a panel in order is known to be in order."""
        return self.step(40.0)

    def until(self, kind: str, most: float = 300.0) -> float:
        """Step until a drift of this kind is found; return the seconds it took."""
        begun = self.moment()
        while self.moment().since(begun) < most:
            if kind in {drift.kind for drift in self.step().drifts}:
                return self.moment().since(begun)
        raise AssertionError(f"no {kind} within {most:.0f} s")
