"""What a panel consists of: its rows, its keys, its clock work, and the switches for its bugs. Thread-safe; time is the clock's.

Cron runs when somebody looks: before each answer ``tick`` catches up with every minute that has passed on the clock, so that what was
pruned carries the time of its tick, however late one asks. ``dump`` and ``restore`` are the database's (case I).
"""

from __future__ import annotations

import copy
import hashlib
import threading
import uuid as uuids
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl.fake.releases import RELEASES, Release
from watchdog.panels.pterodactyl.fake.rows import Activity, Backup, Key, Node, Schedule, Server, Task
from watchdog.panels.pterodactyl.fake.switches import Switches

ADMIN_KEY: Final = "ptlc_fakeadmin00000000000000000000000000000000000"
OWNER_KEY: Final = "ptlc_fakeowner00000000000000000000000000000000000"
ADDRESS_KEY: Final = "ptlc_fakeaddress000000000000000000000000000000000"
APPLICATION_KEY: Final = "ptla_fakeapplication0000000000000000000000000000"
WEAK_KEY: Final = "ptla_fakeweak00000000000000000000000000000000000"
KEYS: Final = (
    Key(ADMIN_KEY, "client", 1, admin=True),
    Key(OWNER_KEY, "client", 2, admin=False),
    Key(ADDRESS_KEY, "client", 1, admin=True, addresses=("192.0.2.1",)),
    Key(APPLICATION_KEY, "application", 1, admin=True),
    Key(WEAK_KEY, "application", 1, admin=True, permitted=False),
)
MINUTE, HALF_AN_HOUR, DAY = 60.0, 1800.0, 86_400.0


@dataclass(slots=True)
class Rows:
    """The database: what ``dump`` copies."""

    nodes: dict[int, Node] = field(default_factory=dict)
    servers: dict[int, Server] = field(default_factory=dict)
    backups: dict[str, Backup] = field(default_factory=dict)
    schedules: dict[int, Schedule] = field(default_factory=dict)
    activity: list[Activity] = field(default_factory=list)


