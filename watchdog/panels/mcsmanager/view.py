"""What MCSManager believes, frozen: the panel, its daemons, their instances, and what each daemon's own Docker answered.

Pure values; ``answers.py`` fills them from the wire and nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

LABEL = "mcsmanager.instance.uuid"
"""The container label that names the instance; set by daemons from 4.7.0 (panel 10.7.0) on (contract section 2)."""

Version = tuple[int, int, int]

HEADER_SUFFICES_SINCE: Version = (10, 8, 3)
"""From this panel on the key's header counts on the routes of one instance too; before, only the query does (seen on 10.6.1)."""
LABELLED_SINCE: Version = (4, 7, 0)
"""Daemons from here on label their containers and take running ones over at boot (service/takeover_container.ts)."""
SOFT_EXIT_SINCE: Version = (4, 13, 0)
"""Daemons from here on leave Docker instances running when they are asked to end (commit 2eff9f7f)."""


class Status(IntEnum):
    """An instance's state as the daemon's state machine has it; never compared with Docker by the daemon itself."""

    BUSY = -1
    STOPPED = 0
    STOPPING = 1
    STARTING = 2
    RUNNING = 3

    @property
    def word(self) -> str:
        """Return the word used in labels and sentences."""
        return self.name.lower()


def parse_version(text: str | None) -> Version | None:
    """Given ``4.18.2``, ``v4.18`` or ``4.13.0-beta``, return three numbers; None when it is not a version."""
    if not text:
        return None
    digits = text.strip().removeprefix("v").split("-")[0].split("+")[0].split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 7 for part in digits):  # noqa: PLR2004  # longer is no version
        return None
    numbers = [int(part) for part in digits[:3]] + [0, 0]
    return numbers[0], numbers[1], numbers[2]


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the daemon lists it.

    ``started`` counts starts since this daemon process began, so it falls when the daemon restarts. ``end_time`` is the rent's end in UNIX
    seconds (None = none); a start after it always fails. ``auto_restarted`` is None before 10.9.0. ``configured_name`` is the container
    name a person chose ("" = the default). ``stop_timeout`` is in seconds, None = off or too old to know.
    """

    uuid: str
    nickname: str
    status: Status
    started: int = 0
    auto_restarted: int | None = None
    process_type: str = "docker"
    auto_start: bool = False
    auto_restart: bool = False
    auto_restart_max: int | None = None
    end_time: float | None = None
    configured_name: str = ""
    image: str = ""
    stop_command: str = ""
    stop_timeout: float | None = None
    cwd: str = ""

    @property
    def container_name(self) -> str:
        """Return the name its container has: the chosen one or ``MCSM-`` and six digits (contract section 2)."""
        return self.configured_name or f"MCSM-{self.uuid[:6]}"


@dataclass(frozen=True, slots=True)
class SeenContainer:
    """One running or paused container as the daemon's own Docker lists it (``environment/containers``)."""

    id: str
    name: str
    state: str
    image: str = ""
    instance: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Daemon:
    """One daemon behind the panel.

    ``version`` is None when it is offline, or when it is available and its overview hung (``overview_hung``: on 10.12.4+ typically a silent
    dockerd). ``instances`` and ``containers`` are None when they could not be read, with the reason beside them.
    ``process_cpu`` is the daemon process's own system time in microseconds since it began (info_router.ts:
    ``process.cpuUsage().system``): it only falls when the daemon restarted. The soft shutdown flags are None where the version has none.
    ``images`` are the image names its Docker has, read only while something starts (None = not read).
    """

    uuid: str
    remarks: str = ""
    address: str = ""
    available: bool = False
    version: str | None = None
    overview_hung: bool = False
    process_cpu: int | None = None
    soft_shutdown: bool | None = None
    soft_shutdown_skips_docker: bool | None = None
    instances: tuple[Instance, ...] | None = None
    instances_error: str = ""
    containers: tuple[SeenContainer, ...] | None = None
    containers_error: str = ""
    images: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """Return what a person calls it: its remarks, else its address, else its uuid."""
        return self.remarks or self.address or self.uuid

    @property
    def numbers(self) -> Version | None:
        """Return its version as numbers; None = unknown."""
        return parse_version(self.version)

    @property
    def labels_containers(self) -> bool:
        """Whether its containers carry the label and are taken over at boot; False when the version is unknown."""
        return (self.numbers or (0, 0, 0)) >= LABELLED_SINCE

    @property
    def spares_instances(self) -> bool:
        """Whether its restart leaves game servers alive; False when anything about that is unknown (contract section 2, SIGTERM)."""
        new = (self.numbers or (0, 0, 0)) >= SOFT_EXIT_SINCE
        return new and self.soft_shutdown is True and self.soft_shutdown_skips_docker is True


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the panel's operation log: proof that the panel got a 200 for it, and of nothing else.

    ``at`` is UNIX seconds by the panel's clock; ``by_key`` is whether it came in with an API key (10.18; before, nothing tells).
    """

    id: str
    type: str
    at: float
    daemon: str = ""
    instance: str = ""
    operator: str = ""
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class McsmanagerView:
    """All that one target believes at one moment. ``operations`` is oldest first; None = not readable (up to 10.6 there is no log).

    ``ahead`` is by how many seconds the panel's clock was ahead of ours when the log was read.
    """

    version: str = ""
    daemons: tuple[Daemon, ...] = ()
    operations: tuple[Operation, ...] | None = None
    operations_error: str = ""
    ahead: float = 0.0

    def daemon(self, uuid: str) -> Daemon | None:
        """Return the daemon with ``uuid``, or None."""
        return next((daemon for daemon in self.daemons if daemon.uuid == uuid), None)
