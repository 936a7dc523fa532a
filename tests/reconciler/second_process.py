"""One of several programs on one ledger and one world: ``python -m tests.reconciler.second_process DIRECTORY SECONDS``."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.support.bench import REPAIR, Bench
from tests.support.ledger import ledger_at
from tests.support.panel import KINDS, REMEDIES, FileWorld, ToyPanel
from watchdog.model.drifts import Confirm
from watchdog.model.repairs import Settle
from watchdog.reconciler.policy import Backoff, Bounds, Timing
from watchdog.reconciler.runner import daemon_thread
from watchdog.runtime.clock import SystemClock

PANEL = ToyPanel(
    kinds=tuple(replace(kind, confirm=Confirm(2, 0.0)) for kind in KINDS),
    remedies=tuple(replace(remedy, settle=Settle(0.0, 5.0), cooldown=0.2, deadline=8.0) for remedy in REMEDIES),
)
POLICY = replace(
    REPAIR,
    timing=Timing(interval=0.05, spacing=0.001, look=10.0, lease_margin=4.0),
    bounds=Bounds(parallel=4, many_floor=1000, attempts=1000, budget_per_hour=10_000, breaker=1000, backoff=Backoff(0.1, 1.0, 0.1)),
)


QUIET_SECONDS = 3.0
"""It ends when there was nothing to do for so long."""


def main(directory: Path, seconds: float) -> None:
    clock = SystemClock()
    ledger = ledger_at(directory / "ledger.sqlite3", clock)
    bench = Bench(ledger, clock=clock, spawn=daemon_thread, policy=POLICY, panel=PANEL, world=FileWorld(directory / "world.json"))
    until, busy_at = time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < until and time.monotonic() - busy_at < QUIET_SECONDS:
        bench.step()
        bench.runner.tend()
        if bench.status.last_result != "judged" or bench.status.episodes or bench.status.in_flight:
            busy_at = time.monotonic()
    bench.runner.stop(10.0)
    for _ in range(100):
        bench.step()
        if not bench.status.in_flight:
            break
        time.sleep(0.05)
    print(len(bench.states()), bench.status.last_result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
