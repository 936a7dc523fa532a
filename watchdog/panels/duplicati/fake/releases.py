"""What the releases of Duplicati do differently, as one table: contract section 0 and the recordings.

2.1.0.5, 2.2.0.1 and 2.3.0.4 are held to the recordings; 2.1.0.3, 2.2.0.3 and 2.0.8.1 are derived from them by the contract's matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Counts:
    """How far the three counters go: LastEventID, LastDataUpdateID, LastNotificationUpdateID."""

    events: int
    changes: int = 0
    notices: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """One release. The counters are measured (restart.json, overdue-at-boot.json, pause-sequence.json, put.json)."""

    version: str
    kind: str = "Stable"
    persists: bool = True
    """Whether a pause is kept in ``paused-until`` over a restart."""
    obeys: bool = True
    """Whether a pause that is there at the start stops the runner, too."""
    clears_past: bool = False
    """Whether a tick of the past is cleared from ``paused-until`` at the start, and the startup delay written into it."""
    day_at_most: bool = True
    """Whether each timed pause ends after 24 hours, whatever was asked for."""
    local_times: bool = False
    old_durations: bool = False
    strict_transfers: bool = True
    stops_tasks: bool = True
    """Whether a pause stands the running task still (TaskControl), and not only the queue."""
    stop_verbs: tuple[str, ...] = ("stop", "abort")
    task_states: bool = True
    """Whether GET /tasks is a list of states, and a task has its times; else whole Backup objects with their secrets."""
    swallows: bool = False
    """Whether a task that threw is Completed all the same."""
    wipes_metadata: bool = False
    doubles_days: bool = False
    refuses_long_days: bool = False
    masks: bool = False
    database_exists: bool = True
    external_id: bool = True
    connections: bool = False
    """Whether a job has a connection string and further targets."""
    nonce: bool = True
    auth_status: bool = False
    server_zone: bool = True
    ends_long_polls: bool = True
    """Whether a stop answers long polls at once; else they hold it up for half a minute."""
    sends_again: bool = True
    """Whether a report that was refused is tried three times in all."""
    unencrypted_warning: bool = True
    transfers: bool = False
    """Whether progressstate lists the transfers that go on."""
    synchronises: bool = False
    binary_units: bool = True
    retry_seconds: float = 50.0
    """How long an unreachable file destination is tried."""
    placeholder: str = "**********"
    too_old: bool = False
    boot: Counts = Counts(0)
    pause: Counts = Counts(2, 1)
    edit: Counts = Counts(1, 1)
    patch: Counts = Counts(1, 1)
    queued: Counts = Counts(1)
    begun: Counts = Counts(2)
    ended: Counts = Counts(3, 2)
    rescheduled: Counts = Counts(0)

    @property
    def old_line(self) -> bool:
        """Whether it is of the 2.1.0 line."""
        return self.version.startswith("2.1.0.")


_OLD: Final = Release(
    "2.1.0.5", persists=False, day_at_most=False, local_times=True, old_durations=True, strict_transfers=False, stops_tasks=False,
    stop_verbs=("stopaftercurrentfile", "stopnow", "abort"), task_states=False, swallows=True, wipes_metadata=True, doubles_days=True,
    refuses_long_days=True, database_exists=False, external_id=False, nonce=False, server_zone=False, ends_long_polls=False,
    sends_again=False, unencrypted_warning=False, binary_units=False, retry_seconds=40.0,
    boot=Counts(3, 2), pause=Counts(1), patch=Counts(1, 1), ended=Counts(4, 2), rescheduled=Counts(1),
)  # fmt: skip
_NEW: Final = Release("2.2.0.1", obeys=False, doubles_days=True, transfers=True)
_NEWEST: Final = Release(
    "2.3.0.4", clears_past=True, masks=True, connections=True, auth_status=True, transfers=True, synchronises=True,
    placeholder="***************", boot=Counts(2, 1),
)  # fmt: skip
_MADE: Final = (
    _OLD,
    replace(
        _OLD,
        version="2.1.0.3",
        kind="Beta",
        persists=True,
        stops_tasks=True,
        strict_transfers=True,
        stop_verbs=("stop", "abort"),
        pause=Counts(2, 1),
    ),
    _NEW,
    replace(_NEW, version="2.2.0.3", obeys=True, auth_status=True),
    _NEWEST,
    replace(_OLD, version="2.0.8.1", kind="Beta", too_old=True),
)
RELEASES: Final = {release.version: release for release in _MADE}
RECORDED: Final = ("2.1.0.5", "2.2.0.1", "2.3.0.4")
