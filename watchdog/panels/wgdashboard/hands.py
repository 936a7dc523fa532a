"""What a running remedy works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchdog.panels.wgdashboard.client import WgdashboardClient
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import Evidence
from watchdog.runtime import hands


@dataclass(slots=True)
class Hands(hands.Hands):
    """What every panel's remedies have, and what those of WGDashboard need beside it. ``evidence`` reads it anew."""

    settings: WgdashboardSettings
    client: WgdashboardClient
    evidence: Callable[[], Evidence]
