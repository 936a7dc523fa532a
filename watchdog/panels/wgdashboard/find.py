"""For ``init``: recognise a WGDashboard among the traces on this host. Pure.

The manual writes the unit ``wg-dashboard.service`` and a clone ``WGDashboard`` whose ``src`` holds the ini; the official images are
``ghcr.io/wgdashboard/wgdashboard`` and ``donaldzou/wgdashboard``; the panel listens on 10086 (contract section 1.1; docker/compose.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.clues import Clues, Found
from watchdog.model.docker import Container

PORT: Final = 10086
UNITS: Final = ("wg-dashboard.service", "wgdashboard.service")
FOLDERS: Final = ("/opt/WGDashboard/src", "/opt/wgdashboard/src", "/root/WGDashboard/src", "/etc/WGDashboard/src", "/srv/WGDashboard/src")
INI: Final = "wg-dashboard.ini"
CONFIGURATIONS: Final = "/etc/wireguard"
KEY_PATH: Final = "/etc/panel-watchdog/wgdashboard.key"
WHERE_THE_KEY_IS: Final = (
    "in the panel open Settings, then 'WGDashboard Settings', switch 'API Keys' on, create one that never expires, and restart the panel "
    "once: a worker that gunicorn starts anew knows only the keys of the panel's start"
)


def find(clues: Clues) -> tuple[Found, ...]:
    """Given the clues of this host, return each panel that runs here: at most one on the host itself, and one per container."""
    return (*_on_the_host(clues), *(_in(container) for container in clues.containers if _is_official(container)))


def _on_the_host(clues: Clues) -> Iterator[Found]:
    units = [unit for unit in UNITS if unit in clues.units]
    folders = [folder for folder in FOLDERS if clues.exists(f"{folder}/{INI}")]
    if not units and not folders:
        return
    settings = _settings("wgdashboard")
    if folders:
        settings["directory"] = folders[0]
    if units:
        settings["hooks"] = {"restart_panel": {"unit": units[0].removesuffix(".service")}}
    why = [*(f"unit {unit}" for unit in units), *(f"folder {folder}" for folder in folders[:1])]
    why += [f"port {PORT}"] if clues.listens(PORT) else []
    yield _found(settings, why)


def _in(container: Container) -> Found:
    settings = _settings(container.name) | {"container": container.name}
    source = next((mount.source for mount in container.mounts if mount.destination == CONFIGURATIONS), "")
    if source.startswith("/"):
        settings["configurations_directory"] = source
    return _found(settings, [f"container {container.name} ({container.image})"])


def _settings(name: str) -> dict[str, object]:
    return {"name": name, "url": f"http://127.0.0.1:{PORT}", "api_key_file": KEY_PATH, "mode": "observe"}


def _found(settings: dict[str, object], why: list[str]) -> Found:
    comments = {"mode": "observe: export and alert only. approve: plan and wait for you. repair: act"}
    if "directory" not in settings:
        comments["url"] = "also set directory, the panel's src folder, where this host can see it: its log and ini are evidence"
    return Found(settings, f"WGDashboard: {', '.join(why)}", asks={"api_key_file": WHERE_THE_KEY_IS}, comments=comments)


def _is_official(container: Container) -> bool:
    return "wgdashboard" in container.image.lower()
