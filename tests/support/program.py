"""The real program as a process: ``run_program(config)`` starts ``panel-watchdog run`` and gives its address; always ended by pid."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Running:
    """A running program. ``log`` is its standard error so far."""

    process: subprocess.Popen
    log_path: Path
    url: str = ""

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> str:
        return self.get("/metrics")[1]

    def wait_for(self, what: str, holds: Callable[[], object], seconds: float = 60.0):
        """Poll until ``holds()`` is truthy and return it; fail with the program's log after ``seconds``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = holds()
            except (OSError, urllib.error.URLError):
                found = None
            if found:
                return found
            if self.process.poll() is not None:
                raise AssertionError(f"the program ended with {self.process.returncode} while waiting for {what}:\n{self.log[-4000:]}")
            time.sleep(0.1)
        raise AssertionError(f"no {what} within {seconds} s:\n{self.log[-4000:]}")

    def end(self, number: int = signal.SIGTERM, seconds: float = 40.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def run_program(config: Path, log_path: Path, *more: str, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """Start the program on ``config`` (its server.listen should end in :0) and wait until it serves."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchdog", "run", "--config", str(config), *more],
            stderr=log,
            stdout=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    running = Running(process, log_path)
    try:
        found = running.wait_for("address", lambda: re.search(r"msg=serving address=(\S+)", running.log))
        running.url = f"http://{found[1]}"
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
