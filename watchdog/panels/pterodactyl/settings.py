"""One Pterodactyl target in the configuration: ``panels: {pterodactyl: [{name, url, token_file, node: {...}, ...}]}``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from watchdog.model.repairs import Mode
from watchdog.runtime.cron import parse_cron, zone_of
from watchdog.runtime.fields import AbsolutePath, Duration, HookField, Size, Strict, panel_address

KindName = Literal[
    "backup_stuck", "backup_missing", "backup_mismatch", "backup_broken", "backup_untrusted", "archive_orphan", "archive_stranded",
    "backups_at_risk", "callback_broken", "websocket_broken", "version_broken", "node_unreachable", "node_without_docker",
    "heartbeat_stale", "cron_dead", "queue_dead", "server_ghost", "server_unseen", "server_suspended_running", "server_crash_loop",
    "server_oom", "server_install_stuck", "server_restore_stuck", "server_transfer_stuck", "server_unknown_to_wings",
    "container_unknown", "volume_unknown", "canary_failed",
]  # fmt: skip
RemedyName = Literal[
    "complete_backup", "fail_backup", "lock_backup", "power_restart", "power_start", "power_stop", "power_kill", "sync_server",
    "restart_queue", "restart_cron",
]  # fmt: skip
Wish = Literal["running", "stopped", "any"]
HOUR = 3600.0
DAY = 24 * HOUR
MIB = 1 << 20
PELICAN = {
    "config": "/etc/pelican/config.yml", "backups": "/var/lib/pelican/backups", "log": "/var/log/pelican/wings.log",
    "states": "/var/lib/pelican/states.json", "volumes": "/var/lib/pelican/volumes",
}  # fmt: skip
"""Where Pelican's Wings has its files unless told otherwise."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class NodeSettings(Strict):
    """The node on this host. Where a path is not what Wings' configuration says, nothing is judged by it, and both are named.

    With ``flavour: pelican`` the paths are below ``/etc/pelican``, ``/var/lib/pelican`` and ``/var/log/pelican`` unless they are written.
    """

    config: AbsolutePath = Path("/etc/pterodactyl/config.yml")
    """Wings' configuration: the proof of place (the node's uuid) and the node's token. Read, never written."""
    backups: AbsolutePath = Path("/var/lib/pterodactyl/backups")
    """``system.backup_directory``, as this host sees it."""
    log: AbsolutePath = Path("/var/log/pterodactyl/wings.log")
    """Wings' log: the only proof that an archive was finished. Rotated files beside it are read, too."""
    states: AbsolutePath = Path("/var/lib/pterodactyl/states.json")
    """Wings' heartbeat: it writes this file every 60 seconds."""
    volumes: AbsolutePath = Path("/var/lib/pterodactyl/volumes")
    """``system.data``, as this host sees it."""
    container: str = ""
    """The container Wings runs in ("" = it runs on the host itself)."""
    proc: AbsolutePath = Path("/proc")
    """Where the kernel shows Wings' processes: the host's ``/proc``, as this program sees it."""
    url: Annotated[str, panel_address("http://127.0.0.1:8080")] | None = None
    """How this host reaches Wings. Not set = 127.0.0.1 and its port, or with TLS the address that the panel has."""
    level: int = Field(2, ge=0, le=2)
    """How deep each archive is verified: 0 = its head, 1 = its structure, 2 = every byte and its SHA-1. Repairs always take 2."""
    zone: str = ""
    """The time zone of the log's lines, such as Europe/Vienna. "" = that of Wings' process, its ``system.timezone`` or this host's,
    whichever fits the log's own modification time."""

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value:
            zone_of(value)
        return value


class GuardSettings(Strict):
    """The continuous guard: a hard link to each archive as soon as it appears, so that Wings cannot delete the last name of a good one."""

    enabled: bool = False
    """Whether links are held all the time. The link for the moment of a repair is always taken."""
    directory: str = ".watchdog-held"
    """Where the links are: a name, of a directory beside the archives on the same file system."""
    max_bytes: Size = 100 << 30
    """How many bytes may be held whose original is gone, at most. The oldest go first."""
    max_age: Duration = Field(DAY, ge=HOUR)
    """How long a link is held at most."""
    watch: Duration = Field(120.0, ge=10, le=600)
    """How long an archive must stay in its place after a report of ours, before the link for it goes. Wings may take a minute and a half
    to delete one that the panel refused: less is for trying things out."""

    @field_validator("directory")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not value or "/" in value or value in {".", ".."}:
            raise ValueError(f"'{value}' must be the name of one directory beside the archives, such as .watchdog-held")
        return value


