"""The remedies: what each may cost, how long it may take, and the proposals that name them. Pure.

Risk table (contract section 3.2 to 3.4): ``restart_panel`` is safe while it is proven that no tunnel ends with the panel and that none is
raised which somebody took down; destructive, that is asked for, when a tunnel would end or be raised, when that is not known, and when a
restart for this has been tried. ``reread`` is safe from the worker that the master began with, for one lost file; destructive from any
other, and for more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from watchdog.model.drifts import ObjectKey, Proposal, Scalar
from watchdog.model.repairs import Remedy, Risk, Settle
from watchdog.panels.wgdashboard.traces import Evidence
from watchdog.panels.wgdashboard.view import PANEL_NAME, Configuration, WgdashboardView

RESTART: Final = "restart_panel"
REREAD: Final = "reread"
AGAIN: Final = 3600.0
"""Seconds after a restart of ours within which the next one is a person's to order, whatever it is for."""


def restart_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe only where every danger of section 3.2 is known not to be there."""
    harmless = facts.get("tunnels_end") is False and facts.get("raises") == "" and facts.get("again") is False
    return Risk.SAFE if harmless else Risk.DESTRUCTIVE


def reread_risk(facts: Mapping[str, Scalar]) -> Risk:
    """Call it safe from the first worker only: it saves the settings, and a later one has those of the master's start (section 3.3).

    And only while one file is gone: of a folder that is not mounted the panel would forget everything.
    """
    return Risk.SAFE if facts.get("first_worker") is True and facts.get("forgets_too") == "" else Risk.DESTRUCTIVE


REMEDIES: Final[tuple[Remedy, ...]] = (
    Remedy(
        RESTART,
        "Restart the whole panel by its hook; tunnels in the kernel go on, sessions of people end, the first pass comes after ten seconds.",
        restart_risk,
        Settle(13.0, 90.0),
        deadline=180.0,
        cooldown=300.0,
        needs_docker=False,
    ),
    Remedy(
        REREAD,
        "Let the panel read its configuration files anew, by writing its own wg_conf_path once more; it forgets one whose file is gone.",
        reread_risk,
        Settle(13.0, 90.0),
        deadline=60.0,
        cooldown=300.0,
        needs_docker=False,
    ),
)


def panel_object(target: str) -> ObjectKey:
    """Return the object of every remedy: there is one panel, so whatever is wrong with it is one repair at a time."""
    return ObjectKey(PANEL_NAME, target, "panel", target)


def sample_of(configuration: Configuration) -> str:
    """Return a short name of what the panel shows of a configuration's peers: it is compared, never read."""
    return hashlib.blake2s(repr(configuration.sample).encode(), digest_size=8).hexdigest()


def life_of(view: WgdashboardView, evidence: Evidence) -> dict[str, Scalar]:
    """Name the panel's present life: a remedy that finds another one has been carried out already."""
    process, lost = evidence.process, view.session_lost
    return {
        "master": "" if process is None else f"{process.master} {process.master_began:.2f}",
        "session_lost": None if lost is None else round(lost.mono, 3),
    }


def witness_of(configuration: Configuration) -> dict[str, Scalar]:
    """Name one configuration that stands still and what it shows: when that has changed, the thread samples again."""
    return {"witness": configuration.name, "shows": sample_of(configuration)}


def restart_panel(target: str, hook: str, facts: Mapping[str, Scalar]) -> Proposal:
    """Propose to restart the panel by its hook (one line); ``facts`` are its dangers, see ``dangers``."""
    return Proposal(RESTART, panel_object(target), {"hook": hook}, facts)


def reread(target: str, path: str, configuration: str, facts: Mapping[str, Scalar]) -> Proposal:
    """Propose that the panel reads its configurations anew; ``path`` is its own wg_conf_path, ``configuration`` the one without a file."""
    return Proposal(REREAD, panel_object(target), {"path": path, "configuration": configuration}, facts)
