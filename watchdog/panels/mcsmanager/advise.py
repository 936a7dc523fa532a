"""Sentences of prevention, from what a look already knows; pure. Each names the exact change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.view import HEADER_SUFFICES_SINCE, LABELLED_SINCE, SOFT_EXIT_SINCE, Daemon, McsmanagerView, parse_version

UNIT_ORDER: Final = "[Unit]\nAfter=docker.service\nWants=docker.service\n"
"""A drop-in for the daemon's unit. Wants and not Requires: the daemon also runs instances without Docker."""
COMMON_NAMES: Final = ("admin", "root", "administrator")


def advise(settings: McsmanagerSettings, view: McsmanagerView) -> tuple[str, ...]:
    """Return sentences of advice about one target, sorted as they matter."""
    return (*_about_daemons(settings, view.daemons), *_about_the_panel(view))


def unit_advice(unit: str, after: Sequence[str]) -> str | None:
    """Given a daemon's unit and what its After= lists, return how to order it behind Docker; None when it is."""
    if "docker.service" in after:
        return None
    return (
        f"{unit} may start before Docker answers, which is how autostart fails for ever (MCSManager issue 1533): "
        f"'systemctl edit {unit}' and write\n{UNIT_ORDER}"
    )


def _about_daemons(settings: McsmanagerSettings, daemons: Sequence[Daemon]) -> Iterator[str]:
    for daemon in daemons:
        numbers = daemon.numbers
        if numbers is None:
            continue
        if numbers < LABELLED_SINCE:
            yield (
                f"daemon '{daemon.name}' {daemon.version} does not label its containers and takes none over at its boot: "
                "update it to 4.13.0 (panel 10.13.0) or later"
            )
        elif numbers < SOFT_EXIT_SINCE:
            yield (
                f"daemon '{daemon.name}' {daemon.version} kills every Docker instance when it ends: "
                "update it to 4.13.0 (panel 10.13.0) or later; until then its restart counts as destructive"
            )
        elif not daemon.spares_instances:
            yield (
                f"daemon '{daemon.name}' kills its Docker instances when it ends: "
                "set enableSoftShutdown and softShutdownSkipDocker to true in its data/Config/global.json, while it is stopped"
            )
        if settings.hooks.restart_daemon is None and settings.of_daemon(daemon.uuid, daemon.remarks) is None:
            yield (
                f"daemon '{daemon.name}' has no hook: ghosts and dead consoles need a restart of the daemon; "
                "write hooks: {restart_daemon: {unit: mcsm-daemon}}"
            )


def _about_the_panel(view: McsmanagerView) -> Iterator[str]:
    numbers = parse_version(view.version)
    if numbers is not None and numbers < HEADER_SUFFICES_SINCE:
        yield (
            f"panel {view.version} takes the API key of calls on one instance only in their address, where an access log may keep it: "
            "update it to 10.8.3 or later, and until then log no queries before it"
        )
    if view.operations is None:
        yield "the panel's operation log cannot be read (it exists from 10.7.0 on), so no stop is on record: starts ask for approval"
        return
    starts = [entry.operator for entry in view.operations if entry.type == "instance_start"]
    if any(name in COMMON_NAMES for name in starts):
        yield "give the API key to an admin user of its own, such as 'watchdog': the operation log then tells its deeds from yours"
