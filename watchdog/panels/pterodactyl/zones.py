"""The zones in which Wings may write its log's times, the likeliest first. Reads only.

Go's ``time.Local`` is TZ (empty = UTC), else /etc/localtime of the process' own root, else UTC; ``system.timezone`` of the configuration
is only what Wings tells containers, and often the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchdog.panels.pterodactyl.wings_times import Zone

UTC: Final = Zone("UTC", ZoneInfo("UTC"))


def candidates(setting: str, configured: str, process: Path | None) -> tuple[Zone, ...]:
    """Return the zones to try: the operator's word alone if there is one, else the process', the configuration's, this host's, UTC.

    ``process`` is Wings' folder in /proc, None = not in sight.
    """
    if setting:
        return tuple(_named(setting)) or (UTC,)
    found: list[Zone] = []
    for each in (*(_of_process(process) if process is not None else ()), *_named(configured), *_of_root(Path("/"), "this host"), UTC):
        if each.info not in [known.info for known in found]:
            found.append(each)
    return tuple(found)


def _named(name: str) -> Iterator[Zone]:
    try:
        if name:
            yield Zone(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return


def _of_process(home: Path) -> Iterator[Zone]:
    try:
        words = (home / "environ").read_bytes().split(b"\0")
    except OSError:
        return
    told = next((word[3:].decode("utf-8", "replace") for word in words if word.startswith(b"TZ=")), None)
    if told is not None:
        yield from _named(told.removeprefix(":") or "UTC")
    else:
        yield from _of_root(home / "root", "Wings' own /etc/localtime")


def _of_root(root: Path, name: str) -> Iterator[Zone]:
    """Yield the zone of the file system that begins at ``root``; an absolute link is followed inside of it."""
    path = root / "etc/localtime"
    try:
        if path.is_symlink():
            target = path.readlink()
            path = root / target.relative_to("/") if target.is_absolute() else path.parent / target
        elif not path.exists():
            yield UTC
            return
        with path.open("rb") as file:
            yield Zone(name, ZoneInfo.from_file(file))
    except (OSError, ValueError):
        return
