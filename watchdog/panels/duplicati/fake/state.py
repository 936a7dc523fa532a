"""One Duplicati server as one state machine: what it has stored, what it remembers, and time, which it catches up with when looked at.

Everything that happens by itself (a pause's timer, the scheduler, the end of a run) is worked off in its order, each at its own moment,
before anybody sees the state. So a week of a simulated clock passes rightly in one look; on the real one ``FakeDuplicati`` looks all the
time.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from watchdog.model.moments import Clock, Moment
from watchdog.panels.duplicati.fake import operations, pausing, runner, scheduling, volumes
from watchdog.panels.duplicati.fake.memory import Memory
from watchdog.panels.duplicati.fake.releases import RELEASES, Counts
from watchdog.panels.duplicati.fake.rows import Job, Notice, Run, Schedule, Sent, Task
from watchdog.panels.duplicati.fake.stored import first_settings
from watchdog.panels.duplicati.fake.switches import Switches

PASSWORD: Final = "fake-duplicati-password"  # noqa: S105  # made up
PASSPHRASE: Final = "fake-duplicati-passphrase"  # noqa: S105  # made up
AUTH_PASSWORD: Final = "fake-duplicati-auth-password"  # noqa: S105  # made up
SEND_TOKEN: Final = "fake-duplicati-send-token"  # noqa: S105  # made up
PREAUTH: Final = "fake-duplicati-preauth-token"


class DuplicatiWorld:
    """A server's world. ``memory`` is None while it is down. All times are ``clock``'s; ``zone`` is the server's."""

    def __init__(self, clock: Clock, folder: Path, release: str = "2.3.0.4", *, zone: str = "UTC", password: str = PASSWORD) -> None:
        self.clock = clock
        self.folder = folder
        self.release = RELEASES[release]
        self.zone = zone
        self.password = password
        self.preauth: tuple[str, ...] = (PREAUTH,)
        self.forever = False
        """--webservice-enable-forever-token."""
        self.allowed_hosts: tuple[str, ...] = ()
        self.switches = Switches()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.settings = first_settings(self.release)
        self.jobs: dict[str, Job] = {}
        self.notices: list[Notice] = []
        self.key = secrets.token_bytes(32)
        self.memory: Memory | None = None
        self.runs: list[Run] = []
        self.reports: list[Sent] = []
        self.due: list[tuple[str, int]] = []
        """Each due time the scheduler found, for tests."""
        self.listings: dict[str, volumes.Listing] = {}
        """What each job's last run saw of its sources."""
        self.report_seconds = 100.0
        """Real seconds a report's receiver may take to answer."""
        self.ended = threading.Event()
        """Set when the world is done with; a report is not sent again then."""
        folder.mkdir(parents=True, exist_ok=True)

    # -- life

    def boot(self) -> None:
        """Start, with what is stored."""
        with self.lock:
            now = self.clock.now()
            memory = self.memory = Memory(self.release.boot, errors_left=self.switches.boot_errors)
            if self.release.unencrypted_warning and not self.notices:
                self._warn_of_database(memory, now)
            pausing.at_start(self, memory, now)
            scheduling.reckon(self, memory, now, first=True)

    def down(self) -> None:
        """Forget all that is not stored. A run is cut: what it was uploading stays truncated, and no list names it."""
        with self.lock:
            memory, self.memory = self.memory, None
            if memory is not None and memory.active is not None:
                operations.cut(self, memory.active)
            self.changed.notify_all()

    def catch_up(self) -> Memory | None:
        """Work off all that is over by now; return the memory, None when the server is down."""
        with self.lock:
            memory = self.memory
            while memory is not None and (step := self._next(memory, self.clock.now())) is not None:
                step()
            return memory

    def _next(self, memory: Memory, now: Moment) -> Callable[[], None] | None:
        """Return the earliest thing that is due, to be done at its own moment."""
        steps: list[tuple[float, int, Callable[[Moment], None]]] = []
        if memory.timer_at is not None:
            steps.append((memory.timer_at, 0, lambda at: pausing.resume(self, memory, at)))
        task = memory.active
        if task is not None and task.ends_at is not None and task.frozen_since is None:
            steps.append((task.ends_at, 1, lambda at: runner.ended(self, memory, at)))
        due = scheduling.next_due(memory)
        if due is not None:
            steps.append((now.mono - (now.wall - due), 2, lambda at: scheduling.reckon(self, memory, at)))
        if memory.reschedule_at is not None:
            steps.append((memory.reschedule_at, 3, lambda at: scheduling.reckon(self, memory, at)))
        at, _, step = min(steps, key=lambda each: each[:2], default=(0.0, 0, None))
        if step is None or at > now.mono:
            return None
        moment = Moment(now.wall - (now.mono - at), at)

        def do() -> None:
            before = memory.counters
            step(moment)
            if memory.counters != before:
                self.told()

        return do

    def told(self) -> None:
        """Wake who waits for an event."""
        self.changed.notify_all()

    # -- a person at the web interface, for tests and the demo

    def pause(self, duration: str = "", *, transfers: bool = False) -> None:
        """Press Pause."""
        with self.lock:
            memory = self._up()
            pausing.pause(self, memory, duration, self.clock.now(), transfers=transfers)
            self.told()

    def resume(self) -> None:
        """Press Resume."""
        with self.lock:
            pausing.resume(self, self._up(), self.clock.now())
            self.told()

    def run(self, job: Job, operation: str = "Backup") -> Task:
        """Press Run now."""
        with self.lock:
            task = runner.enqueue(self, self._up(), job, self.clock.now(), operation, first=self.release.old_line)
            self.told()
            return task

    def _up(self) -> Memory:
        memory = self.catch_up()
        if memory is None:
            raise RuntimeError("the server is down")
        return memory

    # -- looking

    @property
    def program(self) -> str:
        """Return Running, Paused or, when down, nothing."""
        memory = self.catch_up()
        return "" if memory is None else "Paused" if memory.paused else "Running"

    @property
    def really_paused(self) -> bool:
        """Whether nothing would begin."""
        memory = self.catch_up()
        return memory is not None and memory.runner_paused

    @property
    def counters(self) -> Counts:
        """Return the three counters."""
        return self._up().counters

    # -- stored things

    def add_job(
        self, name: str, *, sources: list[Path] | None = None, destination: Path | None = None, time: float | None = None,
        repeat: str = "1D", days: tuple[str, ...] = (), passphrase: str = "", seconds: float = 1.0, target_query: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> Job:  # fmt: skip
        """Add a job: with a source of its own, an empty destination folder, and, with a ``time`` (UNIX seconds), a schedule."""
        with self.lock:
            number = max(map(int, self.jobs), default=0) + 1
            folder = destination or self.folder / "backups" / f"job-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            url = "file://" + quote(str(folder)) + (f"?{target_query}" if target_query else "")
            plain = {"encryption-module": "", "--no-encryption": "true"}
            sealed = {"encryption-module": "aes", "passphrase": passphrase}
            told = {**(sealed if passphrase else plain), "--upload-verification-file": "true", **(settings or {})}
            rows = [{"Filter": "", "Name": key, "Value": value, "Argument": None} for key, value in told.items()]
            froms = [str(path) + "/" for path in sources or [self._source(number)]]
            job = Job(str(number), name, url, froms, rows, self.db_path(), seconds=seconds)
            if time is not None:
                job.schedule = Schedule(number, int(time), repeat, days, tags=(f"ID={number}",))
            self.store(job)
            return job

    def store(self, job: Job) -> None:
        """Keep a job, and let the scheduler know of it in a moment."""
        self.jobs[job.id] = job
        if self.memory is not None:
            self.memory.reschedule_at = self.clock.now().mono + scheduling.LATER

    def db_path(self) -> Path:
        """Return a name for a job's database."""
        return self.folder / ("".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(10)) + ".sqlite")

    def notice(self, memory: Memory, notice: Notice) -> None:
        """Show a notification."""
        self.notices.append(notice)
        memory.count(runner.NOTICED)

    def next_notice(self) -> int:
        """Return the next notification's number."""
        return max((notice.id for notice in self.notices), default=0) + 1

    def _source(self, number: int) -> Path:
        folder = self.folder / "source" / f"job-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        for each in range(3):
            (folder / f"file{each}.txt").write_text(f"job {number}, file {each}\n" * 40, encoding="ascii")
        return folder

    def _warn_of_database(self, memory: Memory, now: Moment) -> None:
        text = "The database is not encrypted. This is a security risk and should be fixed as soon as possible."
        action, tag = "config:issue:unencrypted-database", "UnencryptedDatabase"
        self.notices.append(Notice(self.next_notice(), "Warning", "Unencrypted database", text, now.wall, action=action, message_id=tag))
        memory.count(Counts(3, 2, 1))
