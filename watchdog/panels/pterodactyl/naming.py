"""Names that Wings gives to things on disk: uuids and archives. Pure."""

from __future__ import annotations

import re
from typing import Final

SUFFIX: Final = ".tar.gz"
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID: Final = re.compile(UUID)


def is_uuid(text: str) -> bool:
    """Whether a text is a canonical uuid in lower case: the only form that we accept in a name (contract section 3.5, guard 7)."""
    return _UUID.fullmatch(text) is not None


def uuid_of(name: str) -> str | None:
    """Given the base name of a file, return the uuid of the backup whose archive it is; None = it is none."""
    stem = name.removesuffix(SUFFIX)
    return stem if stem != name and is_uuid(stem) else None
