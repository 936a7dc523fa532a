"""A corner of /proc in which the fake Wings can be seen: its name, its start, its descriptors. What runs is the fake's own process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

TICKS: Final = float(os.sysconf("SC_CLK_TCK"))
INIT, FLAGS = 1, 0x400100
"""Its parent, and flags of an ordinary process (not of a kernel's thread)."""
_STANDARD: Final = 3


class ProcessTraces:
    """Writes ``{folder}/PID``. Its start is on the clock that counts since boot, as the kernel's is."""

    def __init__(self, folder: Path, booted: float) -> None:
        """Given when the machine was booted, in UNIX seconds."""
        self.folder = folder
        self._descriptors: dict[Path, Path] = {}
        (folder / "self/ns").mkdir(parents=True, exist_ok=True)
        (folder / "stat").write_text(f"cpu 0\nbtime {int(booted)}\n", encoding="ascii")
        self._link(folder / "self/ns/pid", "pid:[4026531836]")

    def begin(self, pid: int, since_boot: float, config: Path, zone: str) -> None:
        """Let a process appear; ``since_boot`` in seconds."""
        process = self.folder / str(pid)
        for name in ("fd", "ns"):
            (process / name).mkdir(parents=True, exist_ok=True)
        fields = [INIT, 0, 0, 0, 0, FLAGS, *[0] * 12, int(since_boot * TICKS), 0]  # proc(5), fields 4 to 23
        (process / "stat").write_text(f"{pid} (wings) S {' '.join(map(str, fields))}\n", encoding="ascii")
        (process / "comm").write_text("wings\n", encoding="ascii")
        (process / "cmdline").write_bytes(b"\0".join([b"/usr/local/bin/wings", b"--config", str(config).encode(), b""]))
        (process / "environ").write_bytes(f"TZ={zone}\0".encode())
        status = f"Name:\twings\nState:\tS (sleeping)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{INIT}\nUid:\t0\t0\t0\t0\nNSpid:\t{pid}\n"
        (process / "status").write_text(status, encoding="ascii")
        for name, target in (("ns/pid", "pid:[4026531836]"), ("exe", "/usr/local/bin/wings"), ("root", "/"), ("cwd", "/")):
            self._link(process / name, target)
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
