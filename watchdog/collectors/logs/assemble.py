"""Puts the logs collector together for the composition root."""

from __future__ import annotations

from collections.abc import Iterable

from watchdog.collectors.logs.collector import LogsCollector
from watchdog.collectors.logs.settings import LogsSettings
from watchdog.collectors.runner import CollectorSpec
from watchdog.errors import BadSettings
from watchdog.model.engines import EngineRead
from watchdog.model.keeping import OffsetBook
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.model.needs import LogNeed, Needs


def wanted(needs: Iterable[Needs]) -> tuple[LogNeed, ...]:
    """Merge what the panels want read. Raises BadSettings when one name means two logs; equal wishes are one."""
    merged: dict[str, LogNeed] = {}
    for need in (log for one in needs for log in one.logs):
        if bool(need.path) == bool(need.container) or (need.path and not need.path.startswith("/")):
            raise BadSettings(f"log '{need.name}': name either an absolute path or a container")
        if merged.setdefault(need.name, need) != need:
            raise BadSettings(f"two different logs are called '{need.name}'")
    return tuple(merged.values())


def build(
    settings: LogsSettings,
    needs: Iterable[Needs],
    clock: Clock,
    instruments: Instruments,
    book: OffsetBook | None = None,
    engine: EngineRead | None = None,
) -> CollectorSpec:
    """Return the collector of all logs that panels ask for. Raises BadSettings at once for a pattern or zone that cannot be used."""
    logs = wanted(needs)
    LogsCollector(settings, logs, clock, instruments, book, engine)  # says what is wrong before anything runs
    return CollectorSpec(
        "logs",
        lambda: LogsCollector(settings, logs, clock, instruments, book, engine),
        settings.interval,
        settings.deadline * 2,
    )
