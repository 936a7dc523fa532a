"""The remedies: what each may cost, how long it may take, and the proposals that name them. Pure.

Risk table (contract sections 3.5 and 6.2): ``complete_backup`` is safe only with the log's word that the archive was finished; an archive
that merely holds together may lack files, so a person decides. ``fail_backup`` is safe on a proof of absence or corruption, or on the
log's word that the making failed. ``lock_backup`` is safe. ``power_start`` is safe where it adopts a container that runs;
``power_restart``, ``power_stop`` and ``power_kill`` may be done by us alone only where no container runs, else they end a game.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.model.archives import Identity
from watchdog.model.drifts import ObjectKey, Proposal, Scalar
from watchdog.model.repairs import Remedy, Risk, Settle

PANEL_NAME: Final = "pterodactyl"
COMPLETE: Final = "complete_backup"
FAIL: Final = "fail_backup"
LOCK: Final = "lock_backup"
RESTART: Final = "power_restart"
START: Final = "power_start"
STOP: Final = "power_stop"
KILL: Final = "power_kill"
SYNC: Final = "sync_server"
QUEUE: Final = "restart_queue"
CRON: Final = "restart_cron"
POWER: Final = {RESTART: "restart", START: "start", STOP: "stop", KILL: "kill"}
"""The signal that each power remedy sends."""
FAILURES: Final = ("absent", "corrupt", "log_failed", "unproven")
"""Why a backup is called failed: no file, a bad file, the log's word, or (only by approval) a file that nobody vouches for."""
CAUSE: Final = "cause"
"""Key of a fact that names a cause known and over, such as an outage of the callback: one canary first, the rest one at a time."""


def complete_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe only where Wings' log says that the archive was finished, by a release that packs every file."""
    return Risk.SAFE if facts.get("proof") == "log" and facts.get("untrusted") is False else Risk.DESTRUCTIVE


def fail_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe on a proof: the file is away or bad, or the log says that the making failed."""
    return Risk.SAFE if facts.get("reason") in FAILURES[:3] else Risk.DESTRUCTIVE


def start_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe where it adopts a running container; disruptive where we saw the server run before and nobody stopped it."""
    if facts.get("container") == "running":
        return Risk.SAFE
    return Risk.DISRUPTIVE if facts.get("wish") == "known" else Risk.DESTRUCTIVE


def restart_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it disruptive where no container runs: it makes a new one, and may pull an image. Else it ends a game."""
    empty = facts.get("container") in _EMPTY
    return Risk.DISRUPTIVE if empty and facts.get("wish") == "known" else Risk.DESTRUCTIVE


def end_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call a stop or kill safe where nothing runs that it could end."""
    return Risk.SAFE if facts.get("container") in _EMPTY else Risk.DESTRUCTIVE


