"""Starting and ending the processes of ``child.py``."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


class Child:
    """One process; ``hear`` gives what it says, in order."""

    def __init__(self, role: str, **given: Any) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.ledger.child", role, json.dumps(given)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def hear(self) -> dict[str, Any]:
        said = self._lines.get(timeout=PATIENCE)
        if said is None:
            assert self.process.stderr is not None
            raise AssertionError(f"the child ended: {self.process.stderr.read()[-3000:]}")
        return said

    def hear_all(self) -> list[dict[str, Any]]:
        """Return everything up to the child's end."""
        return list(iter(lambda: self._lines.get(timeout=PATIENCE), None))

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def child(role: str, **given: Any) -> Iterator[Child]:
    started = Child(role, **given)
    try:
        yield started
    finally:
        started.close()


@contextmanager
def children(role: str, each: list[dict[str, Any]]) -> Iterator[list[Child]]:
    started: list[Child] = []
    try:
        started.extend(Child(role, **given) for given in each)
        yield started
    finally:
        for one in started:
            one.close()
