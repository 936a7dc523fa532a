"""The remedies: what each may cost, how long it may take, and the proposals that name them. Pure.

Risk table: ``start_container`` is safe (nothing runs that could be lost); ``restart_container`` is disruptive (what is unhealthy may still
serve somebody), and destructive = ask while it would take containers along that nobody has opted in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from watchdog.model.docker import Container
from watchdog.model.drifts import ObjectKey, Proposal, Scalar
from watchdog.model.repairs import Remedy, Risk, Settle
from watchdog.panels.containers.view import PANEL_NAME

RESTART: Final = "restart_container"
START: Final = "start_container"
DEADLINE: Final = 1500.0
"""Seconds: the longest stop timeout (600 s) of a container and of one that depends on it."""


def restart_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it destructive (= ask) when it takes along what nobody has opted in, or nobody knows."""
    return Risk.DISRUPTIVE if facts.get("strangers") == 0 else Risk.DESTRUCTIVE


def start_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe to start what nobody stopped; where that is not known only a person can know it."""
    return Risk.SAFE if facts.get("wish") == "known" else Risk.DESTRUCTIVE


REMEDIES: Final[tuple[Remedy, ...]] = (
    Remedy(
        RESTART,
        "Restart a container gracefully, with its own stop timeout, then in order those that share its network or must follow it.",
        restart_risk,
        Settle(10.0, 300.0),
        deadline=DEADLINE,
        cooldown=60.0,
    ),
    Remedy(START, "Start a container that ended although it should run.", start_risk, Settle(10.0, 120.0), deadline=120.0, cooldown=30.0),
)


def container_object(target: str, name: str) -> ObjectKey:
    """Return the object of remedies on one container: its name, which outlives its being made anew."""
    return ObjectKey(PANEL_NAME, target, "container", name)


def restart(
    target: str, container: Container, dependents: Sequence[Container], grace: float | None, *, strangers: int, reason: str, cause: str = ""
) -> Proposal:
    """Propose a graceful restart. ``grace`` is seconds, None = the container's own stop timeout; ``reason`` is unhealthy or detached.

    ``began`` binds it to this very run of the container; ``strangers`` of the dependents are opted in by nobody. ``cause`` is what left it
    so together with others and is over, "" = not known.
    """
    parameters: dict[str, Scalar] = {
        "container": container.id,
        "name": container.name,
        "began": container.started_at,
        "reason": reason,
        "grace": grace,
        "dependents": " ".join(each.id for each in dependents),
    }
    facts: dict[str, Scalar] = {"wish": "known", "strangers": strangers, "dependents": " ".join(each.name for each in dependents)}
    if cause:
        facts["cause"] = cause
    return Proposal(RESTART, container_object(target, container.name), parameters, facts)


def start(target: str, container: Container, wish: str) -> Proposal:
    """Propose a start; ``wish`` is known or unknown. ``ended`` binds it to this very end."""
    parameters: dict[str, Scalar] = {"container": container.id, "name": container.name, "ended": container.finished_at}
    return Proposal(START, container_object(target, container.name), parameters, {"wish": wish})
