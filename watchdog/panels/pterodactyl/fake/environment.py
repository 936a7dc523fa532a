"""One server in Wings' memory: its state, which is asked of Docker only when something happens to it, and its power actions.

So ghosts and unseen servers arise by themselves (environment/docker/power.go and server/power.go@v1.11.11; the table of contract
section 6.2 follows from it).
"""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchdog.panels.pterodactyl.fake.containers import EngineAway
from watchdog.panels.pterodactyl.fake.journal import Level

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.wings import FakeWings

OFFLINE, STARTING, RUNNING, STOPPING = "offline", "starting", "running", "stopping"
CRASH_TIMEOUT: Final = 60.0
"""``crash_detection.timeout``: a second crash within it is not mended (server/crash.go)."""


class PowerFailure(Exception):
    """A power action ends with an error, which goes into the log."""


class Environment:
    """A server. ``attached``: Wings holds its console. ``dead_stream``: it holds it, and nothing is at the other end any more."""

    def __init__(self, wings: FakeWings, uuid: str, settings: Mapping[str, Any]) -> None:
        self.wings = wings
        self.uuid = uuid
        self.state = OFFLINE
        self.attached = False
        self.dead_stream = False
        self.installing = self.restoring = self.transferring = False
        self.suspended = False
        self.started_at = 0.0
        self.settings: Mapping[str, Any] = {}
        self.stop_type, self.stop_value = "", ""
        self._lock = threading.RLock()
        self._last_crash: float | None = None
        self._crashed = False
        self.configure(settings)

    def configure(self, told: Mapping[str, Any]) -> None:
        """Take over what the panel says of it; the fields of one entry of ``/api/remote/servers``."""
        self.settings = told["settings"]
        self.suspended = bool(self.settings["suspended"])
        stop = told["process_configuration"]["stop"]
        self.stop_type, self.stop_value = str(stop["type"]), str(stop["value"] or "")

    def sync(self) -> None:
        """Ask the panel anew; what is suspended now and runs is stopped (server/update.go). Raises PowerFailure."""
        answer = self.wings.caller.ask("GET", f"/servers/{self.uuid}")
        if answer.status != 200:  # noqa: PLR2004
            raise PowerFailure(answer.text)
        self.configure(answer.said)
        if self.suspended and self.state != OFFLINE:
            self._log("INFO", "server suspended with running process state, terminating now")
            self._stop()

    def boot(self, last: str | None) -> None:
        """Return to what it was before Wings ended (cmd/root.go; contract section 6.1)."""
        self._log("INFO", "configuring server environment and restoring to previous state")
        running = self._container() == "running"
        if not running and last in {RUNNING, STARTING}:
            self._quietly("start")
        elif running:
            self._log("INFO", "detected server is running, re-attaching to process...")
            self.state, self.attached = RUNNING, True
        else:
            self.state = OFFLINE

    def power(self, action: str) -> None:
        """Do a power action, or log why not, as the route's thread does; a second one waits for the first."""
        if self.restoring or self.transferring or self.installing:
            self._log(
                "ERROR", "encountered error processing a server power action in the background", action=action, error="server is busy"
            )
            return
        self._quietly(action)

    def restore(self, archive: Path, backup: str) -> None:
        """Unpack an archive over the server's files and tell the panel (server/backup.go, RestoreBackup): suspended until that is done."""
        self.restoring = self.suspended = True
        self._log("INFO", "starting restoration process for server backup using local driver")
        if self.state != OFFLINE:
            self._stop()
        if self.wings.switches.hang_restore:
            return
        with tarfile.open(archive) as content:
            content.extractall(self.wings.volume(self.uuid), filter="data")
        self.suspended = False
        self.wings.caller.ask("POST", f"/backups/{backup}/restore", {"successful": True})
        self._log("INFO", "completed server restoration from local backup")
        self.restoring = False

    def observe(self) -> None:
        """See what Docker tells by itself: the end of an attached container, and then its crash."""
        with self._lock:
            if self.attached and not self.dead_stream and self._container() != "running":
                self.attached = False
                self._become(OFFLINE)
            if self.state == STARTING and self.attached:
                self.state = RUNNING  # the console said that it is done
        self._handle_crash()

    def lose_stream(self, *, held: bool = False) -> None:
        """Forget the console without noticing: what dies from now on becomes a ghost. ``held``: Wings believes to have it."""
        self.attached, self.dead_stream = held, held

    def _quietly(self, action: str) -> None:
        try:
            with self._lock:
                {"start": self._start_if_offline, "stop": self._stop, "restart": self._restart, "kill": self._terminate}[action]()
        except (PowerFailure, EngineAway) as failure:
            text = str(failure) or "Cannot connect to the Docker daemon"
            self._log("ERROR", "encountered error processing a server power action in the background", action=action, error=text)
        self._handle_crash()

    def _start_if_offline(self) -> None:
        if self.state == OFFLINE:  # else ErrIsRunning, which is swallowed
            self._start()

    def _restart(self) -> None:
        self._stop()
        self._start()

    def _start(self) -> None:
        self._log("INFO", "syncing server configuration with panel")
        self.sync()
        if self.suspended:
            raise PowerFailure("server is currently in a suspended state")
        containers = self.wings.containers
        if containers.state(self.uuid) != "running":
            self.state = STARTING
            try:
                containers.create(self.uuid, {"Service": self.wings.label, "ContainerType": "server_process"})
                containers.start(self.uuid)
            except EngineAway:
                self.state = OFFLINE  # stopping first, so that no crash is seen
                raise
            self.started_at = self.wings.clock.now().wall
        self.state, self.attached, self.dead_stream = RUNNING, True, False

    def _stop(self) -> None:
        containers = self.wings.containers
        if self.stop_type in {"", "signal"}:
            self._terminate()
            return
        if self.state != OFFLINE:
            self.state = STOPPING
        if self.attached and self.stop_type == "command":
            if self.dead_stream:
                raise PowerFailure("write: broken pipe")
            containers.stop(self.uuid)  # the server obeys
            self.attached = False
            self.state = OFFLINE
            return
        found = containers.state(self.uuid)
        if found == "missing":
            self.attached, self.state = False, OFFLINE
            return
        containers.stop(self.uuid)
        if self.attached and not self.dead_stream and found == "running":
            self.attached, self.state = False, OFFLINE  # the stream ended; without it nothing sets the state: "stopping" for ever

    def _terminate(self) -> None:
        found = self.wings.containers.state(self.uuid)
        if found == "missing":
            return  # "treat missing containers as an okay error state": the state is kept
        if found == "running":
            self.wings.containers.kill(self.uuid)
        self.state, self.attached, self.dead_stream = OFFLINE, False, False

    def _become(self, state: str) -> None:
        self._crashed = self._crashed or (self.state in {STARTING, RUNNING} and state == OFFLINE)
        self.state = state

    def _handle_crash(self) -> None:
        with self._lock:
            crashed, self._crashed = self._crashed, False
            if not crashed:
                return
            now, last = self.wings.clock.now().wall, self._last_crash
            self._log("INFO", "detected server as entering a crashed state; running crash handler")
            if last is not None and now - last < CRASH_TIMEOUT:
                self._log("INFO", "did not restart server after crash; occurred too soon after the last")
                return
            self._last_crash = now
        self._quietly("start")

    def _container(self) -> str:
        try:
            return self.wings.containers.state(self.uuid)
        except EngineAway:
            return "unknown"

    def _log(self, level: Level, message: str, **fields: object) -> None:
        self.wings.journal.write(level, message, (), server=self.uuid, **fields)
