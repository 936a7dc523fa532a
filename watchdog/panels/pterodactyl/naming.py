"""Names that Wings gives to things on disk, uuids and archives, and the one that we give: to our canaries. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

SUFFIX: Final = ".tar.gz"
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
CANARY: Final = "watchdog canary "
"""How the names of our own backups begin; the time follows at which each was due."""
_MINUTE: Final = "%Y-%m-%dT%H:%MZ"
_UUID: Final = re.compile(UUID)


def is_uuid(text: str) -> bool:
    """Whether a text is a canonical uuid in lower case: the only form that we accept in a name (contract section 3.5, guard 7)."""
    return _UUID.fullmatch(text) is not None


def uuid_of(name: str) -> str | None:
    """Given the base name of a file, return the uuid of the backup whose archive it is; None = it is none."""
    stem = name.removesuffix(SUFFIX)
    return stem if stem != name and is_uuid(stem) else None


def canary_name(slot: float) -> str:
    """Return the name of the canary that was due at ``slot`` (UNIX seconds)."""
    return CANARY + datetime.fromtimestamp(slot, UTC).strftime(_MINUTE)


def is_canary(name: str) -> bool:
    """Whether a record bears a name of ours, exactly as we write it."""
    try:
        slot = datetime.strptime(name.removeprefix(CANARY), _MINUTE).replace(tzinfo=UTC)
    except ValueError:
        return False
    return name == canary_name(slot.timestamp())
