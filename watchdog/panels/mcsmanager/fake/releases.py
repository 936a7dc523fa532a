"""What differs between releases, each with the line or recording that shows it. "Contract" is the MCSManager contract of this project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Release:
    """One release pair of panel and daemon. Seconds are the real ones; a fake may run them faster."""

    panel: str
    daemon: str
    start_seconds: float
    """Sleep of every start before Docker is asked (entity/commands/start.ts; v10.4.0-open-ok.json 3.2 s, v10.6.1-open-ok.json 2.2 s)."""
    autostart: Literal["at_once", "after_10s", "one_by_one"]
    """Contract section 2, Autostart."""
    takeover: bool
    """Running labelled containers are attached at boot, 10.7.0+ (service/takeover_container.ts; head-detail-after-takeover.json)."""
    kills_on_exit: bool
    """SIGTERM kills every Docker instance, up to 10.12 (contract section 2, RUN on 10.4.0 and 10.6.1)."""
    delayed_kill: bool
    """A failed start leaves a kill at start + 6 s behind, 10.8+ (head-race-second-open.json, head-race-outputlog.json)."""
    quiet_kill: bool
    """kill on a ghost answers 200 and swallows Docker's 404 (head-ghost-running-kill.json); before: 500 (v10.6.1-ghost-kill.json)."""
    operation_log: bool
    """``operation_logs`` exists, 10.7.0+ (contract section 6); before: 404."""
    overview_asks_docker: bool
    """The daemon's overview hangs with Docker, 10.12.4+ (head-hang-overview.json)."""
    failed_list_status: int
    """What a listing on an offline or unknown daemon answers (head-daemon-offline-list.json 400; v10.4.0 500, 10.6.1 by source)."""
    header_suffices: bool
    """The key's header counts on the routes of one instance too, 10.8.3+ (service/passport_service.ts; seen on the real 10.6.1)."""
    modern: bool
    """Answers carry the newer keys (autoRestarted, stopTimeout, instances[], remoteMappings, config, dockerPlatforms)."""


RELEASES = {
    "10.4.0": Release("10.4.0", "4.5.0", 3.0, "at_once", False, True, False, False, False, False, 500, False, False),
    "10.6.1": Release("10.6.1", "4.6.2", 2.0, "after_10s", False, True, False, False, False, False, 500, False, False),
    "10.18.2": Release("10.18.2", "4.18.2", 2.0, "one_by_one", True, False, True, True, True, True, 400, True, True),
}
