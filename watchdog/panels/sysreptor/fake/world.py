"""What a SysReptor consists of: its rows, its files, its licence, its log, and the switches for its bugs. Thread-safe.

``backup`` yields what the real one streams (api_utils/backup_utils.py, create_backup): a row in the log at the start, the archive, and a
row that says finished at the moment at which this release writes it, whoever has the bytes by then.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from watchdog.panels.sysreptor.fake import content
from watchdog.panels.sysreptor.fake.dialect import Entry, stream
from watchdog.panels.sysreptor.fake.releases import RELEASES, Release

BACKUP_KEY: Final = "a-backup-key-of-28-characters"
ADMIN_TOKEN: Final = "sysreptor_ZmFrZTphZG1pbi1zZWNyZXQ="  # noqa: S105  # of the fake
USER_TOKEN: Final = "sysreptor_ZmFrZTp1c2VyLXNlY3JldA=="  # noqa: S105  # of the fake
LEAST_KEY: Final = 20
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the log."""

    id: str
    created: datetime
    type: str
    user: str | None = None


@dataclass(slots=True)
class Task:
    """One periodic task; times in UNIX seconds."""

    id: str
    status: str = "success"
    started: float = 0.0
    completed: float | None = None
    last_success: float | None = None


@dataclass(slots=True)
class Switches:
    """Bugs and weather that can be turned on while it runs."""

    cut_web_after: int | None = None
    """The worker is recycled and killed: every download is cut after so many bytes (causes B and B2, contract section 2)."""
    end_command_before_directory: bool = False
    """The command ends when all files are through and ``backup_finished`` is in the log, before the archive's directory: what a receiver
    that died then has (contract section 1.6)."""
    out_of_memory_after: int | None = None
    """The kernel kills the backup after so many bytes (causes C and D)."""
    empty_files: bool = False
    """Files cannot be read: they are empty in the backup, which ends well all the same (``_file_chunks``)."""
    database_up: bool = True
    """Without it everything answers a page of HTML, code 500, after ``database_delay`` (healthcheck_dbdown.json, 30.0 s there)."""
    database_delay: float = 0.2
    unreachable: bool = False
    """Close every connection without an answer."""
    migrations_applied: bool = True
    database_strange: bool = False
    """The database answers, and not as it should: the healthcheck says so, with code 503."""
    tasks_fail: bool = False
    hold: threading.Event | None = None
    """A backup that is under way waits for this after its first bytes."""


class SysreptorWorld:
    """One installation. ``now`` gives UNIX seconds; ``killed`` is told when the kernel kills a backup for want of memory."""

    def __init__(self, release: str = "2026.61", *, now: Callable[[], float], killed: Callable[[], None] = lambda: None) -> None:
        self.release: Release = RELEASES[release]
        self.professional = True
        self.licence_error: str | None = None
        self.valid_until = "2099-12-31"
        self.backup_key: str | None = BACKUP_KEY
        self.tokens: dict[str, bool] = {ADMIN_TOKEN: True, USER_TOKEN: False}
        self.switches = Switches()
        self.projects = 3
        self.tasks: list[Task] = [Task(name, started=now() - 60, last_success=now() - 60) for name in content.TASKS]
        self.killed = killed
        self.health_calls = 0
        self.running = 0
        self._now = now
        self._rows: list[Row] = []
        self._lock = threading.Lock()
        self._last_us = 0
        self.note("setup")

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the log, newest first, as the model's default order has it."""
        with self._lock:
            return tuple(sorted(self._rows, key=lambda row: row.created, reverse=True))

    def now(self) -> datetime:
        """Return a time that no row has yet."""
        with self._lock:
            return self._tick()

    def note(self, kind: str, user: str | None = None, created: datetime | None = None) -> Row:
        """Write a row into the log."""
        with self._lock:
            row = Row(str(uuid.uuid4()), created or self._tick(), kind, user)
            self._rows.append(row)
        return row

    def upgrade(self, release: str) -> None:
        """Become another release; from 2025.69 on the old rows, written at the start, are called finished (migration api_utils/0004)."""
        self.release = RELEASES[release]
        if self.release.finished_row != "none":
            with self._lock:
                self._rows = [replace(row, type="backup_finished") if row.type == "backup" else row for row in self._rows]

    def forget_log(self) -> None:
        """Empty the log, but for the row of the setup, as another database would have it."""
        with self._lock:
            self._rows = [row for row in self._rows if row.type == "setup"]

    def backdate(self, to: datetime) -> None:
        """Let the newest row be of then."""
        with self._lock:
            newest = max(self._rows, key=lambda row: row.created)
            self._rows[self._rows.index(newest)] = replace(newest, created=to)

    def run_tasks(self) -> None:
        """Run the periodic tasks that are due, as each successful healthcheck does (HealthcheckApiView)."""
        now = self._now()
        for task in self.tasks:
            if task.status != "success" or now - task.started >= DAY:
                task.started, task.status = now, "failed" if self.switches.tasks_fail else "success"
                task.completed = now
                task.last_success = now if task.status == "success" else task.last_success

    def backup(self, user: str | None = None) -> Generator[bytes, None, None]:
        """Write the first row and yield the archive; the caller sends it, or does not."""
        release = self.release
        started = self.note("backup" if release.finished_row == "none" else "backup_started", user)
        self.running += 1
        try:
            yield from stream(self._entries(started, user), self._now())
            if release.finished_row == "after_last_chunk":
                self.note("backup_finished", user)
        finally:
            self.running -= 1

    def _entries(self, started: Row, user: str | None) -> Iterator[Entry]:
        release = self.release
        yield Entry("VERSION", release.name.encode())
        yield Entry("migrations.json", json.dumps(content.migrations()).encode())
        if release.has_configurations:
            yield Entry("configurations.json", json.dumps(content.configurations()).encode())
        log = [content.log_row(row.id, row.created, row.type) for row in reversed(self.rows)]
        yield Entry("backup.jsonl", content.lines(self.projects, log))
        for name, body in content.files(self.projects):
            # the source asks for STORED for images and archives, but zipstream-ng looks at that only when it writes: all are packed
            yield Entry(name, () if self.switches.empty_files else _pieces(body))
        if release.has_stats:
            yield Entry("stats.json", self._stats(started, user))

    def _stats(self, started: Row, user: str | None) -> Iterator[bytes]:
        yield b""
        finished = self.now()
        yield json.dumps({"started": started.created.isoformat(), "finished": finished.isoformat()}).encode()
        self.note("backup_finished", user, finished)

    def _tick(self) -> datetime:
        self._last_us = max(self._last_us + 1, int(self._now() * 1e6))
        return datetime.fromtimestamp(self._last_us // 1_000_000, UTC).replace(microsecond=self._last_us % 1_000_000)


def _pieces(body: bytes, size: int = 64 << 10) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


def limited(pieces: Iterator[bytes], most: int | None) -> Iterator[bytes]:
    """Yield at most ``most`` bytes of a stream (None = all of it)."""
    left = most
    for piece in pieces:
        if left is None:
            yield piece
            continue
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def mangled(archive: bytes, log: bytes = b"Backup requested\n") -> bytes:
    """Return what a terminal makes of a redirected backup: log lines in front, CRLF for each LF (contract section 1.1, TTY hazard)."""
    return (log + archive).replace(b"\n", b"\r\n")