class CanarySettings(Strict):
    """A real backup of one named tiny server, made by the panel each day and followed to its success."""

    enabled: bool = False
    """Whether it is made. It takes one of the server's backup slots, or pushes nothing out where none is free: then it is not made."""
    server: str = ""
    """The server's uuid."""
    at: str = "30 3 * * *"
    """When: minute, hour, day, month, weekday, as in a crontab."""
    zone: str = "UTC"
    """The zone of ``at``."""
    patience: Duration = Field(HOUR, ge=60)
    """How long it may take."""
    keep: int = Field(2, ge=1, le=50)
    """How many of our own canaries stay, the newest, where ``tidy`` is set."""
    tidy: bool = False
    """Whether older ones of our own are deleted, archive and record: only complete or failed ones that bear our name and are not locked.
    Not set = they stay, and fill the server's backup slots; then the canary says so."""

    @model_validator(mode="after")
    def _can_be_made(self) -> CanarySettings:
        parse_cron(self.at)
        zone_of(self.zone)
        if self.enabled and _UUID.fullmatch(self.server) is None:
            raise ValueError("canary.server must be the uuid of a server, in lower case")
        return self


class PreflightSettings(Strict):
    """What ``panel-watchdog preflight`` asks before an upgrade."""

    copies: tuple[AbsolutePath, ...] = ()
    """Directories on other disks in which copies of the archives lie under their own names, directly or in a folder per server."""
    max_age: Duration = Field(2 * DAY, ge=HOUR)
    """How old the newest good backup of a server may be."""


class WatchSettings(Strict):
    """What of the panel is read besides servers and backups. Each costs requests."""

    resources: bool = False
    """What each server uses, as the panel says: one request per server and minute. What Wings says costs one request per node."""
    schedules: bool = True
    """Schedules, for dead cron and dead queue workers: one request per server and ten minutes."""
    websocket: bool = True
    """The way to the console, with one server per node every five minutes."""
    origin: Annotated[str, panel_address("https://panel.example.com")] | None = None
    """The panel's address as browsers have it: Wings lets in no other. Not set = what the local Wings has as ``remote``, else ``url``."""


class PterodactylHooks(Strict):
    """What may be started to mend this target; each is one of unit, container, exec, argv.

    There is none for Wings: its restart kills backups, installs and transfers under way.
    """

    restart_queue: HookField | None = None
    """Restarts the panel's queue worker, such as ``{unit: pteroq}``.
    The words of an ``argv`` are shown in plans, approvals and the record: keep secrets in a file."""
    restart_cron: HookField | None = None
    """Restarts what runs the panel's ``schedule:run`` each minute, such as ``{unit: cron}``."""


class ThresholdSettings(Strict):
    """When a number becomes a finding."""

    crash_looks: int = Field(3, ge=2)
    """How many crashes within ``crash_window`` are a crash loop."""
    crash_window: Duration = Field(HOUR, ge=60)
    """Over which time crashes are counted."""
    heartbeat: Duration = Field(150.0, ge=70)
    """How old the heartbeat may be. Wings writes it every 60 seconds."""
    cron: Duration = Field(180.0, ge=60)
    """How late a schedule may be before cron counts as dead."""
    queue: Duration = Field(300.0, ge=60)
    """How long a task may wait in the queue, beyond its own offset."""


