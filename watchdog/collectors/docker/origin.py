"""When the engine's own process began: told by its pid file and /proc, where both can be seen. Engines do not tell it themselves."""

from __future__ import annotations

import os
from pathlib import Path

_PROGRAMS = frozenset({"dockerd", "docker"})
_STARTTIME = 19  # of /proc/PID/stat after the command's closing parenthesis: field 22, in clock ticks since boot


class Origin:
    """Knows when the engine began, and of the same process never tells a later time than before.

    The kernel restates the boot's time when the wall clock is set, while containers keep the stamps they got. A beginning that moves
    forward would seem to be a restart under containers of before; one that stays while the clock goes back, a restart under those of after.
    """

    def __init__(self, pid_file: Path, proc: Path) -> None:
        self._pid_file = pid_file
        self._proc = proc
        self._known: tuple[tuple[int, int], float] | None = None

    def __call__(self) -> float | None:
        """Return UNIX seconds, or None when it cannot be told. Never raises."""
        found = _process(self._pid_file, self._proc)
        if found is None:
            return None
        identity, began = found
        if self._known is not None and self._known[0] == identity:
            began = min(began, self._known[1])
        self._known = (identity, began)
        return began


def _process(pid_file: Path, proc: Path) -> tuple[tuple[int, int], float] | None:
    """Return ((pid, start in ticks since boot), start in UNIX seconds)."""
    try:
        pid = int(pid_file.read_text())
        process = proc / str(pid)
        if (process / "comm").read_text().strip() not in _PROGRAMS:
            return None  # a stale file, or the pid of another pid namespace
        ticks = int((process / "stat").read_text().rpartition(")")[2].split()[_STARTTIME])
        booted = next(line.split()[1] for line in (proc / "stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return (pid, ticks), int(booted) + ticks / os.sysconf("SC_CLK_TCK")
