"""The rows of the panel's database, as far as our questions reach. Times are UNIX seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Disk = Literal["wings", "s3"]
STATUSES = ("", "installing", "install_failed", "reinstall_failed", "suspended", "restoring_backup")


@dataclass(slots=True)
class Node:
    """A row of ``nodes``, tokens included."""

    id: int
    uuid: str
    name: str
    token_id: str
    token: str
    fqdn: str = "127.0.0.1"
    scheme: str = "http"
    port: int = 8080
    maintenance: bool = False
    memory: int = 16384
    disk: int = 200_000
    created_at: float = 0.0

    @property
    def address(self) -> str:
        """Return what Node::getConnectionAddress says."""
        return f"{self.scheme}://{self.fqdn}:{self.port}"


@dataclass(slots=True)
class Server:
    """A row of ``servers``, its allocation and its egg's way to stop. ``transferring``: a transfer row whose outcome is not known."""

    id: int
    uuid: str
    name: str
    node: int
    status: str = ""
    transferring: bool = False
    owner: int = 2
    memory: int = 2048
    swap: int = 0
    disk: int = 5000
    io: int = 500
    cpu: int = 0
    backup_limit: int = 5
    allocation_port: int = 25565
    stop_type: str = "command"
    """``command``, ``stop`` (egg ``^C``) or ``signal`` (``^SIG...``): contract section 6.2."""
    stop_value: str = "stop"
    created_at: float = 0.0

    @property
    def identifier(self) -> str:
        """Return the short uuid."""
        return self.uuid[:8]


@dataclass(slots=True)
class Backup:
    """A row of ``backups``. ``committed``: whether other transactions see it. ``deleted``: the soft delete."""

    uuid: str
    server: int
    name: str = "nightly"
    successful: bool = False
    locked: bool = False
    ignored: tuple[str, ...] = ()
    disk: Disk = "wings"
    checksum: str | None = None
    bytes: int = 0
    created_at: float = 0.0
    completed_at: float | None = None
    upload_id: str | None = None
    deleted: bool = False
    committed: bool = True


@dataclass(slots=True)
class Task:
    """A row of ``tasks``. ``time_offset`` is seconds after the schedule's tick."""

    id: int
    action: str = "backup"
    payload: str = ""
    time_offset: int = 0
    queued: bool = False
    updated_at: float = 0.0


@dataclass(slots=True)
class Schedule:
    """A row of ``schedules`` with its tasks; ``cron`` is minute, hour, day of month, month, day of week."""

    id: int
    server: int
    name: str = "daily"
    cron: tuple[str, str, str, str, str] = ("0", "4", "*", "*", "*")
    every: float = 86_400.0
    """Seconds between two ticks: the fake moves ``next_run_at`` on by it."""
    active: bool = True
    processing: bool = False
    only_when_online: bool = False
    last_run_at: float | None = None
    next_run_at: float | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    tasks: list[Task] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Activity:
    """A row of ``activity_logs`` of one server."""

    id: str
    server: int
    event: str
    properties: tuple[tuple[str, object], ...]
    at: float
    api: bool
    ip: str = "127.0.0.1"
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key: ``client`` (account, ptlc_) or ``application`` (ptla_); of which user, from which addresses, with which permissions."""

    token: str
    kind: Literal["client", "application"]
    user: int
    admin: bool
    addresses: tuple[str, ...] = ()
    permitted: bool = True
