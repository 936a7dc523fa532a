"""When the engine's own process began: told by its pid file and /proc, where both can be seen. Engines do not tell it themselves."""

from __future__ import annotations

import os
from pathlib import Path

_PROGRAMS = frozenset({"dockerd", "docker"})
_STARTTIME = 19  # of /proc/PID/stat after the command's closing parenthesis: field 22, in clock ticks since boot


def engine_started_at(pid_file: Path, proc: Path) -> float | None:
    """Given dockerd's pid file and the host's /proc, return UNIX seconds, or None when it cannot be told. Never raises."""
    try:
        process = proc / str(int(pid_file.read_text()))
        if (process / "comm").read_text().strip() not in _PROGRAMS:
            return None  # a stale file, or the pid of another pid namespace
        ticks = int((process / "stat").read_text().rpartition(")")[2].split()[_STARTTIME])
        booted = next(line.split()[1] for line in (proc / "stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return int(booted) + ticks / os.sysconf("SC_CLK_TCK")
