"""The archives of the local node by the id of their backup, and what is wanted to be watched for them. Pure.

Pterodactyl keeps them flat, Pelican in a folder per server (contract sections 2.2 and 8). What our guard holds lies below the same
directory and is none of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from watchdog.model.archives import ArchiveFile, WatchedDirectory
from watchdog.model.moments import Moment
from watchdog.model.needs import DirectoryNeed, FilesystemNeed
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl.settings import PterodactylSettings

SUFFIX: Final = ".tar.gz"
PATTERNS: Final = {"pterodactyl": f"*{SUFFIX}", "pelican": f"*/*{SUFFIX}"}
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Stock:
    """What lies in the directory of archives, by backup uuid.

    ``reason`` is a short stable word for why absence proves nothing now, "" = what is not in ``files`` is not there. ``odd`` are names
    that are no regular files, with why. ``taken`` is when it was looked at (UNIX seconds), 0 = never. ``path`` is the directory's.
    """

    files: Mapping[str, ArchiveFile] = field(default_factory=dict)
    odd: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    message: str = ""
    taken: float = 0.0
    path: str = ""

    @property
    def clear(self) -> bool:
        """Whether absence proves something."""
        return not self.reason


def canonical(uuid: str) -> bool:
    """Whether ``uuid`` is one as Wings names its archives: lower-case, with dashes (contract section 3.5, guard 7)."""
    return _UUID.fullmatch(uuid) is not None


def place_of(settings: PterodactylSettings, server: str, backup: str) -> str:
    """Return the path where Wings keeps the archive of ``backup``; "" without a local node."""
    if settings.node is None:
        return ""
    folder = settings.node.backups / server if settings.flavour == "pelican" else settings.node.backups
    return str(folder / f"{backup}{SUFFIX}")


def name_of(settings: PterodactylSettings) -> str:
    """Return the name under which the directory of archives is watched."""
    return f"pterodactyl-{settings.name}"


def directories(settings: PterodactylSettings) -> tuple[DirectoryNeed, ...]:
    """Return the directory of archives that is to be watched."""
    if settings.node is None:
        return ()
    node = settings.node
    return (DirectoryNeed(name_of(settings), str(node.backups), PATTERNS[settings.flavour], node.level),)


def filesystems(settings: PterodactylSettings) -> tuple[FilesystemNeed, ...]:
    """Return the file system of the archives."""
    return (FilesystemNeed(name_of(settings), str(settings.node.backups)),) if settings.node is not None else ()


def look(settings: PterodactylSettings, actual: Actual, now: Moment | None) -> Stock:
    """Return what lies there; ``now`` None = however old the look is (for metrics)."""
    if settings.node is None:
        return Stock(reason="no_node", message="no node of this host is configured, so archives are not judged")
    return seen(name_of(settings), str(settings.held_directory or ""), actual, now)


def seen(name: str, held: str, actual: Actual, now: Moment | None) -> Stock:
    """Return what lies in the watched directory called ``name``, without what lies in ``held``."""
    snapshot = actual.archives
    if snapshot is None or snapshot.facts is None or snapshot.good is None:
        return Stock(reason="archives_unseen", message="the archives have not been looked at yet")
    facts, taken = snapshot.facts, snapshot.good.wall
    directory = next((each for each in facts.directories if each.name == name), None)
    files = {uuid: each for each in facts.files if each.directory == name and (uuid := _uuid_of(each.path, held))}
    odd = {uuid: each.reason for each in facts.passed_over if each.directory == name and (uuid := _uuid_of(each.path, held))}
    reason, message = _doubt(directory, fresh=now is None or (snapshot.success and snapshot.fresh(now)))
    return Stock(files, odd, reason, message, taken, directory.path if directory else "")


def _doubt(directory: WatchedDirectory | None, *, fresh: bool) -> tuple[str, str]:
    if directory is None:
        return "archives_unseen", "the directory of archives has not been looked at yet"
    if not fresh:
        return "archives_unseen", "the last look at the archives failed or is old"
    if directory.error:
        return "archives_unseen", f"the directory {directory.path} cannot be read ({directory.error})"
    return "", ""


def _uuid_of(path: str, held: str) -> str:
    name = path.rpartition("/")[2]
    uuid = name.removesuffix(SUFFIX)
    inside = bool(held) and path.startswith(f"{held}/")
    return uuid if uuid != name and canonical(uuid) and not inside else ""
