"""The remedies: what each may cost, how long it may take, and the proposals that name them. Pure.

Risk table (contract section 3): ``open_instance`` is safe while the operator's wish is known and asks for approval when it is not;
``stop_container_then_open`` and ``remove_leftover`` are disruptive; ``relink_daemon`` is safe (an offline daemon has no live connection to
lose); ``restart_daemon`` is disruptive where the daemon leaves game servers alone and destructive where it may kill them, or nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.model.drifts import ObjectKey, Proposal, Scalar
from watchdog.model.repairs import Remedy, Risk, Settle
from watchdog.panels.mcsmanager.view import Daemon, Instance, Status

PANEL_NAME: Final = "mcsmanager"
DELAYED_KILL_GUARD: Final = 8.0
"""Seconds to wait after a failed open: 10.8 and later leave a SIGKILL behind, six seconds after the start (contract section 3)."""


def open_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe to start what nobody stopped; where the wish is unknown only a person can know it."""
    return Risk.SAFE if facts.get("wish") == "known" else Risk.DESTRUCTIVE


def restart_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Up to 10.12, or with soft shutdown off, SIGTERM kills every game server of the daemon: worlds may lose what was not saved."""
    return Risk.DISRUPTIVE if facts.get("spares_instances") is True else Risk.DESTRUCTIVE


def _disruptive(_: Mapping[str, Scalar]) -> Risk:
    return Risk.DISRUPTIVE


def _safe(_: Mapping[str, Scalar]) -> Risk:
    return Risk.SAFE


REMEDIES: Final[tuple[Remedy, ...]] = (
    Remedy("open_instance", "Ask the panel to start a stopped instance.", open_risk, Settle(5.0, 60.0), deadline=90.0, cooldown=60.0),
    Remedy(
        "stop_container_then_open",
        "Stop the container nobody holds with a long grace, wait until it is gone, then let the panel start the instance.",
        _disruptive,
        Settle(5.0, 60.0),
        deadline=900.0,
        cooldown=300.0,
    ),
    Remedy(
        "remove_leftover",
        "Remove a dead container that holds the instance's name, without force, then let the panel start the instance if it was wanted.",
        _disruptive,
        Settle(5.0, 60.0),
        deadline=120.0,
        cooldown=120.0,
    ),
    Remedy(
        "relink_daemon",
        "Let the panel connect anew to a daemon that it has held for offline for minutes.",
        _safe,
        Settle(5.0, 60.0),
        deadline=90.0,
        cooldown=900.0,
        needs_docker=False,
    ),
    Remedy(
        "restart_daemon",
        "Restart the daemon by its hook; from 10.7 on it takes running containers over, which ends ghosts, orphans and dead consoles.",
        restart_risk,
        Settle(20.0, 120.0),
        deadline=240.0,
        cooldown=600.0,
    ),
)


def instance_object(target: str, instance: Instance) -> ObjectKey:
    """Return the object of remedies on one instance."""
    return ObjectKey(PANEL_NAME, target, "instance", instance.uuid)


def daemon_object(target: str, daemon: str) -> ObjectKey:
    """Return the object of remedies on one daemon: fifty ghosts behind it are one repair."""
    return ObjectKey(PANEL_NAME, target, "daemon", daemon)


def start_of(instance: Instance) -> str:
    """Name one start of an instance: the next one has another count."""
    return f"{instance.uuid}:{instance.started}"


def open_instance(target: str, daemon: Daemon, instance: Instance, wish: str, cause_at: float | None = None) -> Proposal:
    """Propose to start an instance; ``wish`` is known or unknown.

    ``cause_at`` (UNIX seconds) is when the outage behind it ended: all that it left behind share this cause, and are mended in turn.
    """
    parameters = {"daemon": daemon.uuid, "instance": instance.uuid}
    facts: dict[str, Scalar] = {"wish": wish, "version": daemon.version or "unknown"}
    if cause_at is not None:
        facts["cause"] = f"daemon {daemon.uuid}: an outage that ended at {cause_at:.0f}"
    return Proposal("open_instance", instance_object(target, instance), parameters, facts)


def stop_container_then_open(target: str, daemon: Daemon, instance: Instance, container: str) -> Proposal:
    """Propose to end an orphan gracefully and start the instance."""
    parameters = {"daemon": daemon.uuid, "instance": instance.uuid, "container": container}
    return Proposal("stop_container_then_open", instance_object(target, instance), parameters, {"version": daemon.version or "unknown"})


def remove_leftover(target: str, daemon: Daemon, instance: Instance, container: str, *, start: bool) -> Proposal:
    """Propose to remove a dead container in the way; ``start`` whether the instance is then to be started."""
    parameters: dict[str, Scalar] = {"daemon": daemon.uuid, "instance": instance.uuid, "container": container, "start": start}
    return Proposal("remove_leftover", instance_object(target, instance), parameters, {"version": daemon.version or "unknown"})


def relink_daemon(target: str, daemon: Daemon) -> Proposal:
    """Propose that the panel connects anew."""
    return Proposal("relink_daemon", daemon_object(target, daemon.uuid), {"daemon": daemon.uuid})


def restart_daemon(target: str, daemon: Daemon, hook: str, living: int, *, local: bool) -> Proposal:
    """Propose to restart a daemon by its hook (one line); ``living`` game servers run behind it, ``local`` on this host.

    ``starting`` names the starts that the restart may end, since they are stuck; one that begins later puts it off.
    """
    facts: dict[str, Scalar] = {
        "version": daemon.version or "unknown",
        "spares_instances": daemon.spares_instances,
        "soft_shutdown": daemon.soft_shutdown,
        "soft_shutdown_skips_docker": daemon.soft_shutdown_skips_docker,
        "living": living,
        "local": local,
        "process_cpu": daemon.process_cpu,
        "starting": " ".join(sorted(start_of(item) for item in daemon.instances or () if item.status is Status.STARTING)),
    }
    return Proposal("restart_daemon", daemon_object(target, daemon.uuid), {"daemon": daemon.uuid, "hook": hook}, facts)
