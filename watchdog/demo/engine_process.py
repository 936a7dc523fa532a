"""The traces of the fake engine's process: a pid file and a corner of /proc, from which the program tells when dockerd began."""

from __future__ import annotations

import os
import time
from pathlib import Path

from watchdog.collectors.docker.fake.world import Mode

PID = 4242
_FIELDS_BEFORE_START = 18  # of /proc/PID/stat between the state and field 22


class EngineProcess:
    """Follows the fake engine's mode: each return from ``down`` is a new process with a new start time."""

    def __init__(self, folder: Path) -> None:
        self.pid_file = folder / "docker.pid"
        self.proc = folder / "proc"
        self._booted = int(time.time()) - 3600
        self._down = True

    def follow(self, mode: Mode) -> None:
        """Take note of a change of mode."""
        if mode == "down":
            self._down = True
        elif self._down:
            self._down = False
            self._begin()

    def _begin(self) -> None:
        process = self.proc / str(PID)
        process.mkdir(parents=True, exist_ok=True)
        (self.proc / "stat").write_text(f"cpu 0\nbtime {self._booted}\n", encoding="ascii")
        (process / "comm").write_text("dockerd\n", encoding="ascii")
        ticks = int((time.time() - self._booted) * os.sysconf("SC_CLK_TCK"))
        zeros = " ".join(["0"] * _FIELDS_BEFORE_START)
        (process / "stat").write_text(f"{PID} (dockerd) S {zeros} {ticks} 0\n", encoding="ascii")
        self.pid_file.write_text(f"{PID}\n", encoding="ascii")
