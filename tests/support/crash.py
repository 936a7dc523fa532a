"""The crash-point harness: a real process with a real SQLite ledger dies by SIGKILL at every step boundary; its next life sets all right.

A panel brings one ``Row`` per remedy. The parent keeps the outside (``Row.outside``: a fake server, a world in a file) alive over all
lives; the child builds a ``Rig`` from the row's directory and runs the ordinary reconciler until it rests. A dry run tells the boundaries:
``admitted``, ``intended``, around each ``act.step``, ``acted``, ``outcome_written``, ``verdict_due``, ``verdict_written``.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support import nursery
from tests.support.ledger import ledger_at
from watchdog.model.approvals import ApprovalState
from watchdog.model.moments import Moment
from watchdog.model.needs import Needs
from watchdog.model.repairs import RepairState
from watchdog.model.snapshots import Actual
from watchdog.reconciler.act import OnStep
from watchdog.reconciler.policy import Policy

ROOT = Path(__file__).resolve().parents[2]
LIFE_SECONDS = 600
"""Real seconds that one life may take."""
PATIENCE = 7200.0
"""Seconds of the rig's clock after which a life that does not come to rest has failed."""


@dataclass
class Rig:
    """What one life of the child works with. ``speed`` 0 = simulated time; else the real clock runs that many times faster."""

    panel: Any
    target: Any
    actual: Callable[[Moment], Actual]
    policy: Policy
    needs: Needs = field(default_factory=lambda: Needs(docker=True))
    speed: float = 0.0
    rests: Callable[[Any], bool] | None = None
    """Whether a life may end, from the reconciler's status; None = when nothing is wrong and nothing under way."""
    approves: bool = False
    """Whether a person approves at once whatever waits."""
    life: Callable[[Any, OnStep], Any] | None = None
    """Given a ledger and the listener of boundaries, returns a life with ``turn()`` and ``reconciler``; None = a plain reconciler's."""


@dataclass(frozen=True)
class Row:
    """One line of the crash table.

    ``rig`` names a function ``module:name`` that takes the row's directory, in the child. ``outside`` opens the outside world in the
    parent. ``effects`` reads from outside what was ever done; the dry run's answer is what every crash must end with. ``check`` asserts the
    end state. ``tolerated`` names effects that may happen twice because they do nothing the second time.
    """

    name: str
    rig: str
    outside: Callable[[Path], AbstractContextManager[None]]
    effects: Callable[[Path], Sequence[Any]]
    check: Callable[[Path], None]
    tolerated: frozenset[Any] = frozenset()
    telling: str = ""
    """The boundary that tells most; "" = the last at which an effect stands without its record."""
    asks: bool = False
    """Whether an attempt that was intended and perhaps not carried out is left to a person."""

    @property
    def panel(self) -> str:
        """Whose remedy it is: the folder of the row."""
        return self.rig.partition(":")[0].split(".")[-2]

    @property
    def remedy(self) -> str:
        """The first word of its name; what follows tells the case."""
        return self.name.split()[0]


@dataclass(frozen=True)
class Result:
    """How one crash point ended: what the killed life had passed, attempts counted right after, the ends of all repairs, the effects."""

    passed: tuple[str, ...]
    attempts: int
    ends: tuple[str, ...]
    effects: tuple[Any, ...]

    @property
    def boundary(self) -> str:
        """Where it died."""
        return self.passed[-1]


def boundaries(row: Row, directory: Path) -> tuple[list[str], Sequence[Any]]:
    """Run the row once without a crash; return its step boundaries in order and the effects outside."""
    directory.mkdir(parents=True)
    with row.outside(directory):
        assert _life(row, directory) == 0, _log(directory)
        row.check(directory)
        return _marks(directory), list(row.effects(directory))


def crash_at(row: Row, directory: Path, number: int, again: int | None = None) -> Result:
    """Kill the first life at boundary ``number`` (and the second at its own ``again``), then live to rest; return what happened."""
    directory.mkdir(parents=True)
    with row.outside(directory):
        killed = _life(row, directory, number)
        assert killed == -signal.SIGKILL, f"life ended with {killed}: {_log(directory)}"
        passed, attempts = tuple(_marks(directory)), _attempts(directory)
        if again is not None:
            _life(row, directory, again)
        assert _life(row, directory) == 0, f"after a crash at {passed[-1]}: {_log(directory)}"
        row.check(directory)
        return Result(passed, attempts, _ends(directory), tuple(row.effects(directory)))


def _life(row: Row, directory: Path, kill_at: int | None = None) -> int:
    """Live once in a process of its own; return its exit code."""
    (directory / "marks").write_text("")
    return nursery.live(row.rig, directory, kill_at, LIFE_SECONDS)


def _marks(directory: Path) -> list[str]:
    return (directory / "marks").read_text().splitlines()


def _log(directory: Path) -> str:
    return (directory / "log").read_text()[-4000:]


def _ledger(directory: Path, clock: Any) -> Any:
    return ledger_at(directory / "ledger.sqlite3", clock)


def _attempts(directory: Path) -> int:
    clock = clock_of(directory, 0.0)
    ledger = _ledger(directory, clock)
    try:
        targets = {record.object.target for record in ledger.repairs()}
        return sum(h.attempts for target in targets for h in ledger.facts(target, clock.now().wall).history.values())
    finally:
        ledger.close()


