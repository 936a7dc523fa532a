"""What differs between releases, each with the line or recording that shows it. "Contract" is the WGDashboard contract of this project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """One release. Seconds are the real ones; a fake may run them faster."""

    says: str
    """What ``getDashboardVersion`` answers (v423/getDashboardVersion.json, v433/getDashboardVersion.json)."""
    walks_the_live_dictionary: bool
    """The thread iterates ``WireguardConfigurations.values()`` outside any try: the seed bug (v4.2.3 dashboard.py:3116)."""
    blocked_by_one: bool
    """The try is around the whole loop: one configuration that raises blinds all behind it (v4.3.3 dashboard.py:86)."""
    threshold: float
    """Seconds since the handshake within which a peer is running (v4.2.3 dashboard.py:837 two minutes, v4.3.3
    WireguardConfiguration.py:748 three)."""
    newer: bool
    """Has ``Info`` in configurations, ``notes`` in peers and ``clients/allConfigurationsPeers`` (v433/allConfigurationsPeers.json); answers
    from memory instead of re-reading sqlite; logs the thread's id."""
    logs_every_request: bool
    """Writes one row per request into the log database, whoever asks (v4.2.3 dashboard.py:2023; gone in 4.3.0.2)."""
    threads: int
    """Threads of the one worker (gunicorn.conf.py)."""
    down_seconds: float
    """How long a full restart takes (contract section 3.2)."""


RELEASES = {
    "4.2.3": Release(
        "v4.2.3", walks_the_live_dictionary=True, blocked_by_one=False, threshold=120.0, newer=False, logs_every_request=True, threads=1,
        down_seconds=2.0,
    ),
    "4.3.3": Release(
        "v4.3.3", walks_the_live_dictionary=False, blocked_by_one=True, threshold=180.0, newer=True, logs_every_request=False, threads=2,
        down_seconds=4.0,
    ),
}  # fmt: skip
