"""Which file system a path is on: a ledger that a restart empties is no ledger."""

from __future__ import annotations

import re
from pathlib import Path

from watchdog.errors import BadSettings

FORGETFUL = frozenset({"tmpfs", "ramfs", "overlay", "overlayfs", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs"})
MOUNTINFO = Path("/proc/self/mountinfo")


class Forgetful(BadSettings):
    """The storage named for the ledger is emptied by a restart."""


def filesystem(path: Path, mountinfo: str) -> str:
    """Given a path and the text of /proc/self/mountinfo (proc(5)), return the type of the file system it is on ("" = cannot tell)."""
    real = path.resolve()
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if "-" not in fields[6:]:
            continue
        mount = Path(_unescape(fields[4]))
        # >=: a later mount on the same point hides the earlier one
        if (real == mount or mount in real.parents) and len(mount.parts) >= best:
            best, kind = len(mount.parts), fields[fields.index("-", 6) + 1]
    return kind


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def refuse_forgetful(path: Path, *, ephemeral: bool, mountinfo: Path = MOUNTINFO) -> None:
    """Raise Forgetful, naming the way out, when ``path`` is on storage that a restart empties and ``ephemeral`` does not allow it."""
    if ephemeral:
        return
    try:
        text = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return  # cannot tell (no /proc): then the operator's word stands
    kind = filesystem(path, text)
    if kind in FORGETFUL:
        raise Forgetful(
            f"ledger.url: '{path}' is on {kind}, which a restart empties, and with it what was repaired, approved and held: "
            "mount a volume there, name another path, or set ledger.ephemeral: true if forgetting is fine"
        )
