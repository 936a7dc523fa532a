"""The remedies of a Duplicati server's jobs, and what each may do at its worst. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.model.drifts import ObjectKey, Scalar
from watchdog.model.repairs import Remedy, Risk, Settle

PANEL_NAME: Final = "duplicati"
RUN, REPAIR_DATABASE, ABORT = "run", "repair_database", "abort"
TASK_DEADLINE: Final = 60.0


def server_object(target: str) -> ObjectKey:
    """Return the server itself as what is acted on."""
    return ObjectKey(PANEL_NAME, target, "server", target)


def backup_object(target: str, backup: str) -> ObjectKey:
    """Return one job, by its id, as what is acted on."""
    return ObjectKey(PANEL_NAME, target, "backup", backup)


def run_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Return the risk of a run: it takes strength; with a source that may be gone it can push the good backups out (retention)."""
    return Risk.DISRUPTIVE if facts.get("version_known") and facts.get("source_whole") is not False else Risk.DESTRUCTIVE


def always_asked(facts: Mapping[str, Scalar]) -> Risk:
    """Return that a person is asked: what is aborted or rebuilt may leave a destination that must be cleaned up."""
    del facts
    return Risk.DESTRUCTIVE


BACKUP_REMEDIES: Final[tuple[Remedy, ...]] = (
    Remedy(
        RUN, "Ask the server for a run of the job, once, if it neither runs nor waits and its source is there.",
        run_risk, Settle(5.0, 300.0), TASK_DEADLINE, 900.0, needs_docker=False,
    ),
    Remedy(
        REPAIR_DATABASE, "Let the server rebuild or mend the job's local database from its destination.",
        always_asked, Settle(10.0, 3600.0), TASK_DEADLINE, 3600.0, needs_docker=False,
    ),
    Remedy(
        ABORT, "Abort the task that stands still, so that the queue goes on.",
        always_asked, Settle(10.0, 600.0), TASK_DEADLINE, 1800.0, needs_docker=False, leaves=("backup_stopped",),
    ),
)  # fmt: skip
