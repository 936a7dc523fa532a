"""What is true about this host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One file system that matters. Bytes and inodes; ``error`` names why it could not be asked.

    ``same_as`` is the name under which the same device stands earlier in the list ("" = this is the first): sums count that one only.
    """

    name: str
    path: str
    total_bytes: int = 0
    free_bytes: int = 0
    total_inodes: int = 0
    free_inodes: int = 0
    read_only: bool = False
    error: str | None = None
    same_as: str = ""


@dataclass(frozen=True, slots=True)
class Pressure:
    """One PSI line: share of time stalled over the last 10, 60 and 300 s (0..100) and the total in seconds."""

    resource: str
    kind: str
    avg10: float
    avg60: float
    avg300: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Memory in bytes, pressures, OOM kills since boot (``/proc/vmstat`` oom_kill), boot time in UNIX seconds."""

    filesystems: tuple[Filesystem, ...] = ()
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    swap_total_bytes: int | None = None
    swap_free_bytes: int | None = None
    pressures: tuple[Pressure, ...] = ()
    oom_kills: int | None = None
    booted_at: float | None = None
