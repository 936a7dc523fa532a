"""Settings of pauses that no person asks for: maintenance windows, pressure, alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from watchdog.runtime.fields import AbsolutePath, CronLine, Duration, Strict, ZoneOrHost, parse_size

DAY = 86400.0
MOST_PERCENT = 100.0
RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]
Targets = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class MaintenanceSettings(Strict):
    """One maintenance window: while it is open, its targets are paused."""

    name: RuleName
    """What it is called in pauses, metrics and the log."""
    targets: Targets
    """Names of targets, or globs such as ``*`` or ``games-*``."""
    task: str = ""
    """One subject of them only, by id or name; "" = the whole target."""
    cron: CronLine
    """When it opens: minute, hour, day, month, weekday, as in a crontab; where a zone changes its clock, as Debian's cron does it."""
    for_: Duration = Field(alias="for", gt=0, le=31 * DAY)
    """How long it stays open, in real time: not an hour more or less on the night of a change of the clock."""
    zone: ZoneOrHost = ""
    """The zone of ``cron``, such as Europe/Vienna; "" = this host's."""
    reason: str = "maintenance window"
    """What is said of the pause."""


class WhenSettings(Strict):
    """What a pressure rule goes by: ``psi`` or ``free_bytes``, and between which two amounts nothing changes."""

    psi: Literal["cpu", "memory", "io", "irq"] | None = None
    """Pressure stall information of this host: time in which tasks waited for it, in percent, as in ``/proc/pressure``."""
    kind: Literal["some", "full"] = "some"
    """``some`` = at least one task waited, ``full`` = all that were not idle did."""
    average: Literal["avg10", "avg60", "avg300"] = "avg60"
    """Over the last 10, 60 or 300 seconds."""
    free_bytes: AbsolutePath | None = None
    """Any path on the file system whose free bytes count."""
    above: float | str
    """Percent or a size: with ``psi`` the pause begins above it, with ``free_bytes`` it ends above it, and only then may another begin."""
    below: float | str
    """Percent or a size: with ``psi`` the pause ends below it, and only then may another begin; with ``free_bytes`` it begins below it."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Return where it takes hold and where it lets go, in percent or bytes. Raises ValueError."""
        if self.free_bytes is not None:
            return float(parse_size(_plain(self.below))), float(parse_size(_plain(self.above)))
        if isinstance(self.above, str) or isinstance(self.below, str):
            raise ValueError("above and below are percent: write numbers such as 60 and 20")  # noqa: TRY004  # pydantic takes this one
        return self.above, self.below

    @model_validator(mode="after")
    def _is_one_thing(self) -> WhenSettings:
        if (self.psi is None) == (self.free_bytes is None):
            raise ValueError("write either {psi: io, above: 60, below: 20} or {free_bytes: /srv, below: 5GiB, above: 10GiB}")
        enter, leave = self.bounds
        if self.psi is not None and not 0 <= leave < enter <= MOST_PERCENT:
            raise ValueError("both are percent, and below must be less than above: between the two nothing changes")
        if self.free_bytes is not None and not 0 < enter < leave:
            raise ValueError("above must be more than below: between the two nothing changes")
        return self


class PressureSettings(Strict):
    """One pressure rule: while this host is short of something, its targets are paused."""

    name: RuleName
    """What it is called in pauses, metrics and the log."""
    targets: Targets
    """Names of targets, or globs such as ``*``."""
    when: WhenSettings
    """``{psi: io, above: 60, below: 20}`` or ``{free_bytes: /srv, below: 5GiB, above: 10GiB}``. What cannot be read pauses nothing."""
    minimum: Duration = 300.0
    """The pause lasts so long at least."""
    maximum: Duration = Field(7200.0, gt=0, le=31 * DAY)
    """It lasts so long at most; another one begins only after the pressure was gone."""
    reason: str = "pressure"
    """What is said of the pause."""

    @model_validator(mode="after")
    def _in_order(self) -> PressureSettings:
        if self.minimum > self.maximum:
            raise ValueError("minimum must not be longer than maximum")
        return self


class AlarmSettings(Strict):
    """One sort of alert that pauses its targets while it fires; Alertmanager tells us (``server.alertmanager_token_file``)."""

    name: RuleName
    """What it is called in pauses."""
    match: Annotated[dict[str, str], Field(min_length=1)]
    """Labels that the alert must have, as globs: ``{alertname: HostDiskFull, host: alpha}``."""
    targets: Targets
    """Names of targets, or globs such as ``*``."""
    maximum: Duration = Field(7200.0, gt=0, le=31 * DAY)
    """The pause lasts so long at most after the newest such alert began to fire; its end ends it before."""
    reason: str = "an alert fires"
    """What is said of the pause."""


class PausesSettings(Strict):
    """Pauses that no person asks for."""

    windows: tuple[MaintenanceSettings, ...] = ()
    """Maintenance windows."""
    pressure: tuple[PressureSettings, ...] = ()
    """Pauses while this host is short of something."""
    alerts: tuple[AlarmSettings, ...] = ()
    """Pauses while an alert fires."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> PausesSettings:
        windows, pressure = [rule.name for rule in self.windows], [rule.name for rule in self.pressure]
        for names in (windows, pressure, [rule.name for rule in self.alerts]):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"two rules of one sort are called '{name}': rename one")
        return self

    def patterns(self) -> tuple[str, ...]:
        """Return every target, or glob over targets, that a rule names."""
        lists = [rule.targets for rule in self.windows] + [rule.targets for rule in self.pressure] + [rule.targets for rule in self.alerts]
        return tuple(dict.fromkeys(pattern for patterns in lists for pattern in patterns))

    def names(self) -> frozenset[str]:
        """Return the names of the rules that are looked at again and again: windows and pressure."""
        return frozenset({*(rule.name for rule in self.windows), *(rule.name for rule in self.pressure)})


def _plain(amount: float | str) -> str:
    return amount if isinstance(amount, str) else f"{amount:.0f}"
