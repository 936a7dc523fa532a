"""One of two programs on one PostgreSQL and one counting world, until killed: ``python -m tests.reconciler.fights URL DIRECTORY HOST``.

Its remedy stops a thing, waits, and starts it, as a panel does it: what is stopped already is not stopped again, and a start of what runs
is refused. So a second send would have no effect; it is written down all the same.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.reconciler.second_process import PANEL, POLICY
from tests.support.bench import Bench
from tests.support.panel import FileWorld, ToyTarget
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.repairs import Outcome, Settle
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.runner import daemon_thread
from watchdog.runtime.clock import SystemClock

WORK = 0.7
"""Seconds that a thing stays stopped in a repair."""
DEADLINE, MARGIN = 2.0, 1.0
LEASE = DEADLINE + MARGIN
SETTLE = Settle(0.0, 1.0)
FIGHTING = replace(PANEL, remedies=tuple(replace(remedy, deadline=DEADLINE, settle=SETTLE) for remedy in PANEL.remedies))
TERMS = replace(POLICY, timing=replace(POLICY.timing, interval=0.3, lease_margin=MARGIN), bounds=replace(POLICY.bounds, parallel=2))


class Counted(FileWorld):
    """The world as the judge: every send with its time, its sender, and whether it did anything."""

    def send(self, what: str, name: str, up: bool, **more: Any) -> bool:
        """Send it; return whether it had an effect, which it has once."""
        with self.change() as state:
            thing = state["things"][name]
            done = thing["up"] is not up
            state.setdefault("sends", []).append([time.time(), os.getpid(), what, name, done])
            if done:
                state["effects"].append([what, name])
                thing.update(up=up, **more)
            return done


class Stopping(ToyTarget):
    """The toy whose cycle takes its time. What its process is about to send is noted first: it may be frozen right there."""

    world: Counted

    def _cycle(self, repair: Any, act: Any) -> Outcome:
        name, generation = repair.proposal.object.id, repair.proposal.parameters["generation"]
        act.step("looked")
        thing = self.world.things()[name]
        if thing["generation"] != generation:
            return Outcome.done("it was cycled already")
        if thing["up"]:
            self._send(act, "stop", name, up=False)
            act.step("stopped")
        act.sleep(WORK)
        self._send(act, "start", name, up=True, generation=generation + 1, believed="up")
        act.step("started")
        return Outcome.done(sent=(f"stop {name}", f"start {name}"))

    def _send(self, act: Any, what: str, name: str, up: bool, **more: Any) -> None:
        aim = aims_of(Path(os.environ["FIGHTS"]), os.getpid()) / f"{what}-{name}"
        aim.touch()  # before the fence: whoever is frozen later than this may have passed it
        try:
            act.fence()
            self.world.send(what, name, up, **more)
        finally:
            aim.unlink()


def aims_of(directory: Path, pid: int) -> Path:
    """Return the folder of what a process is about to send."""
    return directory / f"aims-{pid}"


def opened(url: str, host: str, clock: SystemClock, *, migrate: bool = False, patient: bool = True) -> Ledger:
    """Open the shared ledger for the rows of one host."""
    return open_ledger(LedgerSettings(url=url, busy_timeout=5.0), clock, migrate=migrate, host=host, patient=patient)


def main(url: str, directory: Path, host: str) -> None:
    os.environ["FIGHTS"] = str(directory)
    aims_of(directory, os.getpid()).mkdir()
    clock, world = SystemClock(), Counted(directory / "world.json")
    bench = Bench(
        opened(url, host, clock), clock=clock, spawn=daemon_thread, policy=TERMS, panel=FIGHTING, target=Stopping(world),
        holder=holder_name(host),
    )  # fmt: skip
    (directory / f"lives-{os.getpid()}").touch()
    idle = threading.Event()
    while True:
        rest = bench.step()
        bench.runner.tend()
        idle.wait(min(max(rest, 0.02), 0.1))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
