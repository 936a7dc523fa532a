"""Puts the host collector together for the composition root."""

from __future__ import annotations

from collections.abc import Iterable

from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.host.collector import HostCollector
from watchdog.collectors.host.settings import HostSettings, wanted
from watchdog.collectors.host.space import Space
from watchdog.collectors.runner import CollectorSpec
from watchdog.model.moments import Clock
from watchdog.model.needs import Needs


def build(settings: HostSettings, needs: Iterable[Needs], clock: Clock) -> CollectorSpec:
    """Return the host collector. Raises BadSettings when one name means two paths."""
    filesystems = wanted(settings, needs)
    # shared by all generations of the collector: a mount that hangs is not asked twice at once
    hanging: HangingLooks[list[Space]] = HangingLooks(clock, "host")
    return CollectorSpec("host", lambda: HostCollector(settings, filesystems, hanging), settings.interval, settings.deadline * 2 + 10.0)
