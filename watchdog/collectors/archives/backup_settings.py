"""Settings of a directory whose archives are backups that somebody counts on: what is expected of them."""

from __future__ import annotations

from pydantic import Field, model_validator

from watchdog.model.needs import BackupPlan
from watchdog.runtime.fields import AbsolutePath, CronLineOrNone, Duration, Strict, ZoneOrHost


class BackupSettings(Strict):
    """What is expected of the backups in one directory, all of them of one source. Each expectation that is not met is a metric."""

    schedule: CronLineOrNone = ""
    """When a backup is made: a cron expression such as ``30 3 * * *``, or ``@daily``. A slot without a new good archive is a missed one."""
    every: Duration | None = Field(default=None, ge=60.0)
    """Instead of ``schedule``: the longest time from one backup to the next."""
    zone: ZoneOrHost = ""
    """Time zone of ``schedule``, such as Europe/Berlin; empty = that of this host."""
    grace: Duration = 7200.0
    """How long a backup may take, verification included, before its slot counts as missed."""
    keep: int = Field(default=1, ge=0)
    """Good archives that should be there at least."""
    shrink: float = Field(default=20.0, ge=0.0, le=100.0)
    """Percent by which a good archive may be smaller than the median of the ones before it."""
    growth: float = Field(default=100.0, ge=0.0)
    """Percent by which it may be larger."""
    trend: int = Field(default=10, ge=1)
    """Good archives before the newest that the median is taken of."""
    room: float = Field(default=3.0, ge=0.0)
    """How many backups of the expected size must fit into what is free: a restore needs the archive, an unpacked copy, and the data."""
    restore_paths: tuple[AbsolutePath, ...] = ()
    """Other file systems that need the same room: Docker's root (/var/lib/docker), where a restore writes to."""
    copies: tuple[str, ...] = ()
    """Names of other watched directories that should hold a copy of the newest good archive, proven by its checksum."""

    rehearse_every: Duration | None = Field(default=None, ge=3600.0)
    """How often a restore of one of them should be rehearsed (``panel-watchdog rehearse``) and go well; not set = nobody is reminded."""

    @model_validator(mode="after")
    def _one_rhythm(self) -> BackupSettings:
        if self.schedule and self.every is not None:
            raise ValueError("'schedule' and 'every' are two ways to say the same: keep one of them")
        return self

    def plan(self) -> BackupPlan:
        """Return it as the collector takes it."""
        return BackupPlan(
            self.schedule, self.every, self.zone, self.grace, self.keep, self.shrink / 100, self.growth / 100, self.trend, self.room,
            tuple(map(str, self.restore_paths)), self.copies,
        )  # fmt: skip
