"""A node's archives as real files, what a panel says of them, and the guard over both; on a clock that moves when told."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from tests.support.instruments import Noted
from watchdog.errors import LedgerUnavailable, NotFound, Unreachable
from watchdog.model.approvals import Holding
from watchdog.model.panels import METRICS, Ports
from watchdog.panels.pterodactyl.guard import Guard
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import BackupLog, Evidence, Log
from watchdog.panels.pterodactyl.view import Backup, PterodactylView, RemoteServer, Server
from watchdog.runtime.clock import SimulatedClock

SERVER = str(UUID(int=1))


def uuid(number: int) -> str:
    return str(UUID(int=0x1000 + number))


class NotebookGone(BaseException):
    """The process dies in the middle of a write."""


class Notebook:
    """Holdings in memory, durable over ``Guard``s. ``away``: the ledger is not there. ``dies_in`` n: the n-th write from now is the end."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.rows: dict[int, Holding] = {}
        self.released: list[Holding] = []
        self.away = False
        self.dies_in = 0
        self._numbers = 0

    def _door(self, *, writes: bool) -> None:
        if self.away:
            raise LedgerUnavailable("the ledger is away")
        if writes and self.dies_in:
            self.dies_in -= 1
            if self.dies_in == 0:
                raise NotebookGone

    def hold(self, what, acted_on, undo, parameters, expires_at=None):
        self._door(writes=True)
        for row in self.rows.values():
            if (row.what, row.object) == (what, acted_on):
                return row
        self._numbers += 1
        made = Holding(self._numbers, acted_on.target, what, acted_on, undo, dict(parameters), self._clock.now().wall, expires_at)
        self.rows[made.id] = made
        return made

    def held(self):
        self._door(writes=False)
        return tuple(self.rows.values())

    def release(self, holding_id):
        self._door(writes=True)
        row = self.rows.pop(holding_id, None)
        self.released += [row] if row is not None else []
        return row is not None


class Node:
    """``archives`` lie in ``backups``; ``records`` is the panel's word (None = deleted). The guard is built anew by ``restart``."""

    def __init__(self, folder: Path, holdings=None, clock: SimulatedClock | None = None, **settings) -> None:
        self.clock = clock or SimulatedClock()
        self.backups = folder / "backups"
        self.backups.mkdir()
        self.notebook = holdings or Notebook(self.clock)
        self.records: dict[str, Backup | None] = {}
        self.stores: set[str] = set()
        self.adapters: dict[str, str] = {}
        self.reachable = True
        self.sweeps = "whole"
        self.asked: list[str] = []
        own = {"enabled": True, **settings.pop("guard", {})}
        self.settings = PterodactylSettings(
            name="node-1", url="https://panel.example", token_file=folder / "token", node={"backups": self.backups}, guard=own, **settings
        )
        self.directory = self.settings.held_directory
        self.guard: Guard | None = None
        self.restart()

    def restart(self, floor: int = 0, instruments: Noted | None = None) -> None:
        if self.guard is not None:
            self.guard.close()
        self.instruments = instruments or Noted(METRICS)
        self.guard = Guard(self.settings, Ports(self.clock, self.instruments, None, holdings=self.notebook), self, floor=floor)
        self.loops = {tend.name: tend.step for tend in self.guard.tends()}
        self.opened = "guard" in self.loops and self.guard._open()

    # ---- Wings and the panel -------------------------------------------------------------------------------------------------------------

    def path(self, backup: str) -> Path:
        folder = self.backups / SERVER if self.settings.flavour == "pelican" else self.backups
        return folder / f"{backup}.tar.gz"

    def link(self, backup: str) -> Path:
        return self.directory / f"{backup}.tar.gz"

    def make(self, backup: str, size: int = 64, server: str = SERVER) -> None:
        """Let Wings make an archive, pending at the panel."""
        path = self.path(backup)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(backup.encode().ljust(size, b"."))
        now = self.clock.now().wall
        os.utime(path, (now, now))
        self.records[backup] = Backup(backup, "nightly", server, successful=False, locked=False, checksum=None, bytes=0, created_at=now,
                                      completed_at=None)  # fmt: skip

    def word(self, backup: str, *, successful: bool) -> None:
        """Let the panel hear how it ended (or prune it)."""
        old = self.records[backup]
        self.records[backup] = Backup(backup, old.name, old.server, successful=successful, locked=False, checksum=None, bytes=0,
                                      created_at=old.created_at, completed_at=self.clock.now().wall)  # fmt: skip

    def record(self, server: str, backup: str) -> Backup:
        self.asked.append(backup)
        if not self.reachable:
            raise Unreachable("the panel is away")
        found = self.records.get(backup)
        if found is None:
            raise NotFound("deleted")
        return found

    def disk(self, server: str, backup: str) -> str:
        self.asked.append(f"disk {backup}")
        return "s3" if backup in self.stores else "wings"

    # ---- the guard -----------------------------------------------------------------------------------------------------------------------

    def saw(self) -> None:
        """Let a pass read everything."""
        if not self.reachable:
            return
        now = self.clock.now().wall
        servers = sorted({each.server for each in self.records.values() if each is not None} | {SERVER})
        made = tuple(
            Server(server, server[:8], "s", "node", backups_at=now, blind="409" if self.sweeps == "blind" else "",
                   backups=tuple(each for each in self.records.values() if each is not None and each.server == server))
            for server in servers
        )  # fmt: skip
        stories = {backup: BackupLog(backup, SERVER, adapter) for backup, adapter in self.adapters.items()}
        whole = self.sweeps != "partial"
        remote = tuple(RemoteServer(each.uuid, "command", suspended=False) for each in made)
        if self.sweeps == "demoted":
            made = ()
        view = PterodactylView(now, servers=made, remote=remote, complete=whole, records_since=now if whole else None)
        self.guard.saw(view, Evidence(log=Log(backups=stories)))

    def catch(self) -> None:
        """Let the guard link what lies there (what it hears is tested with real events)."""
        self.guard._catcher.look()

    def judge(self) -> None:
        self.loops["held"]()

    def rounds(self, seconds: float, step: float = 30.0) -> None:
        """Let passes and rounds happen for ``seconds``."""
        until = self.clock.now().mono + seconds
        while self.clock.now().mono < until:
            self.saw()
            self.judge()
            self.clock.advance(step)

    def kept(self) -> set[str]:
        """The backups that have a link now."""
        if not self.directory.exists():
            return set()
        return {path.name.removesuffix(".tar.gz") for path in self.directory.iterdir()}

    def held(self) -> dict[str, Holding]:
        return {each.object.id: each for each in self.notebook.held() if each.what == "archive_link"}

    def content(self, backup: str) -> str | None:
        """What is left of an archive under any name."""
        for path in (self.path(backup), self.link(backup)):
            if path.exists():
                return path.read_bytes().rstrip(b".").decode()
        return None

    def value(self, name: str, *labels: str) -> float:
        return self.instruments.values[f"watchdog_panel_{name}", "pterodactyl", "node-1", *labels]
