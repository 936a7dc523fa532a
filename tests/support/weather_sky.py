"""One panel behind its weather: a bench for a real target, and what a test of the weather does with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.bench import Bench
from tests.support.panel import ToyWorld
from tests.support.weather import Weather
from watchdog.model.repairs import Mode
from watchdog.model.snapshots import Actual
from watchdog.reconciler.policy import Policy, Timing

INTERVAL = 15.0


class Sky(Bench):
    """A bench for a real target: what is true comes from the column."""

    def __init__(self, ledger: Any, panel: Any, target: Any, clock: Any, actual: Callable[[], Actual], needs: Any, policy: Policy) -> None:
        self._truth = actual
        super().__init__(ledger, world=ToyWorld(), target=target, panel=panel, policy=policy, clock=clock, needs=needs)

    def actual(self) -> Actual:
        return self._truth()


@dataclass
class Column:
    """``acts`` are the requests that change something, as the fake has heard them; ``natural`` are kinds that this weather itself is."""

    name: str
    weather: Weather
    bench: Any
    advance: Callable[[float], None]
    strike: Callable[[], None]
    mend: Callable[[], None]
    kind: str
    acts: Callable[[], int]
    secrets: tuple[str, ...]
    natural: frozenset[str] = frozenset()
    partial: bool = False
    """Whether the panel's view says itself what it could not read, so that the pass is judged all the same."""
    valid: frozenset[str] = frozenset()
    """Faults that are a true answer of this panel's."""
    limit: int = 8 << 20
    """Bytes that one answer may have."""

    stale: float = INTERVAL
    """Seconds after which all that the panel says is asked for anew."""

    @property
    def status(self) -> Any:
        return self.bench.reconciler.status

    def a_pass(self, seconds: float = INTERVAL) -> Any:
        """Let one interval go by and the pass happen; return the status."""
        passes = self.status.passes
        self.advance(seconds)
        self.step()
        assert self.status.passes > passes, f"{self.name}: no pass in one interval"
        return self.status

    def step(self) -> None:
        """Do what is due."""
        self.bench.reconciler.step()
        self.bench.runner.tend()

    def kinds(self) -> set[str]:
        """Return the kinds of the open drifts."""
        return {episode.drift.kind for episode, _ in self.status.episodes} - self.natural

    def episodes(self) -> set[tuple[str, float]]:
        """Return the open episodes: which, and since when."""
        found = self.bench.ledger.episodes(self.status.target)
        return {(each.drift.key, each.first_seen) for each in found if each.drift.kind not in self.natural}

    def acted(self) -> tuple[int, int]:
        """Return what has come to the panel that changes something, and how many repairs were begun."""
        return self.acts(), len(self.bench.ledger.repairs(self.status.target))


def policy(kind: str, panel: Any, **more: Mode) -> Policy:
    """Return a policy under which everything may act by itself but what stands as a drift anyhow."""
    allow = frozenset(remedy.name for remedy in panel.remedies)
    return Policy(mode=Mode.REPAIR, allow=allow, baseline="repair", kinds={kind: Mode.OBSERVE, **more}, timing=Timing(interval=INTERVAL))
