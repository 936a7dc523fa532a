"""The real program as a process: ``run_program(config)`` starts ``panel-watchdog run`` and gives its address; always ended by pid."""

from __future__ import annotations

import json
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
from typing import Any
from urllib.parse import quote


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
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> str:
        return self.get("/metrics")[1]

    def api(self, path: str) -> Any:
        """Return the JSON of ``/api/v1/PATH``."""
        status, text = self.get(f"/api/v1/{path}")
        if status != 200:
            raise OSError(f"{status}: {text}")
        return json.loads(text)

    def target(self, name: str) -> dict[str, Any]:
        """Return how one target stands."""
        return self.api(f"status?target={quote(name)}")["targets"][0]

    def drifts(self) -> list[dict[str, Any]]:
        """Return the drifts of the newest passes."""
        return self.api("drifts")["drifts"]

    def open_drifts(self) -> list[dict[str, Any]]:
        """Return those that count."""
        return [drift for drift in self.drifts() if drift["state"] in {"open", "awaiting_approval", "repairing"}]

    def history(self) -> list[dict[str, Any]]:
        """Return all drifts that the ledger remembers, closed ones too."""
        return self.api("history?limit=10000")["drifts"]

    def repairs(self) -> list[dict[str, Any]]:
        """Return all repairs that the ledger remembers, the newest first."""
        return self.api("repairs?limit=1000")["repairs"]

    def wait_for_passes(self, target: str, count: int, seconds: float = 180.0) -> None:
        """Wait until so many more passes over a target have ended."""
        goal = self.target(target)["passes"] + count
        self.wait_for(f"{count} passes", lambda: self.target(target)["passes"] >= goal, seconds)

    def errors(self) -> list[str]:
        """Return the lines of the log at level error or above, and tracebacks."""
        return [line for line in self.log.splitlines() if re.search(r"level=(error|critical)|^Traceback", line)]

    def wait_for(self, what: str, holds: Callable[[], object], seconds: float = 120.0):
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
            time.sleep(0.2)
        raise AssertionError(f"no {what} within {seconds} s:\n{self._standing()}\n{self.log[-4000:]}")

    def _standing(self) -> str:
        """Return how the targets stand and what is planned, for a failed test."""
        try:
            return json.dumps({"status": self.api("status"), "plans": self.api("plans"), "drifts": self.drifts()}, indent=1)
        except (OSError, urllib.error.URLError) as error:
            return f"(no answer: {error})"

    def wait_until_serving(self, seconds: float = 120.0) -> None:
        """Wait for its address."""
        found = self.wait_for("address", lambda: re.search(r"msg=serving address=(\S+)", self.log), seconds)
        self.url = f"http://{found[1]}"

    def kill(self) -> None:
        """SIGKILL it, and wait until it is gone."""
        self.process.kill()
        self.process.wait(60)

    def end(self, number: int = signal.SIGTERM, seconds: float = 90.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def start_program(config: Path, log_path: Path, *more: str, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """Start the program on ``config`` (its server.listen should end in :0); end it afterwards, by pid. See ``wait_until_serving``."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchdog", "run", "--config", str(config), *more],
            stderr=log,
            stdout=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield Running(process, log_path)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(60)


@contextmanager
def run_program(config: Path, log_path: Path, *more: str, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """Start the program on ``config`` and wait until it serves; see ``start_program``."""
    with start_program(config, log_path, *more, environment=environment) as running:
        running.wait_until_serving()
        yield running
