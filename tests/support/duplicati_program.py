"""A fake Duplicati on loopback and the real program beside it, as a process: what both did is told by their records."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.support.mcsmanager_on_docker import base_settings
from tests.support.program import Running, run_program
from watchdog.panels.duplicati.fake import PASSWORD, FakeDuplicati
from watchdog.runtime import yaml
from watchdog.runtime.clock import SystemClock

TARGET = "nas"


class Household:
    """One server of a release with one target's settings for it; ``changes`` are more of the target's."""

    def __init__(self, release: str = "2.1.0.5", **changes: Any) -> None:
        # the control socket lies beside the ledger, and its path must be short
        self._folder = tempfile.TemporaryDirectory(prefix="pwd-")
        self.folder = Path(self._folder.name)
        self.server = FakeDuplicati(self.folder / "server", SystemClock(), release)
        self.world = self.server.world
        self.secret = self.folder / "secret"
        self.secret.write_text(PASSWORD + "\n", encoding="ascii")
        self.changes = changes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        self._folder.cleanup()

    def settings(self, **sections: Any) -> dict[str, Any]:
        """Return a configuration of the real program; ``sections`` replace whole top-level sections."""
        target = {
            "name": TARGET, "url": self.server.url, "password_file": str(self.secret), "mode": "repair", "baseline": "repair",
            "interval": "2s", "pulse": "1s", "timeout": "30s", **self.changes,
        }  # fmt: skip
        target = {name: value for name, value in target.items() if value is not None}
        return base_settings(self.folder, None) | {"panels": {"duplicati": [target]}} | sections

    def write(self, settings: Mapping[str, Any] | None = None) -> Path:
        """Write the configuration."""
        path = self.folder / "config.yaml"
        path.write_text(yaml.dump(dict(settings or self.settings())), encoding="utf-8")
        return path

    @contextmanager
    def program(self, log: str = "program.log", settings: Mapping[str, Any] | None = None) -> Iterator[Running]:
        """Run the real program, until it has looked twice."""
        with run_program(self.write(settings), self.folder / log) as running:
            running.wait_for("two looks", lambda: running.target(TARGET)["passes"] >= 2 and running.target(TARGET)["up"], 180)
            yield running

    def command(self, *words: str, code: int | None = 0) -> str:
        """Run the real command against the running program; return what it said. ``code`` None = any."""
        argv = [sys.executable, "-m", "watchdog", *words, "--config", str(self.folder / "config.yaml")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=200, check=False)
        assert code is None or done.returncode == code, (argv[3:], done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def sent(self, operation: str) -> int:
        """Return how many requests of one kind the server got: ``pause``, ``resume`` or a method and path."""
        return len(self.server.sent(f"/api/v1/serverstate/{operation}", "POST"))
