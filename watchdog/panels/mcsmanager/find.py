"""For ``init``: recognise an MCSManager panel among the traces on this host. Pure.

The official installer writes the units ``mcsm-web.service`` and ``mcsm-daemon.service`` and the folder ``/opt/mcsmanager``; the official
images are ``githubyumao/mcsmanager-web`` and ``-daemon``; the panel listens on 23333, the daemon on 24444 (contract section 1 and 2).
"""

from __future__ import annotations

from watchdog.model.clues import Clues, Found
from watchdog.model.docker import Container

PANEL_PORT = 23333
DAEMON_PORT = 24444
WEB_UNIT = "mcsm-web.service"
DAEMON_UNIT = "mcsm-daemon.service"
FOLDER = "/opt/mcsmanager"
KEY_PATH = "/etc/panel-watchdog/mcsmanager.key"
WHERE_THE_KEY_IS = (
    "in the panel click your user name, then 'API Key'; use an admin user of its own for the watchdog "
    "(from 10.17 on, 'API key' must also be enabled in the panel's settings)"
)


def find(clues: Clues) -> tuple[Found, ...]:
    """Given the clues of this host, return the panel that runs here, or nothing."""
    why = _traces(clues)
    if not why:
        return ()
    settings: dict[str, object] = {
        "name": "mcsmanager",
        "url": f"http://127.0.0.1:{PANEL_PORT}",
        "api_key_file": KEY_PATH,
        "mode": "observe",
    }
    return (
        Found(
            settings,
            f"MCSManager: {', '.join(why)}",
            asks={"api_key_file": WHERE_THE_KEY_IS},
            comments={"mode": "observe: export and alert only. approve: plan and wait for you. repair: act"},
        ),
    )


def _traces(clues: Clues) -> list[str]:
    traces = [f"unit {unit}" for unit in (WEB_UNIT, DAEMON_UNIT) if unit in clues.units]
    traces += [f"container {c.name} ({c.image})" for c in clues.containers if _is_official(c)]
    if clues.exists(f"{FOLDER}/web") or clues.exists(f"{FOLDER}/daemon"):
        traces.append(f"folder {FOLDER}")
    if clues.listens(PANEL_PORT) and clues.listens(DAEMON_PORT):
        traces.append(f"ports {PANEL_PORT} and {DAEMON_PORT}")
    return traces


def _is_official(container: Container) -> bool:
    return "mcsmanager-web" in container.image or "mcsmanager-daemon" in container.image
