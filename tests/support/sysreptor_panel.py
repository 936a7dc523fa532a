"""A fake SysReptor on loopback with a target's settings for it, and the client that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from tests.support.instruments import Noted
from watchdog.model.panels import REQUESTS
from watchdog.panels.sysreptor import client
from watchdog.panels.sysreptor.fake import ADMIN_TOKEN, BACKUP_KEY, FakePanel, SysreptorWorld
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.runtime.clock import SimulatedClock

AES_KEY = "0123456789abcdef" * 4
WALL = 1_795_200_000.0


class Stage:
    """Everything of one target. ``settings`` are given as in YAML; ``None`` leaves a default key out."""

    def __init__(self, folder: Path, release: str = "2026.61", **settings: Any) -> None:
        self.folder = folder
        self.clock = SimulatedClock(wall=WALL)
        self.world = SysreptorWorld(release, now=lambda: self.clock.now().wall)
        self.panel = FakePanel(self.world)
        self.noted = Noted((REQUESTS,))
        self.backups = folder / "backups"
        self.backups.mkdir(exist_ok=True)
        for name, secret in (("token", ADMIN_TOKEN), ("key", BACKUP_KEY), ("aes", AES_KEY)):
            (folder / name).write_text(secret + "\n", encoding="ascii")
        given: dict[str, Any] = {
            "name": "reports", "url": self.panel.url, "token_file": str(folder / "token"), "backup_key_file": str(folder / "key"),
            "aes_key_file": str(folder / "aes"), "backups": {"path": str(self.backups)}, "timeout": "5s", "health_timeout": "5s",
        }  # fmt: skip
        given = {name: value for name, value in (given | settings).items() if value is not None}
        self.settings = SysreptorSettings.model_validate(given)
        self.client = client.connect(self.settings, self.clock, self.noted)

    def secret(self, name: str, text: str) -> None:
        """Write another secret into its file."""
        (self.folder / name).write_text(text, encoding="ascii")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.panel.close()
