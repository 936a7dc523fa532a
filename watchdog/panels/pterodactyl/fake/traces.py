"""A corner of /proc in which the fake Wings can be seen: its name, its start, its descriptors. What runs is the fake's own process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

TICKS: Final = float(os.sysconf("SC_CLK_TCK"))
_FIELDS_BEFORE_START: Final = 18  # of /proc/PID/stat between the state and field 22
_STANDARD: Final = 3


class ProcessTraces:
    """Writes ``{folder}/PID``; times are UNIX seconds of the world."""

    def __init__(self, folder: Path, booted: float) -> None:
        self.folder = folder
        self._booted = int(booted)
        self._descriptors: dict[Path, Path] = {}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stat").write_text(f"cpu 0\nbtime {self._booted}\n", encoding="ascii")
        (folder / "self").mkdir(exist_ok=True)
        (folder / "self/ns").mkdir(exist_ok=True)
        self._link(folder / "self/ns/pid", "pid:[4026531836]")

    def begin(self, pid: int, now: float, config: Path) -> None:
        """Let a process appear."""
        process = self.folder / str(pid)
        for name in ("fd", "ns", "fdinfo"):
            (process / name).mkdir(parents=True, exist_ok=True)
        ticks = int((now - self._booted) * TICKS)
        zeros = " ".join(["0"] * _FIELDS_BEFORE_START)
        (process / "comm").write_text("wings\n", encoding="ascii")
        (process / "cmdline").write_bytes(b"\0".join([b"/usr/local/bin/wings", b"--config", str(config).encode(), b""]))
        (process / "stat").write_text(f"{pid} (wings) S {zeros} {ticks} 0\n", encoding="ascii")
        status = f"Name:\twings\nState:\tS (sleeping)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t1\nUid:\t0\t0\t0\t0\nNSpid:\t{pid}\n"
        (process / "status").write_text(status, encoding="ascii")
        self._link(process / "ns/pid", "pid:[4026531836]")
        self._link(process / "exe", "/usr/local/bin/wings")
        self._link(process / "root", "/")
        self._link(process / "cwd", "/etc/pterodactyl")
        for number in range(_STANDARD):
            self._link(process / "fd" / str(number), "/dev/null")

    def open(self, pid: int, path: Path) -> None:
        """Let it have a file open."""
        folder = self.folder / str(pid) / "fd"
        number = next(each for each in range(_STANDARD, 4096) if not (folder / str(each)).is_symlink())
        self._link(folder / str(number), str(path))
        self._descriptors[path] = folder / str(number)

    def close(self, path: Path) -> None:
        """Let it close the file."""
        found = self._descriptors.pop(path, None)
        if found is not None:
            found.unlink(missing_ok=True)

    def end(self, pid: int) -> None:
        """Let the process go."""
        self._descriptors.clear()
        shutil.rmtree(self.folder / str(pid), ignore_errors=True)

    @staticmethod
    def _link(place: Path, target: str) -> None:
        place.unlink(missing_ok=True)
        place.symlink_to(target)
