"""Exactly what each remedy sends, one line each: for plans, approvals and the record. Pure; no token ever stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.model.repairs import PlannedRepair
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.settings import PterodactylSettings

FAILURE: Final[Mapping[str, object]] = {"successful": False, "checksum": "", "checksum_type": "", "size": 0, "parts": None}
"""What Wings itself sends when the making of a backup failed."""


def lines(settings: PterodactylSettings, repair: PlannedRepair) -> tuple[str, ...]:
    """Return, in order, what a repair would send."""
    parameters, remedy = repair.proposal.parameters, repair.proposal.remedy
    server, backup, path, held, sha1, hook = (
        str(parameters.get(name, "")) for name in ("server", "backup", "path", "held", "sha1", "hook")
    )
    if remedy in remedies.POWER:
        return (power_line(settings, server, remedies.POWER[remedy]),)
    if remedy == remedies.COMPLETE:
        link = link_line(held, path) if held else link_line(path, held_path(settings, backup))
        return (link, success_line(backup, sha1, _number(parameters.get("size"))))
    if remedy == remedies.FAIL:
        aside = (quarantine_line(path),) if parameters.get("quarantine") is True and "inode" in parameters else ()
        return (failure_line(backup), *aside)
    single = {
        remedies.LOCK: lock_line(settings, server, backup),
        remedies.SYNC: sync_line(server),
        remedies.QUEUE: hook,
        remedies.CRON: hook,
    }
    return (single[remedy],) if remedy in single else ()


def success(sha1: str, size: int) -> Mapping[str, object]:
    """Return the body of a success; ``sha1`` is bare hex (the panel adds the prefix itself), ``size`` bytes."""
    return {"successful": True, "checksum": sha1, "checksum_type": "sha1", "size": size, "parts": None}


def held_path(settings: PterodactylSettings, backup: str) -> str:
    """Return where the link of a backup is held."""
    directory = settings.held_directory
    return f"{directory}/{backup}.tar.gz" if directory is not None else ""


def link_line(source: str, goal: str) -> str:
    """Return the line of a hard link."""
    return f"link {source} as {goal}"


def success_line(backup: str, sha1: str, size: int) -> str:
    """Return the line of a reported success; ``sha1`` "" = it is read from the archive first."""
    checksum = sha1 or "(read from the archive)"
    return f"POST to the panel as this node's Wings: /api/remote/backups/{backup} successful=true checksum={checksum} size={size}"


def failure_line(backup: str) -> str:
    """Return the line of a reported failure."""
    return f"POST to the panel as this node's Wings: /api/remote/backups/{backup} successful=false"


def quarantine_line(path: str) -> str:
    """Return the line of a quarantine."""
    folder, _, name = path.rpartition("/")
    return f"rename {path} to {folder}/quarantine/{name}.quarantined"


def lock_line(settings: PterodactylSettings, server: str, backup: str) -> str:
    """Return the line of a lock."""
    return f"POST {settings.url}/api/client/servers/{server}/backups/{backup}/lock"


def power_line(settings: PterodactylSettings, server: str, signal: str) -> str:
    """Return the line of a power action through the panel."""
    return f"POST {settings.url}/api/client/servers/{server}/power signal={signal}"


def wings_line(server: str, signal: str) -> str:
    """Return the line of a power action that goes to Wings, because the panel is down."""
    return f"POST to this node's Wings: /api/servers/{server}/power action={signal}"


def sync_line(server: str) -> str:
    """Return the line of a sync."""
    return f"POST to its node's Wings: /api/servers/{server}/sync"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
