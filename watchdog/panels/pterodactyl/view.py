"""What Pterodactyl believes, frozen: its nodes, servers and backup records, what each Wings says, and how the paths between them are.

Pure values; ``answers.py`` and the modules of the wire fill them and nothing else does. Times are UNIX seconds. What could not be read is
None with the reason beside it, never an empty list (contract section 1.2: a 409 means unknown, not "no backups").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

BackupState = Literal["pending", "complete", "failed", "odd"]
WingsState = Literal["offline", "starting", "running", "stopping"]
StopType = Literal["command", "stop", "signal", "none"]
Disk = Literal["wings", "s3", "unknown"]
CallbackState = Literal[
    "healthy", "broken_by_1_11_6", "database_down", "token_drift", "wrong_url", "maintenance", "unreachable", "unknown", "not_asked"
]
WebsocketState = Literal["works", "no_credentials", "unreachable", "refused", "origin", "unknown"]
VersionSource = Literal["settings", "config", ""]

CALLBACK_STATES: Final[tuple[CallbackState, ...]] = (
    "healthy", "broken_by_1_11_6", "database_down", "token_drift", "wrong_url", "maintenance", "unreachable", "unknown", "not_asked",
)  # fmt: skip
WEBSOCKET_STATES: Final[tuple[WebsocketState, ...]] = ("works", "no_credentials", "unreachable", "refused", "origin", "unknown")

RESTORING: Final = "restoring_backup"
INSTALLING: Final = "installing"
SUSPENDED: Final = "suspended"


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup record (contract section 1.3). ``checksum`` is as stored, ``sha1:`` and 40 hex digits; ``server`` is its server's uuid."""

    uuid: str
    name: str
    server: str
    successful: bool
    locked: bool
    checksum: str | None
    bytes: int
    created_at: float
    completed_at: float | None
    ignored: tuple[str, ...] = ()

    @property
    def state(self) -> BackupState:
        """Return what the record means; ``odd`` (successful, never completed) is made by no current code."""
        if self.completed_at is None:
            return "odd" if self.successful else "pending"
        return "complete" if self.successful else "failed"

    @property
    def sha1(self) -> str | None:
        """Return the stored SHA-1 in lower-case hex; None when there is none or it is of another kind."""
        kind, _, digest = (self.checksum or "").partition(":")
        return digest.lower() if kind == "sha1" and digest else None


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule of a server; ``queued`` are (id, time offset in seconds) of its tasks that wait in the queue (section 5.4).

    ``powers`` are the power signals that its tasks send: these leave no line in the panel's activity (P: RunTaskJob.php).
    """

    id: int
    server: str
    name: str
    active: bool
    processing: bool
    last_run_at: float | None
    next_run_at: float | None
    only_when_online: bool = False
    queued: tuple[tuple[int, float], ...] = ()
    powers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """What the panel says a server uses now, cached by it for 20 s; ``state`` falls back to ``stopped`` when it has none."""

    state: str
    memory_bytes: int
    cpu: float
    disk_bytes: int
    rx: int
    tx: int
    uptime_ms: int


@dataclass(frozen=True, slots=True)
class Power:
    """One power signal in a server's activity: ``signal`` is start, stop, restart or kill, ``at`` UNIX seconds by the panel's clock.

    ``who`` is the account that sent it, "" = not named; ``by_key`` whether with an API key.
    """

    signal: str
    at: float
    id: str = ""
    who: str = ""
    by_key: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """One server as the panel lists it.

    ``node`` is its node's uuid ("" = the panel's two APIs do not agree yet, so nothing is known of its place). ``status`` is the panel's
    word, "" = normal. ``backups`` were read at ``backups_at``; both None = never since start. ``blind`` says why the newest try to read
    them failed, such as ``409 ServerStateConflictException``; then ``backups`` are older. ``schedules`` and ``resources`` likewise.
    ``user_power_at`` is the newest start, stop, restart or kill that a person sent (None = none, or not read: ``activity_at`` tells).
    ``powers`` are all the signals that were read then, and ``panel_ahead`` by how many seconds the panel's clock was ahead of ours.
    """

    uuid: str
    identifier: str
    name: str
    node: str
    status: str = ""
    transferring: bool = False
    maintenance: bool = False
    backup_limit: int = 0
    memory_mib: int = 0
    swap_mib: int = 0
    disk_mib: int = 0
    cpu_percent: int = 0
    io: int = 0
    backups: tuple[Backup, ...] | None = None
    backups_at: float | None = None
    blind: str = ""
    schedules: tuple[Schedule, ...] | None = None
    schedules_at: float | None = None
    resources: Resources | None = None
    resources_at: float | None = None
    user_power: str = ""
    user_power_at: float | None = None
    activity_at: float | None = None
    powers: tuple[Power, ...] = ()
    panel_ahead: float = 0.0

    @property
    def suspended(self) -> bool:
        """Whether the panel has it suspended."""
        return self.status == SUSPENDED

    @property
    def conflicted(self) -> bool:
        """Whether the Client API answers 409 for it, to everybody (section 1.2)."""
        return bool(self.status) or self.transferring or self.maintenance

    def backup(self, uuid: str) -> Backup | None:
        """Return the record with ``uuid``, or None."""
        return next((backup for backup in self.backups or () if backup.uuid == uuid), None)


@dataclass(frozen=True, slots=True)
class WingsServer:
    """One server as its Wings has it in memory (section 2.4); nothing here was compared with Docker by Wings."""

    uuid: str
    state: WingsState
    suspended: bool
    memory_bytes: int = 0
    cpu: float = 0.0
    disk_bytes: int = 0
    rx: int = 0
    tx: int = 0
    uptime_ms: int = 0


@dataclass(frozen=True, slots=True)
class Wings:
    """What one node's Wings says to us.

    ``reachable``: something that speaks Wings answered us, also when it was only a 401 because we hold no token for it; None = not asked.
    ``docker`` False = ``/api/system?v=2`` fails while ``/api/servers`` answers: its Docker is down; None = cannot tell. ``servers`` None =
    not read; ``error`` says why.
    """

    version: str = ""
    docker: bool | None = None
    servers: tuple[WingsServer, ...] | None = None
    error: str = ""
    reachable: bool | None = None
    at: float | None = None

    def server(self, uuid: str) -> WingsServer | None:
        """Return the server with ``uuid``, or None."""
        return next((server for server in self.servers or () if server.uuid == uuid), None)


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``address`` is how the panel reaches its Wings; ``local``: its uuid stands in the Wings configuration of this host.

    ``panel_reaches`` is whether the panel got through to its Wings when it was last asked for a server's resources (section 5.3); None =
    not known, such as when every server there answers 409.
    """

    id: int
    uuid: str
    name: str
    address: str
    maintenance: bool
    local: bool
    wings: Wings = Wings()
    panel_reaches: bool | None = None
    panel_reaches_at: float | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """What the probe of the callback path said (section 3.6), with its follow-up call; ``at`` None = never asked."""

    state: CallbackState = "not_asked"
    message: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Websocket:
    """Whether a browser's way to a console works, tried with one server per node: credentials of the panel, handshake, authentication."""

    server: str
    node: str
    state: WebsocketState
    message: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """One server of the local node as the panel tells Wings: the authority on what belongs there, and its stop type (section 6.2)."""

    uuid: str
    stop: StopType
    suspended: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests a minute the panel lets the key's user make of one of its APIs, and how many it last said were left."""

    api: Literal["client", "application"]
    limit: int
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class PterodactylView:
    """All that one target believes at one moment.

    ``remote`` None = the list that the panel gives the local Wings could not be read whole. ``complete``: every server is listed and the
    backups of each have been read at least once since start; without it no archive can be called an orphan.
    """

    at: float
    version: str = ""
    version_source: VersionSource = ""
    servers: tuple[Server, ...] = ()
    nodes: tuple[Node, ...] = ()
    callback: Callback = Callback()
    websockets: tuple[Websocket, ...] = ()
    remote: tuple[RemoteServer, ...] | None = None
    remote_at: float | None = None
    remote_error: str = ""
    complete: bool = False
    records_since: float | None = None
    """When the oldest of the backup lists was read, None while ``complete`` is false. A file younger than that may have a record that we
    have not read yet."""

    limits: tuple[Limit, ...] = ()

    @property
    def local(self) -> Node | None:
        """Return the local node, or None."""
        return next((node for node in self.nodes if node.local), None)

    def node(self, uuid: str) -> Node | None:
        """Return the node with ``uuid``, or None."""
        return next((node for node in self.nodes if node.uuid == uuid), None)

    def server(self, uuid: str) -> Server | None:
        """Return the server with ``uuid``, or None."""
        return next((server for server in self.servers if server.uuid == uuid), None)

    def backup(self, uuid: str) -> Backup | None:
        """Return the backup record with ``uuid`` among all that were read, or None."""
        found = (server.backup(uuid) for server in self.servers)
        return next((backup for backup in found if backup is not None), None)

    def wings_of(self, server: Server) -> WingsServer | None:
        """Return what its node's Wings says of a server; None = not read, or Wings did not load it."""
        node = self.node(server.node)
        return node.wings.server(server.uuid) if node is not None else None
