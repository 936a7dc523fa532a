"""A real process for the crash tests: ``python -m tests.notify.life ROLE JSON``.

``deliver`` brings what waits to its channel and ends; at boundary ``kill_at`` (counted from 0) it dies by SIGKILL. ``write`` confirms
drifts, numbered from ``first`` on, until it is killed, and says each number after its commit.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.ledger.things import TARGET, seen
from tests.support.ledger import HOST, ledger_at
from watchdog.model.metrics import Silent
from watchdog.notify.channels import Channel
from watchdog.notify.sending import send
from watchdog.notify.settings import ChannelSettings, NotifySettings
from watchdog.notify.telling import Telling
from watchdog.runtime.clock import SystemClock


def deliver(given: dict[str, Any]) -> None:
    marks, clock = 0, SystemClock()

    def on_step(mark: str) -> None:
        nonlocal marks
        with Path(given["marks"]).open("a", encoding="ascii") as told:
            told.write(mark + "\n")
        if marks == given["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)
        marks += 1

    ledger = ledger_at(Path(given["ledger"]), clock)
    settings = ChannelSettings.model_validate({"name": "ops", "url": given["url"], "rate": "1000/h"})
    channel = Channel(settings, ledger, clock, Silent(), f"{HOST}/{os.getpid()}/x", HOST, send, on_step=on_step)
    while ledger.backlog():
        channel.step()
    ledger.close()


def write(given: dict[str, Any]) -> None:
    ledger = ledger_at(Path(given["ledger"]), SystemClock())
    settings = NotifySettings.model_validate({"channels": [{"name": "ops", "url": "json://h/x"}]})
    ledger.teller = Telling(settings, {}, lambda _fresh, _resting: None)
    for number in range(given["first"], 10_000_000):
        now = 1000.0 + number
        ledger.confirm(ledger.observe(TARGET, seen(number), now, baseline=False), now)
        print(number, flush=True)


if __name__ == "__main__":
    {"deliver": deliver, "write": write}[sys.argv[1]](json.loads(sys.argv[2]))
