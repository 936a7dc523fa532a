"""A stage for the fakes of Pterodactyl: a panel, a node with Wings, a clock that moves when told; and what the panel's client sees."""

from __future__ import annotations

import json
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from watchdog.panels.pterodactyl.fake import ADMIN_KEY, Backup, BackupJob, FakePanel, FakeWings, PanelWorld, Server
from watchdog.runtime.clock import SimulatedClock

JSON = {"Accept": "application/json", "Content-Type": "application/json"}


class Stage:
    """One panel and one node; ``server`` is the first of its servers."""

    def __init__(self, folder: Path, release: str = "1.11.8", *, servers: int = 1, **wings: Any) -> None:
        self.clock = SimulatedClock()
        self.world = PanelWorld(self.clock, release)
        self.node = self.world.add_node()
        self.servers = [self.world.add_server(f"server-{number}") for number in range(servers)]
        self._folder, self._wings = folder, wings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.panel = self._stack.enter_context(FakePanel(self.world))
        self.wings = self._stack.enter_context(FakeWings(self._folder, self.panel, self.node, self.clock, **self._wings))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def server(self) -> Server:
        return self.servers[0]

    def send(self, method: str, path: str, body: object = None, *, url: str = "", key: str = ADMIN_KEY) -> tuple[int, Any]:
        """Send one request, to the panel with the admin's key unless told; return status and body."""
        parts = urlsplit(url or self.panel.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        headers = JSON | ({"Authorization": f"Bearer {key}"} if key else {})
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.status, json.loads(raw) if raw and is_json else raw.decode() or None

    def create(self, name: str = "nightly", server: Server | None = None, *, at_once: bool = False) -> str:
        """Let a person begin a backup; return its uuid.

        Wings begins when the panel has answered, unless ``at_once``: a report that overtakes the panel's commit loses the archive.
        """
        manual = self.wings.manual
        self.wings.manual = manual or not at_once
        try:
            status, said = self.send("POST", f"/api/client/servers/{(server or self.server).uuid}/backups", {"name": name})
        finally:
            self.wings.manual = manual
        assert status == 200, said
        uuid = str(said["attributes"]["uuid"])
        for job in [each for each in self.wings.jobs if each.uuid == uuid and not manual and not at_once]:
            self.wings.later(job.run)
        return uuid

    def begin(self, **record: Any) -> tuple[Backup, BackupJob]:
        """Begin a backup in Wings for a record that was made long enough ago to be committed; it stands still until it is moved."""
        self.wings.manual = True
        row = self.world.add_backup(self.server, **record)
        return row, self.wings.begin_backup(self.server.uuid, row.uuid, row.disk)

    def shown(self, uuid: str, server: Server | None = None) -> dict[str, Any]:
        """Return a record as the Client API shows it."""
        status, said = self.send("GET", f"/api/client/servers/{(server or self.server).uuid}/backups/{uuid}")
        assert status == 200, said
        found: dict[str, Any] = said["attributes"]
        return found

    def stands(self, uuid: str) -> tuple[str, bool]:
        """Return (pending | complete | failed, whether the archive is there)."""
        record = self.shown(uuid)
        state = "pending" if record["completed_at"] is None else "complete" if record["is_successful"] else "failed"
        return state, self.path(uuid).exists()

    def path(self, uuid: str) -> Path:
        return self.wings.path_of(self.server.uuid, uuid)

    def log(self) -> str:
        return self.wings.log_file.read_text(encoding="utf-8")

    def report(self, uuid: str, **body: Any) -> int:
        """Send a completion with this node's token, as our repair does; return the status."""
        token = f"{self.node.token_id}.{self.node.token}"
        return self.send("POST", f"/api/remote/backups/{uuid}", body, key=token)[0]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what is due happen."""
        self.clock.advance(seconds)
        self.wings.tick()
        self.world.tick()
