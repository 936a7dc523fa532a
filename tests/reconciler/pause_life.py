"""One life of the pauses, to be killed: orders and the watch over the ends, each told on standard output once it was answered."""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path

from tests.support.ledger import HOST, ledger_at
from watchdog.errors import Refused
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.metrics import Silent
from watchdog.model.moments import Clock
from watchdog.model.pauses import PauseOrder
from watchdog.reconciler.pausing import Pauses
from watchdog.runtime.clock import SystemClock

TARGETS = {"one": "toys", "two": "toys", "three": "toys"}


def opened(where: str, clock: Clock) -> Ledger:
    """Open the ledger at a path, or a PostgreSQL by its URL."""
    if where.startswith("postgresql:"):
        return open_ledger(LedgerSettings(url=where), clock, migrate=False, host=HOST)
    return ledger_at(Path(where), clock)


def live(where: str, seed: int) -> None:
    """Order and end pauses until killed."""
    rng, clock, lock, never = random.Random(seed), SystemClock(), threading.Lock(), threading.Event()
    pauses = Pauses(opened(where, clock), clock, Silent(), TARGETS, "boot-1", lambda _target: None)

    def tell(*words: object) -> None:
        with lock:
            sys.stdout.write(" ".join(map(str, words)) + "\n")
            sys.stdout.flush()

    def watch() -> None:
        while True:
            clock.wait(never, min(0.05, pauses.step()))

    threading.Thread(target=watch, daemon=True).start()
    tell("lives")
    while True:
        target = rng.choice(sorted(TARGETS))
        try:
            standing = pauses.standing(target)
            if not standing:
                length = rng.choice([0.01, 0.05, 3600.0, None])
                tell("began", pauses.pause(PauseOrder(target, "r", "ann", length=length)).id, "short" if length and length < 1 else "long")
            elif rng.random() < 0.5:
                tell("ended", pauses.resume(standing[0].id, "ann").id)
            else:
                terms = PauseOrder(target, "changed", "bob", length=3600.0)
                changed = pauses.change(standing[0].id, standing[0].version, terms)
                tell("changed", changed.id, changed.version)
        except Refused:
            continue  # the watch ended it first


if __name__ == "__main__":
    live(sys.argv[1], int(sys.argv[2]))
