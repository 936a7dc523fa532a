"""Where the control socket of this program is made."""

from __future__ import annotations

import os
from pathlib import Path

from watchdog.runtime.log import get_logger
from watchdog.settings import SettingsBase, control_path

log = get_logger(__name__)


def control_door(settings: SettingsBase) -> Path | None:
    """Return where to make the control socket, None where this user cannot: facts are exported all the same."""
    path = control_path(settings)
    if settings.server.control_socket is None and not os.access(path.parent, os.W_OK | os.X_OK):
        log.warning("no control socket: commands on this host need --url, and changes a token", directory=str(path.parent))
        return None
    return path
