"""What /proc says, as values. Pure: text in, values out; a line of another shape is left out.

Sources: proc(5); the kernel's Documentation/accounting/psi.rst.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from watchdog.model.host import Pressure

_LINE = re.compile(r"(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)")
RESOURCES = ("cpu", "io", "memory", "irq")


def meminfo(text: str) -> Mapping[str, int]:
    """Given ``/proc/meminfo``, return bytes by name (its kB are 1024 bytes)."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        match = re.match(r"(\S+):\s+(\d+)( kB)?$", line.strip())
        if match is not None:
            found[match[1]] = int(match[2]) * (1024 if match[3] else 1)
    return found


def pressures(resource: str, text: str) -> tuple[Pressure, ...]:
    """Given one file of ``/proc/pressure``, return its lines: ``some`` and, where the kernel has it, ``full``."""
    return tuple(
        Pressure(resource, match[1], float(match[2]), float(match[3]), float(match[4]), int(match[5]) / 1e6)
        for line in text.splitlines()
        if (match := _LINE.match(line))
    )


def oom_kills(vmstat: str) -> int | None:
    """Given ``/proc/vmstat``, return how often the kernel has killed for lack of memory since boot; None where it does not count it."""
    return _number(vmstat, "oom_kill")


def booted_at(stat: str) -> float | None:
    """Given ``/proc/stat``, return the boot time in UNIX seconds."""
    found = _number(stat, "btime")
    return float(found) if found is not None else None


def _number(text: str, name: str) -> int | None:
    match = re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
    return int(match[1]) if match else None
