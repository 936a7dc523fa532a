"""The table of drifts of pauses: what can stand between a pause that was ordered and the server. Sources: contract section 4, 1 to 5."""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Confirm, DriftKind

AT_ONCE: Final = Confirm(1, 0.0)
"""A pause is wanted now: each look of these counts."""
PAUSE_KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("pause_missing", "A pause was ordered, and the server does not have it yet.", "warning", AT_ONCE),
    DriftKind("pause_lost", "A restart of the server lost a pause, or may have.", "warning", AT_ONCE),
    DriftKind("pause_cut", "The server ended a pause by itself before its end.", "warning", AT_ONCE),
    DriftKind("pause_on_paper", "The server shows a pause, and runs jobs all the same.", "critical", AT_ONCE),
    DriftKind("pause_lease_due", "The server is told of a pause in leases, and the next one is due.", "info", AT_ONCE),
    DriftKind("pause_unwatched", "We have not watched a paused server for a while: it is told of the pause again.", "info", AT_ONCE),
    DriftKind("pause_outlived", "A pause of ours is over, and the server is still paused by it.", "warning", AT_ONCE),
    DriftKind("pause_over", "A pause of ours is over, and only our record of it is left.", "info", AT_ONCE),
    DriftKind("pause_unowned", "The server is paused until further notice, and nobody ordered it through us.", "warning", AT_ONCE),
    DriftKind("pause_resumed_by_person", "Somebody pressed Resume in the server's own pages, inside a pause.", "info", AT_ONCE),
    DriftKind("run_under_pause", "A run is under way inside a pause.", "info", AT_ONCE),
    DriftKind("pause_of_no_job", "A pause names a job that the server does not have.", "warning", AT_ONCE),
    DriftKind("task_pause_missing", "A job is to be paused, and its schedule would start it before the end.", "warning", AT_ONCE),
    DriftKind("task_pause_outlived", "The pause of a job is over, and its schedule is not back at its own slot.", "warning", AT_ONCE),
    DriftKind("task_pause_over", "The pause of a job is over, and only our record of it is left.", "info", AT_ONCE),
    DriftKind("task_pause_edited", "Somebody else changed the schedule of a job that is paused: theirs is left.", "warning", AT_ONCE),
    DriftKind("task_run_queued", "A job that is to be paused runs or waits already: no release takes it back.", "warning", AT_ONCE),
    DriftKind("startup_delay_missing", "The server does not have the startup delay that its settings here ask for.", "warning", AT_ONCE),
    DriftKind("startup_delay_left", "The server has a startup delay of ours that nothing asks for any more.", "info", AT_ONCE),
)  # fmt: skip
