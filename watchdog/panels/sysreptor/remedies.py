"""The remedies: what each may cost, how long it may take, and the proposals that name them. Pure.

Risk table (contract section 4): ``run_backup`` is disruptive, for it takes memory, disk and database of a panel that people work with, and
leaves rows in its log that nobody can delete. ``quarantine`` is disruptive: it renames somebody's file; for the last good backup, or while
that is not known, it is destructive, and the remedy itself refuses it. ``poke_healthcheck`` is safe: the panel's own compose file does it
every 30 seconds. ``remove_part`` is safe for what bears our own mark, destructive for anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.model.archives import ArchiveFile, Identity
from watchdog.model.drifts import ObjectKey, Proposal, Scalar
from watchdog.model.repairs import Remedy, Risk, Settle
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.view import PANEL_NAME

RUN: Final = "run_backup"
QUARANTINE: Final = "quarantine"
POKE: Final = "poke_healthcheck"
REMOVE: Final = "remove_part"
PART_SUFFIX: Final = ".watchdog.part"
"""The mark of a backup of ours that is not one yet (``runtime/partfile``)."""
PART_AGE: Final = 24 * 3600.0
"""Seconds after which a part of ours without a writer is of no use any more: until then what is in it might be wanted."""


def run_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call every run disruptive; after too many that led to nothing (``ask``) only a person may want one more."""
    return Risk.DESTRUCTIVE if facts.get("ask") is True else Risk.DISRUPTIVE


def quarantine_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call the renaming of a file disruptive only while it is known not to be the last good backup."""
    return Risk.DISRUPTIVE if facts.get("last_good") is False else Risk.DESTRUCTIVE


def poke_risk(_: Mapping[str, Scalar]) -> Risk:
    """Call it safe: it is what the panel's own healthcheck does."""
    return Risk.SAFE


def remove_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe only for what bears our mark."""
    return Risk.SAFE if facts.get("ours") is True else Risk.DESTRUCTIVE


REMEDIES: Final[tuple[Remedy, ...]] = (
    Remedy(
        RUN,
        "Make a backup, stream it into a marked part, prove it, and only then give it its name.",
        run_risk,
        Settle(5.0, 300.0),
        deadline=3 * 86_400.0,
        cooldown=300.0,
        needs_docker=False,
    ),
    Remedy(
        QUARANTINE,
        "Rename a bad backup into quarantine/ beside it, with the reason; never the last good one.",
        quarantine_risk,
        Settle(5.0, 900.0),
        deadline=60.0,
        cooldown=60.0,
        needs_docker=False,
    ),
    Remedy(
        POKE,
        "Ask for the panel's health, which starts its periodic tasks that are due.",
        poke_risk,
        Settle(5.0, 300.0),
        deadline=120.0,
        cooldown=600.0,
        needs_docker=False,
    ),
    Remedy(
        REMOVE,
        "Remove an old part of a backup of ours that was broken off and that nobody writes any more.",
        remove_risk,
        Settle(5.0, 300.0),
        deadline=60.0,
        cooldown=60.0,
        needs_docker=False,
    ),
)


def panel_object(target: str) -> ObjectKey:
    """Return the object of a run: one backup of one panel at a time, whatever asks for it."""
    return ObjectKey(PANEL_NAME, target, "panel", target)


def tasks_object(target: str) -> ObjectKey:
    """Return the object of a poke; its attempts are not those of a backup."""
    return ObjectKey(PANEL_NAME, target, "tasks", target)


def archive_object(target: str, path: str) -> ObjectKey:
    """Return the object of what is done to one file."""
    return ObjectKey(PANEL_NAME, target, "archive", path)


def run_backup(
    settings: SysreptorSettings,
    *,
    method: str,
    expected_bytes: int,
    peak_memory: int | None,
    last_seconds: float | None,
    last_good: str,
    reason: str,
) -> Proposal:
    """Propose to make a backup; ``last_good`` is the path of the newest verified one ("" = there is none), ``reason`` the drift's kind.

    ``expected_bytes``, ``peak_memory`` (bytes) and ``last_seconds`` are what the last good one took, as far as it is known.
    """
    directory = str(settings.run.directory or settings.backups.path)
    where = settings.run.container if method == "exec" else settings.url or ""
    facts: dict[str, Scalar] = {
        "reason": reason,
        "last_good": last_good,
        "expected_bytes": expected_bytes,
        "peak_memory": peak_memory,
        "last_seconds": last_seconds,
    }
    return Proposal(RUN, panel_object(settings.name), {"method": method, "from": where, "directory": directory}, facts)


def quarantine(settings: SysreptorSettings, file: ArchiveFile, *, reason: str, last_good: bool) -> Proposal:
    """Propose to set ``file`` aside; ``reason`` is what its verification said, ``last_good`` whether it is the newest that is any good."""
    parameters = {"path": file.path, **identity_parameters(file.identity)}
    return Proposal(QUARANTINE, archive_object(settings.name, file.path), parameters, {"reason": reason, "last_good": last_good})


def poke_healthcheck(settings: SysreptorSettings) -> Proposal:
    """Propose to ask for the panel's health."""
    return Proposal(POKE, tasks_object(settings.name))


def remove_part(settings: SysreptorSettings, path: str, identity: Identity) -> Proposal:
    """Propose to remove a part at ``path``."""
    parameters: dict[str, Scalar] = {"path": path, **identity_parameters(identity)}
    return Proposal(REMOVE, archive_object(settings.name, path), parameters, {"ours": path.endswith(PART_SUFFIX)})


def identity_parameters(identity: Identity) -> dict[str, Scalar]:
    """Return what an approval binds to: this very file."""
    return {"device": identity.device, "inode": identity.inode, "size": identity.size, "mtime_ns": identity.mtime_ns}


def identity_of(parameters: Mapping[str, Scalar]) -> Identity:
    """Return the identity that a proposal names."""
    names = ("device", "inode", "size", "mtime_ns")
    return Identity(*(value if isinstance(value := parameters.get(name), int) else -1 for name in names))
