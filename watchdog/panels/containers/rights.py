"""What watching and healing plain containers takes."""

from __future__ import annotations

from typing import Final

from watchdog.model.rights import Right

RIGHTS: Final = (
    Right("health, ends, networks of containers", "panels.containers[].rules", mount="as for Docker, reading"),
    Right(
        "restart_container, start_container", "panels.containers[].mode",
        mount="as for Docker, acting: ALLOW_START, ALLOW_STOP, ALLOW_RESTARTS", on=lambda one: one.mode.value != "observe",
    ),
)  # fmt: skip
