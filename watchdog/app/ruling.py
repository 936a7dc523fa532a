"""From settings to pauses by rule and by alert: globs become targets, ``when`` becomes what is read, and both become loops."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from watchdog.model.alarms import AlarmRule
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.model.needs import FilesystemNeed, Needs
from watchdog.model.snapshots import Actual
from watchdog.reconciler import alarms as alerts
from watchdog.reconciler.alarms import Alarms
from watchdog.reconciler.pausing import Pauses
from watchdog.reconciler.pressing import FreeGauge, PressureRule, PsiGauge
from watchdog.reconciler.ruling import Ruling
from watchdog.reconciler.settings import MaintenanceSettings, PausesSettings, PressureSettings
from watchdog.reconciler.status import TargetStatus
from watchdog.reconciler.windows import WindowRule
from watchdog.runtime.cron import Window, parse_cron, zone_or_host
from watchdog.runtime.loops import LoopSpec


@dataclass(frozen=True, slots=True)
class Rules:
    """What pauses targets besides persons, and takes alerts."""

    ruling: Ruling
    alarms: Alarms

    def loops(self) -> tuple[LoopSpec, ...]:
        """Return the supervised loops of both."""
        return self.ruling.spec(), self.alarms.spec()

    def drain(self, late: Collection[str] = ()) -> None:
        """Work off the alerts that wait when the loops but ``late`` have ended: Alertmanager was told that they are taken."""
        if alerts.LOOP not in late:
            self.alarms.step()


def build_rules(
    settings: PausesSettings,
    panels: Mapping[str, str],
    pauses: Pauses,
    status: Callable[[str], TargetStatus],
    wake_target: Callable[[str], None],
    wake_loop: Callable[[str], None],
    clock: Clock,
    instruments: Instruments,
    actual: Callable[[], Actual],
) -> Rules:
    """Build both over the targets that there are; ``panels`` maps each to its panel."""
    ruling = Ruling(pauses, window_rules(settings, panels), pressure_rules(settings, panels), clock, instruments, actual)
    alarms = Alarms(pauses, alarm_rules(settings, panels), panels, status, wake_target, clock, instruments)
    alarms.waker = lambda: wake_loop(alerts.LOOP)
    return Rules(ruling, alarms)


def window_rules(settings: PausesSettings, targets: Iterable[str]) -> tuple[WindowRule, ...]:
    """Return the maintenance windows over the targets that there are."""
    names = tuple(targets)
    return tuple(_window(each, matching(each.targets, names)) for each in settings.windows)


def pressure_rules(settings: PausesSettings, targets: Iterable[str]) -> tuple[PressureRule, ...]:
    """Return the pressure rules over the targets that there are."""
    names = tuple(targets)
    return tuple(_pressure(each, matching(each.targets, names)) for each in settings.pressure)


def alarm_rules(settings: PausesSettings, targets: Iterable[str]) -> tuple[AlarmRule, ...]:
    """Return which alerts pause which of the targets that there are."""
    names = tuple(targets)
    return tuple(AlarmRule(each.name, each.match, matching(each.targets, names), each.maximum, each.reason) for each in settings.alerts)


def needs_of(settings: PausesSettings) -> tuple[Needs, ...]:
    """Return what the rules want watched: the file systems whose free space they go by."""
    found = [(each.name, each.when.free_bytes) for each in settings.pressure if each.when.free_bytes is not None]
    return (Needs(filesystems=tuple(FilesystemNeed(f"pauses: {name}", str(path)) for name, path in found)),) if found else ()


def matching(patterns: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that any of the patterns means, in the order of the names."""
    patterns = tuple(patterns)
    return tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


def _window(rule: MaintenanceSettings, targets: tuple[str, ...]) -> WindowRule:
    return WindowRule(rule.name, targets, Window(parse_cron(rule.cron), rule.for_, zone_or_host(rule.zone)), rule.reason, rule.task)


def _pressure(rule: PressureSettings, targets: tuple[str, ...]) -> PressureRule:
    when = rule.when
    gauge = FreeGauge(str(when.free_bytes)) if when.psi is None else PsiGauge(when.psi, when.kind, when.average)
    return PressureRule(rule.name, targets, gauge, *when.bounds, rule.minimum, rule.maximum, rule.reason)
