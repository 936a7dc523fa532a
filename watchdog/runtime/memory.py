"""How much memory this host has left, for whoever is about to take some."""

from __future__ import annotations

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def available_bytes(meminfo: Path = _MEMINFO) -> int | None:
    """Return the bytes that can be taken without swapping, as the kernel estimates (proc(5), MemAvailable); None = it does not say."""
    try:
        lines = meminfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, rest = line.partition(":")
        count = rest.split()
        if name == "MemAvailable" and count and count[0].isdigit():
            return int(count[0]) << 10
    return None
