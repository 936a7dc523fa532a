"""When a run of ours may begin: the run window of the settings. Pure but for the zone's file."""

from __future__ import annotations

from datetime import UTC, datetime

from watchdog.panels.duplicati.settings import RunWindow
from watchdog.runtime.cron import Window, parse_cron, zone_or_host


def open_or_opens(window: RunWindow | None, now: float) -> str | None:
    """Given UNIX seconds, return None while the window is open (or none is set), else when it opens, as ISO 8601 in UTC."""
    if window is None:
        return None
    known = Window(parse_cron(window.cron), window.length, zone_or_host(window.zone))
    if known.closes_at(now) is not None:
        return None
    opens = known.opens_at(now)
    return datetime.fromtimestamp(opens, UTC).isoformat(timespec="minutes") if opens is not None else "no time"
