"""Sentences of prevention, from what a look already knows; pure. Each names the exact change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.panels.wgdashboard.jobs import SPINS
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import Evidence
from watchdog.panels.wgdashboard.view import SEED_BUG_UNTIL, WgdashboardView

KILL_MODE: Final = "[Service]\nKillMode=process\n"
"""A drop-in for the panel's unit: systemd then ends gunicorn only, and userspace tunnels that it started live on."""


def advise(settings: WgdashboardSettings, view: WgdashboardView, evidence: Evidence) -> tuple[str, ...]:
    """Return sentences of advice about one target, sorted as they matter."""
    return (*_about_the_version(view), *_about_restarts(settings, evidence), *_about_sight(settings, view, evidence))


def _about_the_version(view: WgdashboardView) -> Iterator[str]:
    if view.numbers is None or not view.may_lose_its_thread:
        return
    if view.numbers == SEED_BUG_UNTIL:
        yield (
            f"{view.version} may be any of 4.2.3, 4.2.3.0 and 4.2.3.0.1, which all call themselves so, and 4.2.3 itself loses its sampling "
            "thread when a configuration is added during a pass (WGDashboard issue 762): update it to 4.2.4 or later"
        )
    else:
        yield (
            f"{view.version} loses its sampling thread when a configuration is added during a pass (WGDashboard issue 762): "
            "update it to 4.2.4 or later"
        )


def _about_restarts(settings: WgdashboardSettings, evidence: Evidence) -> Iterator[str]:
    if settings.hooks.restart_panel is None:
        yield "there is no hook: a dead thread needs a full restart of the panel; write hooks: {restart_panel: {unit: wg-dashboard}}"
    if evidence.journal is not None and evidence.journal.jobs_broken >= SPINS:
        yield (
            "the panel's second thread fails at one of its jobs again and again without a pause: it burns a processor, fills "
            "log/error_*.log (350 kB/s were seen) and takes nobody's access away; find the job by that log and delete it in the panel"
        )
    process = evidence.process
    if process is not None and process.daemons and process.kill_mode != "process":
        unit = process.cgroup.rpartition("/")[2]
        yield (
            f"{process.daemons} userspace WireGuard daemons live in the panel's unit and would end with it: "
            f"'systemctl edit {unit}' and write\n{KILL_MODE}"
        )
    if process is not None and process.respawned:
        yield (
            "the panel's worker was started anew by its master and has the settings of the master's start: restart the whole panel before "
            "anybody saves settings, or the old ones go over the ini"
        )


def _about_sight(settings: WgdashboardSettings, view: WgdashboardView, evidence: Evidence) -> Iterator[str]:
    if settings.place == "remote":
        yield (
            "place: remote: it is judged by its own word. Whether its states are true, its devices, foreign peers, allowed addresses and "
            "files are not judged here; run an agent on its host for these"
        )
    if settings.directory is None:
        yield (
            "without directory (the panel's src folder) neither its log, its ini nor its processes can be seen: a restart is then always "
            "asked for, and a stale worker cannot be told from API keys that are off"
        )
    for part, why in sorted(evidence.blind.items()):
        if settings.directory is not None:
            yield f"its {part} cannot be seen: {why}"
    listed = {each.name for each in view.configurations or () if not each.unknown}
    if view.configurations is not None and (nobody := sorted(set(settings.expect) - listed)):
        yield f"expect names configurations that the panel does not have, so nothing is watched there: {', '.join(nobody)}"
    if view.names_from == "settings":
        yield "only the configurations named in the settings are watched: this version does not list them, and no directory is configured"
