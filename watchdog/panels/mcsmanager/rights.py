"""What watching and mending one MCSManager panel takes."""

from __future__ import annotations

from typing import Final

from watchdog.model.rights import Reach, Right

RIGHTS: Final = (
    Right(
        "panel, instances, daemons; open and relink", "panels.mcsmanager[].api_key_file",
        panel="API key of a user with administrator rights, best one of its own; from 10.17 on API keys switched on in the settings",
        reaches=lambda one: (Reach(one.api_key_file),),
    ),
    Right(
        "truth of instances on this host", "panels.mcsmanager[].url", mount="as for Docker, reading: the engine that the daemon uses",
    ),
    Right(
        "stop_container_then_open, remove_leftover", "panels.mcsmanager[].allow", mount="as for Docker, acting; removing takes DELETE",
        on=lambda one: bool({"stop_container_then_open", "remove_leftover"} & set(one.allow)),
    ),
    Right("restart_daemon", "panels.mcsmanager[].hooks", panel="a hook: as for hooks", on=lambda one: one.hooks.restart_daemon is not None),
)  # fmt: skip
