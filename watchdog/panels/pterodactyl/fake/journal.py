"""Wings' log, as its handler writes it (loggers/cli/cli.go@v1.11.11): local time without year, padded message, sorted fields, stack traces.

The zone is that of the process, not ``system.timezone`` of its configuration (seen on the real Wings).
"""

from __future__ import annotations

import gzip
import os
import shutil
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from watchdog.model.moments import Clock

Level = Literal["INFO", "WARN", "ERROR", "FATAL"]
Rotation = Literal["hup", "moved", "copied"]
_PADDING: Final = 25
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Journal:
    """Appends lines to one file, until it was rotated: Wings keeps the file it opened at boot, whatever its name is now.

    So after its own logrotate rule and SIGHUP the new file stays empty until Wings is started anew (seen on the real 1.11.11).
    """

    def __init__(self, path: Path, clock: Clock, zone: str) -> None:
        self.path = path
        self.zone = zone
        self._clock = clock
        self._lock = threading.Lock()
        self._open: Path | None = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def begin(self) -> None:
        """Open the file, as a boot does."""
        with self._lock:
            self._open = self.path

    def write(self, level: Level, message: str, trace: Sequence[str] = (), **fields: object) -> None:
        """Write one line; ``trace`` are the functions under an ``error`` field, which follow as many lines more."""
        said = "".join(f" {name}={value}" for name, value in sorted(fields.items()))
        text = f"{level:>5}: [{self._stamp()}] {message:<{_PADDING}}{said}\n"
        if "error" in fields:
            text += _trace(str(fields["error"]), trace)
        with self._lock:
            if self._open is not None:
                with self._open.open("a", encoding="utf-8") as file:
                    file.write(text)
                self._touch(self._open)

    def rotate(self, how: Rotation = "hup") -> Path:
        """Rotate and return the file with the old lines (config.go@v1.11.11: dateext, delaycompress).

        ``hup``: moved and Wings was told, which makes it deaf. ``moved``: nobody told it, so it writes on into the moved file, and there is
        no other. ``copied``: copytruncate, which loses nothing.
        """
        with self._lock:
            day = datetime.fromtimestamp(self._clock.now().wall, ZoneInfo(self.zone)).strftime("%Y%m%d")
            for old in sorted(self.path.parent.glob(f"{self.path.name}-*")):
                if old.suffix != ".gz":
                    packed, was = old.with_name(old.name + ".gz"), old.stat()
                    packed.write_bytes(gzip.compress(old.read_bytes()))
                    os.utime(packed, (was.st_atime, was.st_mtime))
                    old.unlink()
            moved = self.path.with_name(f"{self.path.name}-{day}")
            if how == "copied":
                shutil.copy2(self.path, moved)
                os.truncate(self.path, 0)
                return moved
            self.path.rename(moved)
            self._open = moved if how == "moved" else None
            if how == "hup":
                self.path.touch(0o644)
                self._touch(self.path)
            return moved

    def _stamp(self) -> str:
        now = self._clock.now().wall
        at = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        return f"{_MONTHS[at.month - 1]} {at.day:>2} {at:%H:%M:%S}.{int(now % 1 * 1000):03d}"

    def _touch(self, path: Path) -> None:
        now = self._clock.now().wall
        os.utime(path, (now, now))


def _trace(error: str, functions: Sequence[str]) -> str:
    """Return what follows an error: a blank line, the error, its functions ("NAME PLACE"), the end of the stack, blank lines."""
    frames = [f"github.com/pterodactyl/wings/{name}\n\t/wings/{place}" for name, _, place in (each.partition(" ") for each in functions)]
    return "\n".join(["", "Stacktrace:", error, *frames, "runtime.goexit", "\t/usr/local/go/src/runtime/asm_amd64.s:1771", "", "", "", ""])
