"""For ``init``: recognise a SysReptor among the traces on this host. Pure.

The vendor's compose file names its containers ``sysreptor-app`` and ``sysreptor-db``, takes the image ``syslifters/sysreptor`` and
listens on 127.0.0.1:8000; ``update.sh --backup`` writes beside the install directory (contract sections 1.1 and 1.6).
"""

from __future__ import annotations

from typing import Final

from watchdog.model.clues import Clues, Found
from watchdog.model.docker import Container

PORT: Final = 8000
IMAGE: Final = "syslifters/sysreptor"
FOLDERS: Final = ("/root/sysreptor", "/opt/sysreptor", "/srv/sysreptor", "/home/sysreptor/sysreptor", "/home/ubuntu/sysreptor")
COMPOSE: Final = "deploy/docker-compose.yml"
BACKUPS: Final = "/var/backups/sysreptor"
TOKEN_PATH: Final = "/etc/panel-watchdog/sysreptor.token"  # noqa: S105  # where it lies
HOW_TO_GET_ONE: Final = (
    "make a system user and a token for it in the panel's container: 'python3 manage.py createorupdateuser --username watchdog --system "
    "--password ...' (15 characters at least), then 'python3 manage.py createapitoken watchdog', which shows it once (2025.20 and later)"
)


def find(clues: Clues) -> tuple[Found, ...]:
    """Given the clues of this host, return each panel that runs here: one per container of the application."""
    folder = next((folder for folder in FOLDERS if clues.exists(f"{folder}/{COMPOSE}")), "")
    apps = [container for container in clues.containers if _is_app(container)]
    if not apps and folder:
        return (_found("sysreptor", "sysreptor-app", folder, [f"folder {folder}"]),)
    return tuple(_found(_name(app, apps), app.name, folder, [f"container {app.name} ({app.image})"]) for app in apps)


def _found(name: str, container: str, folder: str, why: list[str]) -> Found:
    path = folder.rpartition("/")[0] if folder else BACKUPS
    settings: dict[str, object] = {
        "name": name,
        "url": f"http://127.0.0.1:{PORT}",
        "token_file": TOKEN_PATH,
        "backups": {"path": path},
        "run": {"method": "none", "container": container},
        "mode": "observe",
    }
    comments = {
        "mode": "observe: export and alert only. approve: plan and wait for you. repair: act",
        "backups": "where backups land: the panel keeps none and knows no path"
        + ("; update.sh --backup writes here" if folder else "; put your own directory here"),
        "run": "exec: make backups ourselves, by the command in this container; none: only watch",
    }
    return Found(settings, f"SysReptor: {', '.join(why)}", asks={"token_file": HOW_TO_GET_ONE}, comments=comments)


def _name(app: Container, apps: list[Container]) -> str:
    return "sysreptor" if len(apps) == 1 else app.name


def _is_app(container: Container) -> bool:
    image = container.image.lower()
    return IMAGE in image and not image.partition(IMAGE)[2].startswith("-")