def sync_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it disruptive where it stops a suspended server that runs, as the panel wants it; else it only tells Wings what is so."""
    return Risk.SAFE if facts.get("stops") is False else Risk.DISRUPTIVE


def _safe(_: Mapping[str, Scalar]) -> Risk:
    return Risk.SAFE


def _disruptive(_: Mapping[str, Scalar]) -> Risk:
    return Risk.DISRUPTIVE


_EMPTY: Final = ("missing", "exited")
_HOURS: Final = 12 * 3600.0
"""Seconds for a remedy that reads a whole archive."""
_POWER: Final = Settle(45.0, 300.0)
"""Two looks of Wings later at the earliest (contract section 6.2)."""
REMEDIES: Final[tuple[Remedy, ...]] = (
    Remedy(
        COMPLETE,
        "Keep a hard link of an archive, prove it to its last byte, tell the panel what Wings could not, and watch that it stays.",
        complete_risk,
        Settle(5.0, 900.0),
        deadline=_HOURS,
        cooldown=120.0,
        needs_docker=False,
    ),
    Remedy(
        FAIL,
        "Tell the panel that a backup failed whose archive is proven to be away or bad; the file stays where it is.",
        fail_risk,
        Settle(5.0, 900.0),
        deadline=_HOURS,
        cooldown=120.0,
        needs_docker=False,
    ),
    Remedy(
        LOCK,
        "Lock the newest verified backup, so that records which only hang cannot push it out.",
        _safe,
        Settle(5.0, 900.0),
        deadline=60.0,
        cooldown=300.0,
        needs_docker=False,
    ),
    Remedy(
        RESTART,
        "Let Wings restart a server that it holds for running and whose container is gone or has ended.",
        restart_risk,
        Settle(45.0, 900.0),
        deadline=240.0,
        cooldown=600.0,
    ),
    Remedy(
        START,
        "Let Wings start a server: it adopts the container that runs, or makes a new one where we saw it run and nobody stopped it.",
        start_risk,
        Settle(45.0, 900.0),
        deadline=240.0,
        cooldown=600.0,
    ),
    Remedy(
        STOP,
        "Let Wings stop a server that it holds for running and whose container is gone, so that it says offline again.",
        end_risk,
        _POWER,
        deadline=240.0,
        cooldown=300.0,
    ),
    Remedy(
        KILL,
        "Let Wings kill a server that it holds for running and whose container has ended, so that it says offline again.",
        end_risk,
        _POWER,
        deadline=240.0,
        cooldown=300.0,
    ),
    Remedy(
        SYNC,
        "Let Wings read a server's settings anew from the panel; it stops a server that is suspended and runs.",
        sync_risk,
        _POWER,
        deadline=120.0,
        cooldown=600.0,
        needs_docker=False,
    ),
    Remedy(
        QUEUE,
        "Restart the queue worker by its hook: schedules and mails wait for it.",
        _disruptive,
        Settle(30.0, 900.0),
        deadline=240.0,
        cooldown=1800.0,
        needs_docker=False,
    ),
    Remedy(
        CRON,
        "Restart what runs the panel's schedule every minute, by its hook.",
        _disruptive,
        Settle(60.0, 900.0),
        deadline=240.0,
        cooldown=1800.0,
        needs_docker=False,
    ),
)


def backup_object(target: str, backup: str) -> ObjectKey:
    """Return the object of what is done to one backup."""
    return ObjectKey(PANEL_NAME, target, "backup", backup)


def server_object(target: str, server: str) -> ObjectKey:
    """Return the object of what is done to one server."""
    return ObjectKey(PANEL_NAME, target, "server", server)


def panel_object(target: str, part: str) -> ObjectKey:
    """Return the object of what is done to a ``part`` of the panel: queue or cron."""
    return ObjectKey(PANEL_NAME, target, "panel", part)


def complete_backup(
    target: str,
    server: str,
    backup: str,
    path: str,
    identity: Identity,
    sha1: str,
    *,
    case: str,
    proof: str,
    untrusted: bool,
    held: str = "",
    cause: str = "",
) -> Proposal:
    """Propose to report success for ``backup`` (uuid) of ``server`` (uuid); ``path`` is where Wings keeps its archive.

    ``identity`` and ``sha1`` are those of the verified file; ``held`` is the path of the guard's link when only that is left (case J).
    ``proof`` is ``log`` (the log says created) or ``structure``; ``untrusted``: made by a Wings that leaves files out.
    """
    facts: dict[str, Scalar] = {"case": case, "proof": proof, "untrusted": untrusted}
    if cause:
        facts[CAUSE] = cause
    parameters = {"server": server, "backup": backup, "path": path, "held": held, "sha1": sha1, **identity_parameters(identity)}
    return Proposal(COMPLETE, backup_object(target, backup), parameters, facts)


def fail_backup(
    target: str, server: str, backup: str, path: str, identity: Identity | None, *, reason: str, case: str, quarantine: bool = False
) -> Proposal:
    """Propose to report that ``backup`` failed; ``reason`` is one of FAILURES, ``identity`` the bad file's (None = there is none).

    ``quarantine``: set the bad file aside afterwards (never deleted).
    """
    parameters: dict[str, Scalar] = {"server": server, "backup": backup, "path": path, "reason": reason, "quarantine": quarantine}
    if identity is not None:
        parameters |= identity_parameters(identity)
    return Proposal(FAIL, backup_object(target, backup), parameters, {"case": case, "reason": reason})


def lock_backup(target: str, server: str, backup: str) -> Proposal:
    """Propose to lock a good backup that is at risk."""
    return Proposal(LOCK, backup_object(target, backup), {"server": server, "backup": backup})


def power(target: str, remedy: str, server: str, *, state: str, container: str, stop_type: str, wish: str = "known") -> Proposal:
    """Propose one of POWER on ``server``; ``state`` is what Wings says, ``container`` what Docker says: running, exited or missing.

    ``stop_type`` is command, stop, signal or none; ``wish`` is known where we saw the server run and nobody stopped it, else unknown.
    """
    facts: dict[str, Scalar] = {"state": state, "container": container, "stop_type": stop_type, "wish": wish}
    return Proposal(remedy, server_object(target, server), {"server": server, "signal": POWER[remedy]}, facts)


def sync_server(target: str, server: str, *, stops: bool) -> Proposal:
    """Propose to let Wings read ``server`` anew; ``stops``: it runs and the panel has suspended it."""
    return Proposal(SYNC, server_object(target, server), {"server": server}, {"stops": stops})


def restart_queue(target: str, hook: str, *, server: str, schedule: int) -> Proposal:
    """Propose to restart the queue worker; ``hook`` is its line, ``schedule`` (id) of ``server`` (uuid) one that waits for it."""
    return Proposal(QUEUE, panel_object(target, "queue"), {"hook": hook}, {"server": server, "schedule": schedule})


def restart_cron(target: str, hook: str, *, server: str, schedule: int) -> Proposal:
    """Propose to restart what runs the schedule; ``hook`` is its line, ``schedule`` (id) of ``server`` (uuid) one that is overdue."""
    return Proposal(CRON, panel_object(target, "cron"), {"hook": hook}, {"server": server, "schedule": schedule})


def identity_parameters(identity: Identity) -> dict[str, Scalar]:
    """Return what an approval binds to: this very file."""
    return {"device": identity.device, "inode": identity.inode, "size": identity.size, "mtime_ns": identity.mtime_ns}


def identity_of(parameters: Mapping[str, Scalar]) -> Identity | None:
    """Return the identity that a proposal names; None = it names no file."""
    names = ("device", "inode", "size", "mtime_ns")
    if not all(isinstance(parameters.get(name), int) for name in names):
        return None
    return Identity(*(value if isinstance(value := parameters.get(name), int) else -1 for name in names))