class PanelWorld:
    """One installation. ``prune_age`` is BACKUP_PRUNE_AGE in seconds (0 = never); ``throttle`` is (backups, seconds) per server."""

    def __init__(self, clock: Clock, release: str = "1.11.8") -> None:
        self.clock = clock
        self.release: Release = RELEASES[release]
        self.switches = Switches()
        self.keys: dict[str, Key] = {key.token: key for key in KEYS}
        self.zone = "UTC"
        """APP_TIMEZONE: the offset of every time that is shown (client-backup-one-timezone-berlin.json)."""
        self.prune_age = 6 * 3600.0
        self.throttle = (2, 600.0)
        self.lock = threading.RLock()
        self.rows = Rows()
        self.worker: Callable[[Server, Task], None] = lambda _server, _task: None
        """Does a task of a schedule (RunTaskJob.php): the panel's, once it is there."""
        self._due: list[tuple[Server, Task]] = []
        self._ticked = self._floor(self.now(), MINUTE)

    def now(self) -> float:
        """Return UNIX seconds of the world's clock, whole ones: columns are TIMESTAMP."""
        return float(int(self.clock.now().wall))

    def upgrade(self, release: str) -> None:
        """Become another release."""
        self.release = RELEASES[release]

    # -- rows

    def add_node(self, name: str = "node-a", uuid: str = "", **more: object) -> Node:
        """Add a node with tokens of its own; ``more`` are fields of Node."""
        with self.lock:
            number = len(self.rows.nodes) + 1
            digest = hashlib.sha256(f"{name}{number}".encode()).hexdigest()
            node = Node(number, uuid or _uuid("node", number), name, digest[:16], digest, created_at=self.now())
            _fill(node, more)
            self.rows.nodes[number] = node
            return node

    def add_server(self, name: str = "Paper", node: Node | None = None, uuid: str = "", **more: object) -> Server:
        """Add a server (on the first node, unless told); ``more`` are fields of Server."""
        with self.lock:
            number = max(self.rows.servers, default=0) + 1
            home = (node or next(iter(self.rows.nodes.values()))).id
            server = Server(number, uuid or _uuid("server", number), name, home, allocation_port=25564 + number, created_at=self.now())
            _fill(server, more)
            self.rows.servers[number] = server
            return server

    def add_backup(self, server: Server, uuid: str = "", **more: object) -> Backup:
        """Add a record as the database holds it; ``more`` are fields of Backup. Nothing is told to anybody."""
        with self.lock:
            backup = Backup(uuid or str(uuids.uuid4()), server.id, created_at=self.now())
            _fill(backup, more)
            self.rows.backups[backup.uuid] = backup
            return backup

    def add_schedule(self, server: Server, tasks: Iterable[Task] = (), **more: object) -> Schedule:
        """Add a schedule with one backup task, unless told; ``more`` are fields of Schedule."""
        with self.lock:
            number, now = len(self.rows.schedules) + 1, self.now()
            schedule = Schedule(number, server.id, next_run_at=now + 86_400.0, created_at=now, updated_at=now)
            _fill(schedule, more)
            schedule.tasks = list(tasks) or [Task(number, updated_at=now)]
            self.rows.schedules[number] = schedule
            return schedule

    def server(self, text: str) -> Server | None:
        """Return the server with this uuid or short uuid."""
        return next((each for each in self.rows.servers.values() if text in {each.uuid, each.identifier}), None)

    def backup(self, uuid: str) -> Backup | None:
        """Return the record that other transactions see under this uuid."""
        with self.lock:
            row = self.rows.backups.get(uuid)
            return row if row is not None and row.committed and not row.deleted else None

    def backups_of(self, server: Server) -> list[Backup]:
        """Return the records of one server, in the order of their rows."""
        with self.lock:
            return [each for each in self.rows.backups.values() if each.server == server.id and each.committed and not each.deleted]

    def node_of(self, server: Server) -> Node:
        """Return a server's node."""
        return self.rows.nodes[server.node]

    def note(self, server: int, event: str, *, api: bool, actor: str = "", **properties: object) -> None:
        """Write a row of activity; ``actor`` is the account that did it, "" = the panel itself or a Wings."""
        with self.lock:
            number = hashlib.sha256(f"{len(self.rows.activity)}{event}".encode()).hexdigest()[:40]
            self.rows.activity.append(Activity(number, server, event, tuple(properties.items()), self.now(), api, actor=actor))

    def delete_server(self, server: Server) -> None:
        """Delete a server: its backup rows cascade, its archives stay where they are (contract section 5.2)."""
        with self.lock:
            del self.rows.servers[server.id]
            self.rows.backups = {uuid: row for uuid, row in self.rows.backups.items() if row.server != server.id}

    # -- the database as a whole (case I)

    def dump(self) -> Rows:
        """Return what mysqldump would write now."""
        with self.lock:
            return copy.deepcopy(self.rows)

    def restore(self, dump: Rows) -> None:
        """Load a dump: what came later is forgotten."""
        with self.lock:
            self.rows = copy.deepcopy(dump)

    # -- cron and queue

    def tick(self) -> None:
        """Let ``schedule:run`` do what every minute since the last look had to do, unless cron is dead; and the worker what is queued."""
        self._tick()
        with self.lock:
            due, self._due = self._due, []
        for server, task in due:
            self.worker(server, task)

    def _tick(self) -> None:
        with self.lock:
            now = self._floor(self.now(), MINUTE)
            at, self._ticked = self._ticked + MINUTE, max(self._ticked, now)
            if not self.switches.queue_dead:
                self._work(now)
            if self.switches.cron_dead or now < at:
                return
            if now - at > DAY:  # a long sleep: the ticks before were those of nobody
                at = now - DAY
            first = self._floor(at + HALF_AN_HOUR - 1, HALF_AN_HOUR)
            for step in range(int((now - first) // HALF_AN_HOUR) + 1):
                self.prune(first + step * HALF_AN_HOUR)
            self.process_schedules(now)

    def prune(self, now: float | None = None) -> int:
        """Do ``p:maintenance:prune-backups``: pending and older than the age = failed; no unlock, no activity (contract section 3.7)."""
        with self.lock:
            at = self.now() if now is None else now
            if not self.prune_age:
                return 0
            old = [each for each in self.rows.backups.values() if _pending(each) and each.created_at <= at - self.prune_age]
            for each in old:
                each.successful, each.completed_at = False, at
            return len(old)

    def process_schedules(self, now: float) -> None:
        """Do ``p:schedule:process``: what is due goes to the queue (client-schedules-queue-dead.json)."""
        for each in self.rows.schedules.values():
            server = self.rows.servers.get(each.server)
            due = each.active and not each.processing and each.next_run_at is not None and each.next_run_at <= now
            if not due or server is None or server.status:
                continue
            assert each.next_run_at is not None  # just looked at
            missed = int((now - each.next_run_at) // each.every) + 1
            each.next_run_at, each.updated_at = each.next_run_at + missed * each.every, now
            if self.switches.queue_dead:
                # client-schedules-queue-dead.json: processing, its first task queued, last_run_at unchanged
                each.processing = True
                for task in each.tasks[:1]:
                    task.queued, task.updated_at = True, now
                continue
            each.last_run_at = now
            self._due += [(server, task) for task in each.tasks]

    def _work(self, now: float) -> None:
        """Let a queue worker that is back do what was left in the queue."""
        for each in self.rows.schedules.values():
            if each.processing:
                each.processing, each.last_run_at = False, now
                server = self.rows.servers.get(each.server)
                for task in each.tasks:
                    task.queued = False
                    self._due += [(server, task)] if server is not None else []

    @staticmethod
    def _floor(at: float, step: float) -> float:
        return at // step * step


def _pending(row: Backup) -> bool:
    return row.completed_at is None and not row.successful and not row.deleted and row.committed


def _fill(row: object, more: dict[str, object]) -> None:
    for name, value in more.items():
        setattr(row, name, value)


def _uuid(kind: str, number: int) -> str:
    return str(uuids.UUID(bytes=hashlib.sha256(f"{kind}{number}".encode()).digest()[:16], version=4))
