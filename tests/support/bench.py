"""A workbench: one reconciler over the toy world, with a clock that moves only when told and repairs that run in the caller's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.panel import ToyPanel, ToyTarget, ToyWorld, actual_of
from watchdog.model.docker import Gate
from watchdog.model.needs import Needs
from watchdog.model.pauses import Pause, PauseFacts
from watchdog.model.repairs import Mode, RepairState
from watchdog.model.snapshots import Actual
from watchdog.reconciler.act import OnStep, no_step
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.policy import Policy
from watchdog.reconciler.runner import RepairRunner
from watchdog.runtime.clock import SimulatedClock

REPAIR = Policy(mode=Mode.REPAIR, allow=frozenset({"restart"}), baseline="repair")


class Recorder:
    """Instruments that keep everything, by name and labels."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], float] = {}

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        self.values[name, *labels] = self.values.get((name, *labels), 0.0) + by

    def set(self, name: str, *labels: str, value: float) -> None:
        self.values[name, *labels] = value

    def drop(self, name: str, *labels: str) -> None:
        self.values = {key: value for key, value in self.values.items() if key[: 1 + len(labels)] != (name, *labels)}

    def observe(self, name: str, *labels: str, value: float) -> None:
        self.count(name, *labels)


def inline(_name: str, work: Callable[[], None]) -> None:
    """Run at once, in the caller's thread."""
    work()


class Bench:
    """Everything wired as in the program; ``run`` lets simulated time pass."""

    def __init__(
        self,
        ledger: Any,
        *,
        world: ToyWorld | None = None,
        target: ToyTarget | None = None,
        policy: Policy = REPAIR,
        clock: Any = None,
        spawn: Callable[[str, Callable[[], None]], None] = inline,
        on_step: OnStep = no_step,
        holder: str | None = None,
        panel: Any = None,
        paused: Callable[[], tuple[Pause, ...]] = tuple,
        pause_facts: Callable[[], PauseFacts] = PauseFacts,
        needs: Needs | None = None,
    ) -> None:
        self.clock = clock or SimulatedClock()
        self.world = world or (target.world if target else ToyWorld())
        self.target = target or ToyTarget(self.world)
        self.ledger = ledger
        self.gate = True
        self.frozen: Actual | None = None
        self.instruments = Recorder()
        self.counts = RepairCounts(self.instruments)
        self.runner = RepairRunner(ledger, self.clock, self.counts, self.actual, on_step=on_step, spawn=spawn)
        self.reconciler = Reconciler(
            panel=panel or ToyPanel(), target=self.target, needs=needs or Needs(docker=True), policy=policy, ledger=ledger,
            runner=self.runner, counts=self.counts, clock=self.clock, instruments=self.instruments, actual=self.actual,
            holder=holder or holder_name(), spawn=spawn, paused=paused, pause_facts=pause_facts,
        )  # fmt: skip

    def actual(self) -> Actual:
        """The newest truth: read just now, unless a test froze it."""
        if self.frozen is not None:
            return replace(self.frozen, gate=Gate(open=self.gate))
        return actual_of(self.world, self.clock.now(), gate=self.gate)

    def freeze(self) -> None:
        """Let the collector stop: the truth grows old from now on."""
        self.frozen = actual_of(self.world, self.clock.now(), gate=self.gate)

    @property
    def status(self) -> Any:
        return self.reconciler.status

    def step(self) -> float:
        return self.reconciler.step()

    def run(self, seconds: float) -> None:
        """Let the loop and the tender live for ``seconds`` of simulated time."""
        until = self.clock.now().mono + seconds
        while self.clock.now().mono < until:
            rest = self.reconciler.step()
            self.runner.tend()
            self.clock.advance(min(rest, max(0.0, until - self.clock.now().mono) + 1e-6))

    def states(self) -> list[str]:
        """The states of all repairs, oldest first."""
        return [record.state.value for record in reversed(self.ledger.repairs(self.target.name))]

    def held(self) -> dict[str, str]:
        """Why each drift is held, by the subject's id."""
        return {each.drift_key.rsplit("/", 1)[1]: each.reason for each in self.status.plan.held}

    def shown(self) -> dict[str, str]:
        """The state of each open drift, by the subject's id."""
        return {episode.drift.subject.id: state.value for episode, state in self.status.episodes}

    def count(self, name: str, *labels: str) -> float:
        return self.instruments.values.get((name, *labels), 0.0)


ENDED = {RepairState.VERIFIED, RepairState.UNVERIFIED, RepairState.LATER, RepairState.GAVE_UP}
