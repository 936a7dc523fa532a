"""One SysReptor target in the configuration: ``panels: {sysreptor: [{name, backups: {path}, ...}]}``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from watchdog.model.repairs import Mode
from watchdog.panels.sysreptor.bucket_settings import S3Settings
from watchdog.runtime.cron import Window, parse_cron, zone_of
from watchdog.runtime.fields import AbsolutePath, CronLine, Duration, Size, Strict, ZoneName, panel_address

KindName = Literal[
    "backup_without_file", "backup_bad", "backup_unfinished", "file_without_log", "backup_too_old", "backup_shrunk", "tasks_stand_still",
    "backup_incomplete", "backup_refused", "leftover", "version_unsafe", "backup_out_of_memory", "backup_exposed", "no_room",
    "backups_too_few",
]  # fmt: skip
RemedyName = Literal["run_backup", "quarantine", "poke_healthcheck", "remove_part"]
HOUR = 3600.0
DAY = 24 * HOUR


class BackupsSettings(Strict):
    """Where backups land on this host. The panel stores none and knows no path: this is the only way to know of them."""

    path: AbsolutePath
    """The directory, such as the parent of the install directory, where ``update.sh --backup`` writes."""
    pattern: str = "sysreptor-full-backup-*.zip"
    """Which files count: a glob relative to the directory; ``**`` goes down any number of folders."""
    level: int = Field(3, ge=0, le=3)
    """How deep each file is verified: 0 = its head, 1 = its structure, 2 = every byte, 3 = what is in it, too."""
    max_age: Duration = Field(26 * HOUR, ge=60)
    """How old the newest verified backup may be. The panel itself warns after 30 days, and counts backups that failed."""
    keep: int = Field(1, ge=0)
    """How many verified backups should lie there at least."""
    shrink: float = Field(30.0, ge=1, le=100)
    """By how many percent a backup may be smaller than the median of the verified ones before it, in bytes and in each kind of row."""
    rehearse_every: Duration | None = Field(None, ge=3600)
    """How often a restore of one of them should be rehearsed (``panel-watchdog rehearse``) and go well; not set = nobody is reminded."""
    stable_after: Duration = Field(60.0, ge=1)
    """How long after its last change a file is still somebody's work."""
    restore_paths: tuple[AbsolutePath, ...] = ()
    """Other file systems that a restore needs the expected size of: Docker's root (``/var/lib/docker``), where it unpacks into the
    container's ``/tmp``, and where the panel's volumes lie."""

    @field_validator("pattern")
    @classmethod
    def _relative(cls, value: str) -> str:
        if not value or value.startswith("/") or ".." in value.split("/"):
            raise ValueError(f"'{value}' must be a pattern below the directory, such as sysreptor-full-backup-*.zip")
        return value


class WindowSettings(Strict):
    """When a backup may be begun."""

    cron: CronLine = "0 2 * * *"
    """When the window opens: minute, hour, day, month, weekday, as in a crontab."""
    lasts: Duration = Field(3 * HOUR, ge=60, le=7 * DAY)
    """How long it stays open. A backup that is begun within it may go on after it."""
    zone: ZoneName = "UTC"
    """The zone of ``cron``, such as Europe/Vienna."""

    @property
    def window(self) -> Window:
        """Return the window as a pure value."""
        return Window(parse_cron(self.cron), self.lasts, zone_of(self.zone))


class RunTimeouts(Strict):
    """How long each stage of a backup of ours may take. There is no bound on the whole before the first good one but ``first_total``."""

    connect: Duration = Field(10.0, gt=0)
    """Until the panel or the engine has taken the connection."""
    first_byte: Duration = Field(120.0, gt=0)
    """From the request to the first byte."""
    between: Duration = Field(300.0, gt=0)
    """Between two pieces."""
    no_progress: Duration = Field(900.0, gt=0)
    """While pieces come but no byte is added."""
    total_factor: float = Field(4.0, ge=1)
    """The whole run, as a multiple of the last good one."""
    first_total: Duration = Field(12 * HOUR, gt=0)
    """The whole run while there is no good one to go by, and the least bound there ever is."""


