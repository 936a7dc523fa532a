"""What a running remedy works with, and what several of them do alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.errors import NotFound, Refused, Temporary, Unknown
from watchdog.model.archives import Identity
from watchdog.model.panels import Ports
from watchdog.model.repairs import Outcome
from watchdog.panels.pterodactyl.client import PterodactylClient
from watchdog.panels.pterodactyl.linking import Shelf, identity_at
from watchdog.panels.pterodactyl.naming import SUFFIX
from watchdog.panels.pterodactyl.refusing import Refusal
from watchdog.panels.pterodactyl.replying import WAIT
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence
from watchdog.panels.pterodactyl.view import Backup, Disk
from watchdog.runtime import hands
from watchdog.runtime.partfile import translated

AGAIN: Final = 5.0
"""Seconds between two tries to read back what was written."""
TRIES: Final = 6


@dataclass(slots=True)
class Hands(hands.Hands):
    """What every panel's remedies have, and what those of Pterodactyl need beside it. ``look`` reads the local node anew."""

    settings: PterodactylSettings
    client: PterodactylClient
    ports: Ports
    look: Callable[[], Evidence]

    @property
    def now(self) -> float:
        """Return UNIX seconds."""
        return self.ports.clock.now().wall

    @property
    def server(self) -> str:
        """Return the uuid of the server that the proposal is about."""
        return self.parameter("server")

    @property
    def backup(self) -> str:
        """Return the uuid of the backup that the proposal is about."""
        return self.parameter("backup")

    @property
    def path(self) -> Path:
        """Return where Wings keeps the archive, by the proposal."""
        return Path(self.parameter("path"))

    @property
    def approved(self) -> bool:
        """Whether a person asked for this very repair."""
        return self.repair.approval_id is not None

    @property
    def shelf(self) -> Shelf:
        """Return the shelf of our hard links. Raises Refused without a local node."""
        directory, node = self.settings.held_directory, self.settings.node
        if directory is None or node is None:
            raise Refused("no node is configured on this host: there are no archives to keep")
        return Shelf(directory, node.backups)

    def expected_path(self) -> Path | None:
        """Return where the archive of the proposal's backup must be; Pelican has a folder per server. None without a local node."""
        node = self.settings.node
        if node is None:
            return None
        folder = node.backups / self.server if self.settings.flavour == "pelican" else node.backups
        return folder / f"{self.backup}{SUFFIX}"

    def at(self, path: Path) -> Identity | None:
        """Return what is at ``path``, None = nothing. Raises Refused or Temporary when one cannot look."""
        with translated(path):
            return identity_at(path)

    def disk(self) -> Disk:
        """Return where the backup lies: the operator's word, or what the panel says of its download."""
        return self.settings.disk if self.settings.disk != "auto" else self.client.disk(self.server, self.backup)

    def refused(self, refusal: Refusal, delay: float = WAIT) -> Outcome:
        """End by a refusal: for good where waiting does not mend it."""
        return self.gave_up(str(refusal)) if refusal.final else self.later(delay, str(refusal))

    def reread(self) -> Backup | None:
        """Read the record back after a report, with some patience; None = it cannot be read now. Raises NotFound when it is gone."""
        for number in range(TRIES):
            if number:
                self.act.sleep(AGAIN)
            try:
                return self.client.record(self.server, self.backup)
            except NotFound:
                raise
            except (Temporary, Unknown, Refused):
                continue
        return None
