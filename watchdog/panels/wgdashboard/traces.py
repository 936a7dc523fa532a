"""Evidence about one WGDashboard, frozen: what its folder and its processes show. Pure values; ``evidence.py`` fills them.

Each part is None when it could not be seen, and ``Evidence.blind`` says why: blind proves nothing (house rule 3). No password and no
private key ever enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Part = Literal["ini", "database", "log", "process", "files"]
PARTS: Final[tuple[Part, ...]] = ("ini", "database", "log", "process", "files")


@dataclass(frozen=True, slots=True)
class Ini:
    """What ``wg-dashboard.ini`` says. ``database`` is sqlite, postgresql or mysql; ``autostart`` None = the option is not there."""

    keys_enabled: bool | None = None
    prefix: str = ""
    wg_directory: str = ""
    awg_directory: str = ""
    autostart: tuple[str, ...] | None = None
    database: str = ""


@dataclass(frozen=True, slots=True)
class ConfFile:
    """One ``NAME.conf``: when it was changed (UNIX seconds), its peers (public key -> networks). ``error`` "" = it was read."""

    name: str
    changed_at: float
    peers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """What the newest ``log/error_*.log`` tells of this worker's threads, since its last "Background Thread #1 Started".

    ``died`` is the exception that ended thread 1 ("" = none seen), ``jobs_died`` likewise thread 2. ``thread`` is thread 1's id in the
    panel's own pid namespace (4.3 and later log it). ``broken_passes`` counts passes that ended in an error, ``broken_at`` (UNIX
    seconds) is when the newest was written at the latest, ``broken_by`` the error's class, ``broken_device`` the interface it names.
    ``jobs_broken`` counts errors of thread 2, which 4.3 does without a pause while one of its jobs cannot be done.
    """

    died: str = ""
    jobs_died: str = ""
    thread: int | None = None
    broken_passes: int = 0
    broken_at: float | None = None
    broken_by: str = ""
    broken_device: str = ""
    jobs_broken: int = 0


@dataclass(frozen=True, slots=True)
class Process:
    """The panel's gunicorn: master and worker (pids as we see them) and when they began (seconds on the monotonic clock).

    ``tasks`` are the worker's threads by their ids in the panel's own pid namespace. ``netns`` names the network namespace as the
    WireGuard facts do ("" = ours, None = none of those). ``cgroup`` is the master's ("" = the root, so no unit's), ``daemons`` counts
    userspace WireGuard daemons in it. ``kill_mode`` is what systemd ends with the unit of the hook ("process" = gunicorn alone), "" = not
    known; it is asked for only while there are such daemons. ``utc_offset`` is seconds east of UTC on the panel's clock, None = unknown.
    ``first`` tells whether the master is the first process of a container, which ends with it.
    """

    master: int
    worker: int
    master_began: float
    worker_began: float
    tasks: frozenset[int] = frozenset()
    netns: str | None = None
    cgroup: str = ""
    daemons: int = 0
    kill_mode: str = ""
    utc_offset: float | None = None
    first: bool = False

    @property
    def began(self) -> tuple[int, float]:
        """Return what changes with every life of the worker."""
        return self.worker, self.worker_began

    @property
    def respawned(self) -> bool:
        """Whether the worker is not the master's first: such a one has the settings of the master's start (contract section 3.3)."""
        return self.worker_began - self.master_began > RESPAWN_SECONDS


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence of one look. ``database_at`` is when ``db/wgdashboard.db`` was last written (UNIX seconds), sqlite only."""

    ini: Ini | None = None
    database_at: float | None = None
    journal: Journal | None = None
    process: Process | None = None
    files: Mapping[str, ConfFile] | None = None
    blind: Mapping[Part, str] = field(default_factory=dict)

    def thread_lives(self) -> bool | None:
        """Whether thread 1 is among the worker's tasks (detector D); None = cannot be told."""
        if self.journal is not None and self.journal.died:
            return False
        if self.journal is None or self.journal.thread is None or self.process is None or not self.process.tasks:
            return None
        return self.journal.thread in self.process.tasks


NOTHING: Final = Evidence(blind=dict.fromkeys(PARTS, "no directory is configured"))
"""The evidence of a target without a directory."""
RESPAWN_SECONDS: Final = 60.0
"""A worker that began later than this after its master is a second one: importing the panel and raising its tunnels takes less."""