def _ends(directory: Path) -> tuple[str, ...]:
    ledger = _ledger(directory, clock_of(directory, 0.0))
    try:
        return tuple(record.state.value for record in reversed(ledger.repairs()))
    finally:
        ledger.close()


class QuickClock:
    """The real clock, running faster; all processes of one directory share it, because it hangs on CLOCK_BOOTTIME."""

    def __init__(self, speed: float, origin: tuple[float, float]) -> None:
        from watchdog.runtime.clock import SystemClock  # noqa: PLC0415

        self._real = SystemClock()
        self._pace = (speed, origin[1], Moment(*origin))  # speed, since when in real seconds, and what this clock showed then

    def now(self) -> Moment:
        speed, since, origin = self._pace
        passed = (self._real.now().mono - since) * speed
        return Moment(origin.wall + passed, origin.mono + passed)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(max(0.0, seconds / self._pace[0]))

    def run_at(self, speed: float) -> None:
        """Go on at another speed from now; who waits already still waits for as long as the old speed said."""
        self._pace = (speed, self._real.now().mono, self.now())


def clock_of(directory: Path, speed: float) -> Any:
    """Return the clock of this directory, going on where the last life left it (3 s later, when simulated)."""
    from watchdog.runtime.clock import SimulatedClock, SystemClock  # noqa: PLC0415

    kept = directory / "clock"
    if speed:
        if not kept.exists():
            now = SystemClock().now()
            kept.write_text(json.dumps([now.wall, now.mono]))
        wall, mono = json.loads(kept.read_text())
        return QuickClock(speed, (wall, mono))
    wall, mono = json.loads(kept.read_text()) if kept.exists() else (1_800_000_000.0, 1_000.0)
    return SimulatedClock(wall + 3.0, mono + 3.0)


def one_life(rig_name: str, directory: Path, kill_at: int | None) -> int:
    """The child: run the reconciler until it rests, and die at boundary ``kill_at``."""
    module, _, name = rig_name.partition(":")
    rig: Rig = getattr(importlib.import_module(module), name)(directory)
    clock = clock_of(directory, rig.speed)
    ledger = _ledger(directory, clock)
    seen = 0

    def on_step(mark: str) -> None:
        nonlocal seen
        with (directory / "marks").open("a") as marks:
            marks.write(mark + "\n")
        if not rig.speed:
            (directory / "clock").write_text(json.dumps([clock.now().wall, clock.now().mono]))
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1

    turn, reconciler = _plain_life(rig, ledger, clock, on_step) if rig.life is None else _life_of(rig.life(ledger, on_step))
    until, quiet, passes = clock.now().mono + PATIENCE, 0, 0
    while clock.now().mono < until:
        rest = turn()
        for each in reconciler.status.approvals if rig.approves else ():
            if each.state is ApprovalState.WAITING:
                ledger.decide(each.id, ApprovalState.APPROVED, "ann", clock.now().wall)
        if not (rig.rests or _rests)(reconciler.status):
            quiet = 0
        elif reconciler.status.passes > passes:  # a step may come too early for a pass, and proves nothing then
            quiet += 1
        passes = reconciler.status.passes
        if quiet >= 2:
            ledger.close()
            return 0
        clock.wait(threading.Event(), rest)
    print("no rest:", reconciler.status, ledger.repairs(), file=sys.stderr)
    return 3


def _life_of(life: Any) -> tuple[Callable[[], float], Any]:
    return life.turn, life.reconciler


class Unhurried:
    """A panel whose remedies have ample time: a busy machine is no finding, and quick clocks make seconds of minutes."""

    def __init__(self, panel: Any) -> None:
        self._panel = panel
        self.remedies = tuple(replace(each, deadline=20 * each.deadline) for each in panel.remedies)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._panel, name)


def _plain_life(rig: Rig, ledger: Any, clock: Any, on_step: OnStep) -> tuple[Callable[[], float], Any]:
    from tests.support.bench import Recorder, inline  # noqa: PLC0415
    from watchdog.reconciler.adopt import holder_name  # noqa: PLC0415
    from watchdog.reconciler.counts import RepairCounts  # noqa: PLC0415
    from watchdog.reconciler.loop import Reconciler  # noqa: PLC0415
    from watchdog.reconciler.runner import RepairRunner  # noqa: PLC0415

    recorder = Recorder()
    counts = RepairCounts(recorder)
    counts.restore(ledger)
    runner = RepairRunner(ledger, clock, counts, lambda: rig.actual(clock.now()), on_step=on_step, spawn=inline)
    reconciler = Reconciler(
        panel=Unhurried(rig.panel), target=rig.target, needs=rig.needs, policy=rig.policy, ledger=ledger, runner=runner, counts=counts,
        clock=clock, instruments=recorder, actual=lambda: rig.actual(clock.now()), holder=holder_name(), spawn=inline,
    )  # fmt: skip

    def turn() -> float:
        rest = reconciler.step()
        runner.tend()
        return rest

    return turn, reconciler


def _rests(status: Any) -> bool:
    """Judged, nothing unfinished, nothing planned, no drift open."""
    unfinished = [record for record in status.in_flight if record.state is not RepairState.VERIFIED]
    return status.last_result == "judged" and not unfinished and not status.plan.repairs and not status.episodes
