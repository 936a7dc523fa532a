"""Whether the host's disks are so busy that verification has to stand still.

Source: the kernel's Documentation/accounting/psi.rst.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

_SOME = re.compile(r"^some avg10=([\d.]+)", re.MULTILINE)


def _read() -> str:
    return Path("/proc/pressure/io").read_text(encoding="ascii")


class IoPressure:
    """Above ``limit`` percent of the last ten seconds with some program waiting for a disk it is high, until below half of that.

    0 = never. A kernel without the file says nothing, and then nothing has to wait.
    """

    def __init__(self, limit: float, read: Callable[[], str] = _read) -> None:
        self._limit = limit
        self._read = read
        self._lock = threading.Lock()
        self._high = False

    def high(self) -> bool:
        """Look now."""
        with self._lock:
            share = self._share() if self._limit > 0 else 0.0
            self._high = share > (self._limit / 2 if self._high else self._limit)
            return self._high

    def _share(self) -> float:
        try:
            found = _SOME.search(self._read())
        except (OSError, ValueError):
            return 0.0
        return float(found[1]) if found else 0.0
