"""One node: Wings with its configuration, log, archives, heartbeat and servers, in a folder, on a port, over somebody's containers.

It calls the panel over real HTTP and serves its own API; the panel of ``FakePanel`` calls it in turn. ``kill`` and ``boot`` are the two
halves of a restart (cmd/root.go@v1.11.11, contract section 6.1). With a simulated clock call ``tick`` after moving it; ``live`` does so by
itself. All files carry the world's time.
"""

from __future__ import annotations

import json
import os
import threading
import uuid as uuids
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl.fake import node_files
from watchdog.panels.pterodactyl.fake.caller import Caller
from watchdog.panels.pterodactyl.fake.containers import Containers, EngineAway, MemoryContainers
from watchdog.panels.pterodactyl.fake.environment import Environment
from watchdog.panels.pterodactyl.fake.jobs import BackupJob
from watchdog.panels.pterodactyl.fake.journal import Journal
from watchdog.panels.pterodactyl.fake.panel import FakePanel
from watchdog.panels.pterodactyl.fake.rows import Node
from watchdog.panels.pterodactyl.fake.switches import WingsSwitches
from watchdog.panels.pterodactyl.fake.traces import ProcessTraces
from watchdog.panels.pterodactyl.fake.wings_server import serve

HEARTBEAT: Final = 60.0
PAGE: Final = 50
_LOOK: Final = 0.2


