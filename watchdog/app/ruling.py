"""From settings to the rules of pauses: globs become targets, ``when`` becomes what is read."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from watchdog.model.needs import FilesystemNeed, Needs
from watchdog.reconciler.pressing import FreeGauge, PressureRule, PsiGauge
from watchdog.reconciler.settings import MaintenanceSettings, PausesSettings, PressureSettings
from watchdog.reconciler.windows import WindowRule
from watchdog.runtime.cron import Window, parse_cron, zone_or_host


def window_rules(settings: PausesSettings, targets: Iterable[str]) -> tuple[WindowRule, ...]:
    """Return the maintenance windows over the targets that there are."""
    names = tuple(targets)
    return tuple(_window(each, matching(each.targets, names)) for each in settings.windows)


def pressure_rules(settings: PausesSettings, targets: Iterable[str]) -> tuple[PressureRule, ...]:
    """Return the pressure rules over the targets that there are."""
    names = tuple(targets)
    return tuple(_pressure(each, matching(each.targets, names)) for each in settings.pressure)


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
