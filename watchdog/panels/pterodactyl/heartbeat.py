"""What Wings leaves on disk besides archives and log: its heartbeat, the servers' volumes, and what our own guard holds. Reads only."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from watchdog.errors import Blind
from watchdog.model.archives import Identity
from watchdog.panels.pterodactyl.naming import is_uuid, uuid_of
from watchdog.panels.pterodactyl.traces import Heartbeat, Kept

LARGEST: Final = 4 << 20
MOST: Final = 100_000


def heartbeat(path: Path) -> Heartbeat:
    """Return what ``states.json`` tells; raises nothing. Wings writes it anew in place, so for a moment it may be empty or half."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123  (never block at a FIFO)
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                return Heartbeat(error=f"{path} is no regular file")
            content = file.read(LARGEST)
    except FileNotFoundError:
        return Heartbeat(error=f"there is no {path}: set node.states to Wings' root_directory/states.json")
    except OSError as error:
        return Heartbeat(error=f"{path} cannot be read: {error.strerror}; run as root or with CAP_DAC_READ_SEARCH")
    try:
        said = json.loads(content) if content.strip() else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return Heartbeat(facts.st_mtime, error="it is just being written, or broken")
    states = {uuid: state for uuid, state in said.items() if is_uuid(uuid) and isinstance(state, str)}
    return Heartbeat(facts.st_mtime, states)


def volumes(path: Path) -> tuple[str, ...]:
    """Return the uuids that have a volume, sorted; other names are none of Wings'. Raises Blind."""
    try:
        with os.scandir(path) as entries:
            return tuple(sorted(each.name for each, _ in zip(entries, range(MOST), strict=False) if is_uuid(each.name)))
    except OSError as error:
        raise Blind(f"{path} cannot be listed: {error.strerror}; set node.volumes to Wings' system.data") from None


def kept(directory: Path) -> tuple[Kept, ...]:
    """Return what our guard holds, sorted; none where its directory does not exist yet. Raises Blind."""
    try:
        with os.scandir(directory) as entries:
            return tuple(sorted(_kept(entries), key=lambda each: each.uuid))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Blind(f"{directory} cannot be listed: {error.strerror}") from None


def _kept(entries: Iterator[os.DirEntry[str]]) -> Iterator[Kept]:
    for entry in entries:
        uuid = uuid_of(entry.name)
        if uuid is None:
            continue
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(facts.st_mode):
            identity = Identity(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
            yield Kept(uuid, entry.path, identity, facts.st_ctime, facts.st_nlink)
