"""The rules of a job's destination: each damage by its name, a newest backup that is not there, writes that are nobody's. Pure.

Contract section 4, rules 11 and 12. Nothing here is repaired by us: a lost volume comes back from nowhere, and Duplicati's own repair or
purge is a person's choice.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Drift, UnknownSubject
from watchdog.model.parts import Part, joined, one
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.destinations import Damage, Stored, look
from watchdog.panels.duplicati.notes import IdleNote
from watchdog.panels.duplicati.rules_results import database_of
from watchdog.panels.duplicati.view import Backup

WRITTEN: Final = 900.0
"""For so many seconds a write that is nobody's is told."""
AFTER_A_RUN: Final = 60.0
SAME_BACKUP: Final = 2.0
NAMES_TOLD: Final = 3
_KINDS: Final[dict[Damage, tuple[str, str, str, str]]] = {
    "missing": (
        "destination_volume_missing", "volumes are not there", "they were uploaded",
        "put them back from a copy of the destination, or let Duplicati list what is affected and purge it",
    ),
    "short": (
        "destination_volume_short", "volumes have another size", "they were uploaded with the size that the job noted",
        "put them back from a copy of the destination; Duplicati would fail at them",
    ),
    "zero": (
        "destination_volume_zero", "volumes have no bytes", "they were uploaded", "put them back from a copy of the destination",
    ),
    "flipped": (
        "destination_volume_flipped", "volumes have other bytes", "they were uploaded with the checksum that the job noted",
        "put them back from a copy, and look at the disk beneath: a restore fails at them",
    ),
    "extra": (
        "destination_volume_extra", "volumes lie there that are not the job's", "the job does not know them",
        "see whether two jobs share the folder, or an old database was put back; the next run may stop over them",
    ),
    "cut": (
        "destination_upload_cut", "the newest volumes belong to no backup", "nothing: the run that sent them was cut off",
        "the next run cleans up by itself",
    ),
}  # fmt: skip


def judge(case: Case) -> Part:
    """Judge every destination that this host can see."""
    return joined(about_destination(case, backup) for backup in case.view.backups)


def about_destination(case: Case, backup: Backup) -> Part:
    """Judge one job's destination."""
    stored = look(case, backup)
    if stored is None:
        return Part()
    subject = case.destination(backup)
    written = _written(case, backup, stored)
    if stored.reason:
        found = (written,) if written is not None else ()
        return Part(found, (UnknownSubject(subject, stored.reason, stored.message),))
    damaged = [_damaged(case, backup, stored, damage) for damage in _KINDS]
    return one(subject, *damaged, _late(case, backup, stored), written)


def _damaged(case: Case, backup: Backup, stored: Stored, damage: Damage) -> Drift | None:
    names = stored.named(damage)
    if not names:
        return None
    kind, truth, belief, hold = _KINDS[damage]
    if damage == "missing" and not any(stored.counts.values()):
        truth = "not one volume is there: is it mounted?"
    told = ", ".join(names[:NAMES_TOLD])
    return case.drift(kind, case.destination(backup), truth, belief, {"volumes": len(names), "names": told}, hold=hold)


def _late(case: Case, backup: Backup, stored: Stored) -> Drift | None:
    """Find a newest backup that is older than the one which the job says it has made."""
    made = backup.metadata.newest
    if made is None or not any(stored.counts.values()):
        return None
    if stored.newest_at is not None and stored.newest_at >= made - SAME_BACKUP:
        return None
    truth = "its newest backup is older" if stored.newest_at is not None else "there is no backup in it"
    return case.drift(
        "destination_dlist_late", case.destination(backup), truth, "the job has made a newer one",
        {"made": made, "lies": stored.newest_at}, hold="the newest version cannot be restored from here: see what became of its dlist",
    )  # fmt: skip


def _written(case: Case, backup: Backup, stored: Stored) -> Drift | None:
    """Find writes since the job was last seen running: another program, or another server, works on what is this job's."""
    idle, database = case.notes.get(f"idle/{backup.id}", IdleNote), database_of(case, backup)
    if idle is None or case.view.state.busy_with(backup.id):
        return None
    writes = {
        "the destination": stored.changed_at,
        "the job's database": database.changed_at if database is not None else None,
    }
    for what, at in writes.items():
        if at is not None and at > idle.since + AFTER_A_RUN and abs(case.wall - at) < WRITTEN:
            return case.drift(
                "running_while_idle", case.destination(backup), f"{what} is being written", "nothing of the job runs",
                {"what": what}, hold="find who else uses it: a command line, or a second server",
            )  # fmt: skip
    return None