class PterodactylSettings(Strict):
    """Settings of one Pterodactyl panel and at most one node of it on this host."""

    name: str = Field(min_length=1)
    """The target's name, unique over all panels."""
    url: Annotated[str, panel_address("https://HOST")]
    """The panel's address: ``https://panel.example.com``. Its last one: redirects are never followed."""
    token_file: AbsolutePath
    """A file that holds an account key (``ptlc_...``) of an administrator; an application key (``ptla_...``) cannot see backups."""
    account: str = ""
    """The user name of the key's account: a power signal sent with a key of this account that our ledger lacks stops repairs. "" = it is
    learned from the first signal of ours. Give the watchdog an account of its own."""
    mode: Mode = Mode.APPROVE
    """``observe`` (export and alert), ``approve`` (plan, wait for a person) or ``repair`` (act)."""
    kinds: dict[KindName, Mode] = Field(default_factory=dict)
    """The mode of single drift kinds, such as ``{backup_stuck: repair}``."""
    allow: tuple[RemedyName, ...] = ()
    """Disruptive remedies that mode ``repair`` may run by itself."""
    baseline: Literal["ask", "repair"] = "ask"
    """What becomes of drifts that were there before us: ``ask`` leaves them until a person decides."""
    interval: Duration = Field(15.0, ge=1)
    """Time between two looks. A look reads the backups of as many servers as the panel's rate limit allows; older answers are kept."""
    flavour: Literal["pterodactyl", "pelican"] = "pterodactyl"
    """Which of the two panels it is: Pelican keeps archives in a folder per server and labels its containers otherwise."""
    node: NodeSettings | None = None
    """The node on this host; not set = there is none, and archives are not judged."""
    node_tokens: bool = False
    """Whether tokens of the other nodes may be read from the panel, to ask their Wings. Whoever has a node's token has its files."""
    disk: Literal["auto", "wings", "s3"] = "auto"
    """Where backups lie. ``auto`` asks the panel for a backup's download address before a repair, which leaves a line in its activity log;
    ``wings`` and ``s3`` are your word for all of them."""
    panel_version: str = ""
    """The panel's version, which it tells nobody: your word, such as 1.11.8. What ``panel_config`` says goes before it."""
    panel_config: AbsolutePath | None = None
    """The panel's ``config/app.php``, if it is on this host: ``/var/www/pterodactyl/config/app.php``. Its version is read from there."""
    request_share: float = Field(0.5, gt=0, le=0.95)
    """How much of the rate limit of the key's user we take at most; the rest is for people. Panel default: 720 requests a minute. The
    limit is per user: give each of several agents a user of its own, or they share it (and each then reads more slowly)."""
    place: Literal["auto", "local", "remote"] = "auto"
    """Where the panel itself runs: hooks are for a panel on this host only. ``local`` is your word that it is here; ``auto`` = where
    ``panel_config`` can be read."""
    owner: bool = False
    """Whether this agent also mends what belongs to the whole panel and to nodes without an agent. Set it on one agent only."""
    expect: dict[str, Wish] = Field(default_factory=dict)
    """What you want of single servers, by uuid or name: ``running``, ``stopped`` or ``any``."""
    stuck_after: Duration = Field(600.0, ge=60)
    """How long a backup may be pending before it counts as stuck."""
    fail_after: Duration = Field(600.0, ge=600)
    """How old a pending backup must be before it may be reported as failed."""
    orphan_after: Duration = Field(DAY, ge=HOUR)
    """How old an archive without a record must be before it is reported."""
    prune_age: Duration = Field(6 * HOUR, ge=0)
    """The panel's ``BACKUP_PRUNE_AGE`` (360 minutes); 0 = it never prunes. Then pending backups prove nothing about its cron."""
    install_after: Duration = Field(HOUR, ge=60)
    """How long an installation may take."""
    restore_after: Duration = Field(6 * HOUR, ge=60)
    """How long a restore may take."""
    transfer_after: Duration = Field(12 * HOUR, ge=60)
    """How long a transfer may take."""
    thresholds: ThresholdSettings = ThresholdSettings()
    """When a number becomes a finding."""
    guard: GuardSettings = GuardSettings()
    """The continuous guard of archives."""
    canary: CanarySettings = CanarySettings()
    """The daily canary."""
    preflight: PreflightSettings = PreflightSettings()
    """What is asked before an upgrade."""
    watch: WatchSettings = WatchSettings()
    """What else is read."""
    compat: tuple[Literal["pterodactyl_exporter"], ...] = ()
    """Sets of another exporter's metric names to write as well. Leave it empty while that exporter runs."""
    hooks: PterodactylHooks = PterodactylHooks()
    """What may be started to mend this target."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Rows that go before ours in the table of versions: a panel's ``major.minor`` and the least Wings for it: ``{"1.12": "1.12"}``."""
    timeout: Duration = Field(15.0, gt=1)
    """How long one exchange with the panel may take."""
    wings_timeout: Duration = Field(10.0, gt=1, le=30)
    """How long one exchange with a node's Wings may take."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust, if the panel's or the nodes' are not signed by a public authority."""
    verify_tls: bool = True
    """Whether certificates are checked."""

    @property
    def held_directory(self) -> Path | None:
        """Return where hard links are held, None without a local node."""
        return self.node.backups / self.guard.directory if self.node is not None else None

    def wish(self, uuid: str, name: str) -> Wish | None:
        """Return what the operator wants of a server, by uuid before name; None = not said."""
        return self.expect.get(uuid) or self.expect.get(name)

    @model_validator(mode="before")
    @classmethod
    def _has_its_flavours_paths(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("flavour") == "pelican" and isinstance(values.get("node"), dict):
            return {**values, "node": {**PELICAN, **values["node"]}}
        return values

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> PterodactylSettings:
        if self.guard.enabled and self.node is None:
            raise ValueError("guard.enabled needs a node: there is nothing on this host to guard")
        return self

    @field_validator("versions")
    @classmethod
    def _are_versions(cls, value: dict[str, str]) -> dict[str, str]:
        for panel, wings in value.items():
            if re.fullmatch(r"\d+\.\d+", panel) is None or re.fullmatch(r"\d+\.\d+(\.\d+)?", wings) is None:
                raise ValueError(f'\'{panel}: {wings}\' must be two versions, such as "1.12": "1.12"')
        return value
