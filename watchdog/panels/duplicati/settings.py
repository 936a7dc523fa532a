"""One Duplicati target in the configuration: ``panels: {duplicati: [{name, url, password_file, ...}]}``."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from watchdog.model.repairs import Mode
from watchdog.runtime.fields import AbsolutePath, CronLine, Duration, Strict, ZoneOrHost, panel_address

KindName = Literal[
    "pause_missing", "pause_lost", "pause_cut", "pause_on_paper", "pause_lease_due", "pause_unwatched", "pause_outlived", "pause_over",
    "pause_unowned", "pause_resumed_by_person", "run_under_pause", "pause_of_no_job", "task_pause_missing", "task_pause_outlived",
    "task_pause_over", "task_pause_edited", "task_run_queued", "startup_delay_missing", "startup_delay_left",
    "backup_overdue", "backup_queued_behind", "backup_never_ran", "backup_run_cut", "backup_stuck", "backup_failed", "backup_stopped",
    "backup_warned", "backup_stale", "schedule_lost", "job_database_missing", "job_database_shared", "running_while_idle",
    "source_missing", "source_shrunk", "destination_volume_missing", "destination_volume_short", "destination_volume_zero",
    "destination_volume_flipped", "destination_volume_extra", "destination_upload_cut", "destination_dlist_late", "clock_skew",
]  # fmt: skip
RemedyName = Literal[
    "pause", "renew", "resume", "move_schedule", "put_schedule_back", "set_startup_delay", "run", "repair_database", "abort",
]  # fmt: skip
Auth = Literal["password", "preauth", "forever"]
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
LONGEST_LEASE: Final = 12 * HOUR
"""A timed pause of more than 24 hours ends silently after 24 (contract section 4, rule 2); half of that leaves room for a late renewal."""
LONGEST_PULSE: Final = 60.0
"""The server ends a connection that was idle for 130 s by itself (contract section 2, Seeing a restart)."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DELAY: Final = re.compile(r"[1-9][0-9]{0,3}[smh]")
_PREFIX: Final = re.compile(r"[^-/\s]{1,100}")


class DestinationSettings(Strict):
    """The destination folder of one job, where this host can see it."""

    path: AbsolutePath
    """The folder with the volumes, as this host sees it. Read only."""
    prefix: str = "duplicati"
    """What the names of the job's volumes begin with (its option ``prefix``)."""
    database: AbsolutePath | None = None
    """The job's own database (its ``DBPath``), as this host sees it: the second witness of what belongs there. Never the server's
    ``Duplicati-server.sqlite``."""
    verify: Literal["names", "bytes"] = "bytes"
    """How deep: ``names`` compares names and sizes in each look; ``bytes`` also hashes every volume, by and by, in the queue of all
    archives (see ``archives:``)."""

    @field_validator("prefix")
    @classmethod
    def _is_a_prefix(cls, value: str) -> str:
        if _PREFIX.fullmatch(value) is None:
            raise ValueError(f"'{value}' cannot be a prefix: Duplicati's have no '-' and no '/'")
        return value

    @field_validator("database")
    @classmethod
    def _is_not_the_servers(cls, value: object) -> object:
        if value is not None and str(value).endswith("Duplicati-server.sqlite"):
            raise ValueError("database must be the job's, not the server's: opening the server's own can end the whole server")
        return value


class ReportSettings(Strict):
    """Reports that Duplicati itself sends (``--send-http-json-urls``) to ``/api/v1/duplicati/report/SECRET``."""

    secret_sha256: tuple[str, ...] = ()
    """SHA-256 of each secret that may stand in that address, 64 hex digits; make one with ``printf %s SECRET | sha256sum``."""

    @field_validator("secret_sha256")
    @classmethod
    def _are_digests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(_SHA256.fullmatch(each) is None for each in value):
            raise ValueError("report.secret_sha256 holds SHA-256 digests of 64 lower-case hex digits, never a secret itself")
        return value


class RunWindow(Strict):
    """When a missed backup may be started by us."""

    cron: CronLine
    """When the window opens, such as ``0 1 * * *``."""
    length: Duration = Field(gt=0)
    """How long it stays open."""
    zone: ZoneOrHost = ""
    """The time zone of ``cron``; "" = this host's."""