class RunSettings(Strict):
    """How a backup is made by us. ``none`` = never: backups are only watched."""

    method: Literal["exec", "api", "none"] = "none"
    """``exec`` = ``manage.py backup`` in the panel's container (to be preferred); ``api`` = a download, needs url, token and backup key."""
    container: str = "sysreptor-app"
    """The panel's container: ``exec`` makes the backup in it, and a backup that runs in it already is seen. "" = it has none here."""
    argv: tuple[str, ...] = Field(("python3", "manage.py", "backup", "-"), min_length=1)
    """What ``exec`` runs in the container's own directory. Its words are shown in plans and records: no key may stand in it."""
    directory: AbsolutePath | None = None
    """Where our backups are written; not set = ``backups.path``."""
    window: WindowSettings | Literal["always"] = WindowSettings()
    """When a backup may be begun: ``{cron, lasts, zone}``, or ``always``."""
    encrypt: bool = False
    """Whether our backups are encrypted with the key in ``aes_key_file``. By ``exec`` only from 2026.61 on, which reads it from stdin."""
    disk_factor: float = Field(3.0, ge=1)
    """Free bytes there must be on the target, as a multiple of the size to be expected: the archive, its copy in a restore, the files."""
    expected_size: Size = 1 << 30
    """The size to be expected while there is no good backup to go by."""
    memory_factor: float = Field(1.5, ge=1)
    """Memory that must be available, as a multiple of what the last run of ours took at most."""
    memory_least: Size = 256 << 20
    """Memory that must be available at least; a backup keeps some 125 MiB of files ready by itself."""
    after_oom: Duration = Field(6 * HOUR, ge=60)
    """How long nothing is begun after a backup of ours ran out of memory."""
    attempts: int = Field(3, ge=1)
    """How many failures in a row there may be before a person is asked."""
    timeouts: RunTimeouts = RunTimeouts()
    """How long each stage may take."""
    volume_size: Size | None = None
    """Leave volumes of this size with a manifest beside each backup of ours, for a second place that takes no large files (`join` puts them
    together again); that takes its size on the disk once more. Not set = the whole file only."""

    @model_validator(mode="after")
    def _has_its_container(self) -> RunSettings:
        if self.method == "exec" and not self.container:
            raise ValueError("run.method: exec needs the container to run it in")
        return self

    @field_validator("argv")
    @classmethod
    def _holds_no_key(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(word.startswith("--key=") and word != "--key=-" for word in value) or "--s3-params" in value:
            raise ValueError("no key and no S3 credential may stand in argv: use aes_key_file with encrypt: true")
        return value

    @field_validator("volume_size")
    @classmethod
    def _large_enough(cls, value: int | None) -> int | None:
        if value is not None and value < 1 << 20:
            raise ValueError("a volume has at least 1MiB")
        return value


class DatabaseSettings(Strict):
    """A read-only login to the panel's PostgreSQL: periodic tasks are visible nowhere else."""

    url_file: AbsolutePath
    """A file that holds ``postgresql://USER:PASSWORD@HOST:5432/reptor``, of a login that may only SELECT from tasks_periodictask."""
    timeout: Duration = Field(5.0, gt=0)
    """How long one query may take, the connection included."""


class RestoreSettings(Strict):
    """The throw-away environment of ``panel-watchdog rehearse``."""

    image: str = "syslifters/sysreptor:{version}"
    """The image that restores; ``{version}`` is what the backup was made by."""
    database_image: str = "postgres:14"
    """The image of the throw-away database: the same major version as the panel's."""
    licence_file: AbsolutePath | None = None
    """A file that holds the licence, for the vendor's restore refuses without one. Not set = the backup's content is loaded and checked
    by ourselves."""
    directory: AbsolutePath | None = None
    """Where the scratch files go; not set = the system's place for temporary files."""
    network: Literal["internal", "none"] = "internal"
    """What a full rehearsal is connected to. ``internal`` = a network of its own without a way out: by Docker's rules only this host itself
    can be reached from it. ``none`` = nothing: database and panel share a space without any line."""
    memory: Size = 2 << 30
    """How much memory the panel and the database of a full rehearsal may take, each: what is restored lies in memory."""
    start_timeout: Duration = Field(300.0, ge=1)
    """How long the database of a full rehearsal may take to become ready, a fresh panel to be set up, and each check after the restore."""
    timeout: Duration = Field(2 * HOUR, ge=1)
    """How long the panel's own restore may take."""


class SysreptorSettings(Strict):
    """Settings of one SysReptor panel."""

    name: str = Field(min_length=1)
    """The target's name, unique over all panels."""
    mode: Mode = Mode.APPROVE
    """``observe`` (export and alert), ``approve`` (plan, wait for a person) or ``repair`` (act)."""
    kinds: dict[KindName, Mode] = Field(default_factory=dict)
    """The mode of single drift kinds, such as ``{backup_too_old: repair}``."""
    allow: tuple[RemedyName, ...] = ()
    """Disruptive remedies that mode ``repair`` may run by itself."""
    baseline: Literal["ask", "repair"] = "ask"
    """What becomes of drifts that were there before us: ``ask`` leaves them until a person decides."""
    interval: Duration = Field(60.0, ge=1)
    """Time between two looks."""
    backups: BackupsSettings
    """Where backups land."""
    s3: S3Settings | None = None
    """A bucket in which backups land as well. It is listed, never read: what is in it is not proven. Not set = no bucket is looked at."""
    run: RunSettings = RunSettings()
    """How a backup is made by us."""
    url: Annotated[str, panel_address("https://HOST")] | None = None
    """The panel's address: ``http://127.0.0.1:8000``. Not set = only files are judged."""
    token_file: AbsolutePath | None = None
    """A file that holds an API token (``sysreptor_...``) of a system user: ``manage.py createorupdateuser --username watchdog --system``,
    then ``manage.py createapitoken watchdog``. Not set = neither licence nor log is read."""
    backup_key_file: AbsolutePath | None = None
    """A file that holds the panel's BACKUP_KEY (20 characters at least), for the harmless try whether a backup is possible, and for
    backups by ``api``."""
    aes_key_file: AbsolutePath | None = None
    """A file that holds the key of encrypted backups, 64 hexadecimal digits. Without it an encrypted backup cannot be proven."""
    healthcheck: bool = True
    """Whether looks ask for the panel's health. Each call also starts the panel's periodic tasks that are due, as the vendor's compose
    file does every 30 seconds."""
    preflight_every: Duration = Field(300.0, ge=10)
    """How often the panel is asked whether it would make a backup; nothing is made or written by that."""
    log_rows: int = Field(500, ge=100, le=10_000)
    """How many rows of the panel's log are read at most, newest first."""
    database: DatabaseSettings | None = None
    """A read-only database login, for the periodic tasks. Not set = they are not judged."""
    restore: RestoreSettings = RestoreSettings()
    """How a restore is rehearsed."""
    place: Literal["auto", "local", "remote"] = "auto"
    """Where the panel runs. ``auto`` proves it by its container on our engine; ``local`` is your word that it is here."""
    owner: bool = False
    """Whether this agent also mends a panel that is not proven to be on this host. Set it on one agent only."""
    timeout: Duration = Field(15.0, gt=1)
    """How long one exchange with the panel may take."""
    health_timeout: Duration = Field(35.0, gt=1, le=45)
    """How long the healthcheck may take: without its database the panel answers after 30 seconds, with a page."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust, if the panel's is not signed by a public authority."""
    verify_tls: bool = True
    """Whether the panel's certificate is checked."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> SysreptorSettings:
        for key in ("token_file", "backup_key_file"):
            if getattr(self, key) is not None and self.url is None:
                raise ValueError(f"{key} needs the panel's url")
        if self.backup_key_file is not None and self.token_file is None:
            raise ValueError("backup_key_file needs a token_file: the panel asks for both")
        if self.run.method == "api" and self.backup_key_file is None:
            raise ValueError("run.method: api needs url, token_file and backup_key_file")
        if self.run.encrypt and self.aes_key_file is None:
            raise ValueError("run.encrypt needs an aes_key_file")
        return self
