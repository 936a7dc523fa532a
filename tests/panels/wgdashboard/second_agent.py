"""One of several agents on one ledger and one panel: ``python -m tests.panels.wgdashboard.second_agent DIRECTORY LEDGER_URL HOST``.

The panel, its ``/proc`` and the kernel's devices are those of ``crash_rows``; the parent keeps them alive. It ends when it has rested for
a while.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.panels.wgdashboard.crash_rows import SPEED, rests, rig
from tests.support.bench import Recorder
from tests.support.crash import clock_of
from watchdog.ledger.open import open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.snapshots import Actual
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.runner import RepairRunner, daemon_thread

PATIENCE, QUIET = 3600.0, 30.0
"""Seconds of the panel's clock: until it gives up, and for how long nothing may be left to do at its end."""


def main(directory: Path, url: str, host: str) -> int:
    """Live until there is nothing left to do; return 0, or 3 when there always was."""
    made, clock = rig(directory), clock_of(directory, SPEED)
    ledger = open_ledger(LedgerSettings.model_validate({"url": url, "ephemeral": True}), clock, migrate=False, host=host)
    counts = RepairCounts(Recorder())

    def actual() -> Actual:
        return made.actual(clock.now())

    runner = RepairRunner(ledger, clock, counts, actual, spawn=daemon_thread)
    reconciler = Reconciler(
        panel=made.panel, target=made.target, needs=made.needs, policy=made.policy, ledger=ledger, runner=runner, counts=counts,
        clock=clock, instruments=Recorder(), actual=actual, holder=holder_name(host), spawn=daemon_thread,
    )  # fmt: skip
    until, busy = clock.now().mono + PATIENCE, clock.now().mono
    while clock.now().mono < until:
        rest = reconciler.step()
        runner.tend()
        if not rests(reconciler.status):
            busy = clock.now().mono
        if clock.now().mono - busy > QUIET:
            runner.stop(10.0)
            ledger.close()
            return 0
        clock.wait(threading.Event(), min(rest, 5.0))
    print("no rest:", reconciler.status, ledger.repairs(), file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
