"""What watching and mending one WGDashboard takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchdog.model.rights import Capability, Reach, Right
from watchdog.panels.wgdashboard.settings import WgdashboardSettings


def _folders(settings: WgdashboardSettings) -> Iterable[Reach]:
    return [Reach(each) for each in (settings.directory, settings.configurations_directory) if each is not None]


RIGHTS: Final = (
    Right(
        "panel, configurations, peers; reread", "panels.wgdashboard[].api_key_file", panel="API key of the panel; API keys switched on",
        reaches=lambda one: (Reach(one.api_key_file),),
    ),
    Right(
        "ini, log, database time, configuration files", "panels.wgdashboard[].directory", closed=(Capability.CAP_DAC_READ_SEARCH,),
        mount="the panel's `src` folder and `/etc/wireguard`, read-only",
        on=lambda one: one.directory is not None or one.configurations_directory is not None, reaches=_folders,
    ),
    Right(
        "the worker's threads and the daemons that would die", "panels.wgdashboard[].directory", (Capability.CAP_SYS_PTRACE,),
        mount="the host's `/proc`", namespace="pid: the host's", on=lambda one: one.directory is not None,
    ),
    Right(
        "a panel in a container", "panels.wgdashboard[].container", (Capability.CAP_SYS_ADMIN, Capability.CAP_SYS_PTRACE),
        mount="as for Docker, reading", namespace="pid: the host's", on=lambda one: bool(one.container),
    ),
    Right("restart_panel", "panels.wgdashboard[].hooks", panel="a hook: as for hooks", on=lambda one: one.hooks.restart_panel is not None),
)  # fmt: skip