class FakeWings:
    """Wings on one node, booted. ``manual``: backups stand still until a test moves them; ``stops``: steps at which their threads halt.

    ``speed`` divides the waits between two tries; ``zone`` is that of the process, in which its log is written.
    """

    def __init__(
        self,
        folder: Path,
        panel: FakePanel,
        node: Node,
        clock: Clock,
        *,
        containers: Containers | None = None,
        version: str = "1.11.11",
        zone: str = "UTC",
        speed: float = 1.0,
        live: bool = False,
    ) -> None:
        self.panel, self.node, self.clock, self.version = panel, node, clock, version
        self.containers: Containers = containers or MemoryContainers()
        self.switches = WingsSwitches()
        self.config = folder / "etc/config.yml"
        self.backups = folder / "lib/backups"
        self.volumes = folder / "lib/volumes"
        self.states = folder / "lib/states.json"
        self.log_file = folder / "log/wings.log"
        self.proc = folder / "proc"
        self.journal = Journal(self.log_file, clock, zone)
        self.servers: dict[str, Environment] = {}
        self.usage: dict[str, dict[str, float]] = {}
        self.jobs: list[BackupJob] = []
        self.used: set[str] = set()
        self.manual = False
        self.stops: set[str] = set()
        self.pid = 4000 + node.id
        self.up = False
        self.began = 0.0
        self.seen: list[tuple[str, str]] = []
        self._bound = False
        self._token = node.token
        self._speed = speed
        self._dead = threading.Event()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._server: ThreadingHTTPServer | None = None
        self._beat = 0.0
        self._traces = ProcessTraces(self.proc, clock.now().wall - clock.now().mono)
        for made in (self.config.parent, self.backups, self.volumes):
            made.mkdir(parents=True, exist_ok=True)
        self.backups.chmod(0o700)
        self.boot()
        if live:
            threading.Thread(target=self._live, name="fake-wings-clock", daemon=True).start()

    @property
    def url(self) -> str:
        """Return where its API is; the node's row says the same."""
        return self.node.address

    @property
    def token(self) -> str:
        """Return the node's token as its configuration had it at boot."""
        return self._token

    @property
    def label(self) -> str:
        """Return the value of the containers' label ``Service``."""
        return self.panel.world.release.label

    # -- life and death

    def boot(self) -> bool:
        """Start Wings: its configuration, the panel's list of servers, each back to its last state; return whether it came up."""
        self._dead = threading.Event()
        self._token = self.node.token
        token = (self.node.token_id, self._token)
        self.caller = Caller(self.panel.app_url, token, self.clock, self._dead, self._speed)
        self.began = self.clock.now().wall
        self.journal.begin()
        self.journal.write("INFO", "writing log files to disk", path=self.log_file)
        self.journal.write("INFO", "loading configuration from file", config_file=self.config)
        listed = self._fetch()
        if listed is None:
            return False
        self._server = serve(self, 0 if not self._bound else self.node.port)
        self.node.port = self._server.server_port
        self._bound = True
        node_files.write_config(self)
        last = node_files.last_states(self.states, self.began)
        self._traces.begin(self.pid, self.clock.now().mono, self.config, self.journal.zone)
        self._traces.open(self.pid, self.log_file)
        self.up = True
        self.servers = {}
        for told in listed:
            self._load(told)
            self.journal.write("INFO", "finished loading configuration for server", server=told["uuid"])
        for each in self.servers.values():
            each.boot(last.get(each.uuid))
        self.journal.write("INFO", "starting cron processes", subsystem="cron")
        self.journal.write("INFO", "updating server states on Panel: marking installing/restoring servers as normal")
        self.caller.ask("POST", "/servers/reset")
        self._beat = self.began  # the ticker's first beat is a minute away
        return True

    def kill(self) -> None:
        """End the process where it stands: backups die half done, nobody is told, containers run on."""
        self.up = False
        self._dead.set()
        for job in self.jobs:
            job.kill()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self._traces.end(self.pid)
        self.join()

    def restart(self) -> bool:
        """Kill and boot."""
        self.kill()
        return self.boot()

    def close(self) -> None:
        """End it for good."""
        self._closed.set()
        self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tick(self) -> None:
        """Do what time makes due: the heartbeat of each minute, what Docker tells of its containers."""
        if not self.up:
            return
        now = self.clock.now().wall
        if now - self._beat >= HEARTBEAT:
            self._beat += (now - self._beat) // HEARTBEAT * HEARTBEAT
            self.states.write_text(json.dumps({uuid: each.state for uuid, each in self.servers.items()}), encoding="utf-8")
            os.utime(self.states, (self._beat, self._beat))
        for each in list(self.servers.values()):
            with suppress(EngineAway):
                each.observe()

    def learn(self) -> None:
        """Load servers that were created since, as the panel's own call does."""
        for told in self._fetch() or ():
            if told["uuid"] not in self.servers:
                self._load(told)

    def docker_away(self) -> bool:
        """Whether Docker does not answer."""
        try:
            self.containers.state("")
        except EngineAway:
            return True
        return False

    # -- archives

    def path_of(self, server: str, backup: str) -> Path:
        """Return where an archive lies: flat, but with Pelican (contract section 8)."""
        nested = self.panel.world.release.nested_archives
        return self.backups / server / f"{backup}.tar.gz" if nested else self.backups / f"{backup}.tar.gz"

    def volume(self, server: str) -> Path:
        """Return a server's files."""
        return self.volumes / server

    def fill(self, server: str, files: dict[str, bytes]) -> None:
        """Put files into a server's volume."""
        for name, content in files.items():
            path = self.volume(server) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def begin_backup(self, server: str, backup: str, adapter: str = "wings", ignored: str = "") -> BackupJob:
        """Begin a backup, as POST .../backup does; return its job."""
        self.path_of(server, backup).parent.mkdir(exist_ok=True)
        job = BackupJob(self, server, backup, adapter, ignored, str(uuids.uuid4()))
        self.jobs.append(job)
        if not self.manual:
            self.later(job.run)
        return job

    def job(self, backup: str) -> BackupJob:
        """Return the newest job of a backup."""
        return next(each for each in reversed(self.jobs) if each.uuid == backup)

    def remove(self, path: Path) -> None:
        """Remove an archive; that it fails is ignored (case H)."""
        if not self.switches.remove_fails:
            path.unlink(missing_ok=True)

    def stamp(self, path: Path) -> None:
        """Give a file the world's time."""
        now = self.clock.now().wall
        os.utime(path, (now, now))

    @contextmanager
    def holding(self, path: Path, flags: int) -> Iterator[int]:
        """Open a file, seen in our corner of /proc, too; yield its descriptor."""
        handle = os.open(path, flags, 0o600)
        self._traces.open(self.pid, path)
        try:
            yield handle
        finally:
            self._traces.close(path)
            os.close(handle)

    # -- threads

    def later(self, work: Callable[[], None]) -> None:
        """Do it in a thread of its own, as Go would."""
        thread = threading.Thread(target=work, name="fake-wings", daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self, seconds: float = 60.0) -> None:
        """Wait until everything begun is over, or halts at a step."""
        me = threading.current_thread()
        for thread in self._threads:
            if thread is not me:
                thread.join(seconds if not self.stops else 0.05)
        self._threads = [each for each in self._threads if each.is_alive()]

    def _live(self) -> None:
        while not self._closed.wait(_LOOK):
            self.tick()

    # -- boot

    def _fetch(self) -> list[dict[str, Any]] | None:
        self.journal.write("INFO", "fetching list of servers from API")
        found: list[dict[str, Any]] = []
        page, last = 0, 1
        while page < last:
            page += 1
            answer = self.caller.ask("GET", f"/servers?page={page}&per_page={PAGE}")
            if not answer.well:
                self.journal.write("FATAL", "failed to load server configurations", error=answer.text)
                return None
            found += answer.said["data"]
            last = int(answer.said["meta"]["last_page"])
        self.journal.write("INFO", "processing servers returned by the API", total_configs=len(found))
        return found

    def _load(self, told: dict[str, Any]) -> Environment:
        uuid = str(told["uuid"])
        self.servers[uuid] = environment = Environment(self, uuid, told)
        node_files.furnish(self.volume(uuid), uuid)
        return environment