class DuplicatiSettings(Strict):
    """Settings of one Duplicati server."""

    name: str = Field(min_length=1)
    """The target's name, unique over all panels."""
    url: Annotated[str, panel_address("http://HOST:8200")]
    """The server's address: ``http://127.0.0.1:8200``. A name that the server was not told of (``--webservice-allowed-hostnames``) is
    refused by it; then write its IP address, or set ``host_header: localhost``."""
    auth: Auth = "password"
    """``password`` (a session of 15 minutes, again and again: each leaves a row in the server's database), ``preauth`` (a token given to
    the server by ``--webservice-pre-auth-tokens``; from 2.1.1 on, the best choice) or ``forever`` (the token that a server started with
    ``--webservice-enable-forever-token`` issues once; from 2.1.0.4 on)."""
    password_file: AbsolutePath | None = None
    """A file that holds the server's password; for ``auth: password``."""
    token_file: AbsolutePath | None = None
    """A file that holds the token; for ``auth: preauth`` and ``forever``."""
    host_header: str = Field("", pattern=r"^[A-Za-z0-9.:\[\]_-]{0,255}$")
    """What is sent as the server's name ("" = that of ``url``). ``localhost`` passes the server's host filter."""
    mode: Mode = Mode.APPROVE
    """``observe`` (export and alert; pauses are not carried out either), ``approve`` (plan, wait for a person; pauses are carried out) or
    ``repair`` (act)."""
    kinds: dict[KindName, Mode] = Field(default_factory=dict)
    """The mode of single drift kinds, such as ``{backup_overdue: repair}``."""
    allow: tuple[RemedyName, ...] = ()
    """Disruptive remedies that mode ``repair`` may run by itself, such as ``run``."""
    baseline: Literal["ask", "repair"] = "ask"
    """What becomes of drifts that were there before us: ``ask`` leaves them until a person decides."""
    interval: Duration = Field(15.0, ge=1)
    """Time between two looks."""
    pulse: Duration = Field(10.0, ge=1, le=LONGEST_PULSE)
    """Time between two readings over the connection that is kept open. That it ends is how a restart is seen, at once; the readings in
    between only keep it from being idle too long and show a person's Resume sooner."""
    behind_proxy: bool | None = None
    """Whether a reverse proxy stands in between: it hides the end of a connection, so ``/health`` is asked every second instead. Not set =
    told by the header ``Server``; a proxy that passes the server's own on must be named here."""
    lease: Duration = Field(LONGEST_LEASE, ge=60, le=LONGEST_LEASE)
    """How long the server is told to pause at most; renewed at half of it for as long as the pause stands. If we end, so does the pause."""
    tolerance: Duration = Field(5.0, ge=1, le=300)
    """By how much an end of a pause may differ from the wanted one."""
    enforce: bool = False
    """Whether a pause is put back after somebody pressed Resume in the server's own pages. Off = that is respected, and recorded."""
    transfers: bool = False
    """Whether a pause also stops uploads under way (``pauseTransfers``; a destination may time out). Unknown to 2.1.0.2, .4 and .5."""
    startup_delay: str = ""
    """A pause at each start of the server that we set for you and put back on release, such as ``2m``: on 2.1.0.x it closes the gap in
    which a due job starts before we can pause again; 2.1.1 to 2.2.0.2 ignore it. "" = the server's own is left alone."""
    zone: ZoneOrHost = ""
    """The server's time zone, for one that does not say it (2.1.0.4 and .5). "" = this host's, if it agrees with the server's clock."""
    overdue_grace: Duration = Field(15 * MINUTE, ge=60)
    """How late a job may start before it counts as overdue."""
    stuck_after: Duration = Field(HOUR, ge=300)
    """How long a running job may stand still."""
    stuck_phases: dict[str, Duration] = Field(
        default_factory=lambda: {"Backup_Compact": 6 * HOUR, "Recreate_Running": 12 * HOUR, "Vacuum_Running": 6 * HOUR}
    )
    """The same for phases that report nothing for long, by the server's name of the phase."""
    stale_factor: float = Field(3.0, ge=1.5)
    """After how many of its own intervals without a new version a job that succeeds counts as stale."""
    clock_skew: Duration = Field(30.0, ge=5)
    """By how much the server's clock may differ from ours."""
    run_window: RunWindow | None = None
    """When a missed backup may be started by us; not set = at any time."""
    sources: dict[str, tuple[AbsolutePath, ...]] = Field(default_factory=dict)
    """By id or name of a job: what it backs up, as this host sees it. A source that is gone or empty is named before a run is offered."""
    destinations: dict[str, DestinationSettings] = Field(default_factory=dict)
    """By id or name of a job: its destination folder, where this host can see it."""
    report: ReportSettings = ReportSettings()
    """Reports from the server, in addition to what is read."""
    compat: tuple[Literal["duplicati_exporter"], ...] = ()
    """Other exporters' metric names to write as well: ``duplicati_exporter`` (timo-reymann's)."""
    timeout: Duration = Field(10.0, gt=1)
    """How long one exchange with the server may take."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust, if the server's is not signed by a public authority."""
    verify_tls: bool = True
    """Whether the server's certificate is checked."""

    @field_validator("startup_delay")
    @classmethod
    def _is_a_delay(cls, value: str) -> str:
        if value and _DELAY.fullmatch(value) is None:
            raise ValueError(f"'{value}' is no delay for Duplicati: write a whole number and s, m or h, such as 2m")
        return value

    @model_validator(mode="after")
    def _has_its_secret(self) -> DuplicatiSettings:
        wanted, other = ("password_file", "token_file") if self.auth == "password" else ("token_file", "password_file")
        if getattr(self, wanted) is None:
            raise ValueError(f"auth: {self.auth} needs {wanted}")
        if getattr(self, other) is not None:
            raise ValueError(f"auth: {self.auth} uses {wanted}: take {other} out")
        return self
