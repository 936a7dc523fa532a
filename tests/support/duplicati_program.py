"""A fake Duplicati on loopback and the real program beside it, as a process: what both did is told by their records."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Self

from tests.support.mcsmanager_on_docker import base_settings
from tests.support.program import Running, run_program
from watchdog.cli import main
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
        return base_settings(self.folder, None) | {"reconciler": {"settle": "1s"}} | {"panels": {"duplicati": [target]}} | sections

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
        """Run the real command, in this process, against the running program; return what it said. ``code`` None = any."""
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            ended = main([*words, "--config", str(self.folder / "config.yaml")])
        assert code is None or ended == code, (words, ended, said.getvalue())
        return said.getvalue()

    @property
    def idle(self) -> bool:
        """Whether no task runs or waits on the server."""
        memory = self.world.catch_up()
        return memory is not None and memory.active is None and not memory.queue

    def sent(self, operation: str) -> int:
        """Return how many requests of one kind the server got: ``pause``, ``resume`` or a method and path."""
        return len(self.server.sent(f"/api/v1/serverstate/{operation}", "POST"))
