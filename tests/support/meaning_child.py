"""The real verifying child with one planted panel whose meaning the tests know: ``python -m tests.support.meaning_child ORDER``.

``PW_SAW`` names a file into which it writes its command line and environment, as anybody could read them in /proc.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

from tests.support.meanings import Counting, Failing
from watchdog.collectors.archives import check

PLANTED, BROKEN, LAZY = (f"watchdog.panels.{name}.meaning" for name in ("planted", "broken", "lazy"))


class Lazy(Counting):
    """Imports only when it is too late: behind the walls nothing can be opened."""

    def end(self):
        import sqlite3  # noqa: F401, PLC0415  # nobody has imported it before

        return super().end()


def plant(name: str, begin: object) -> None:
    module = ModuleType(name)
    module.__dict__["begin"] = begin
    sys.modules[name] = module


if __name__ == "__main__":
    saw = os.environ.get("PW_SAW")
    if saw:
        Path(saw).write_bytes(Path("/proc/self/cmdline").read_bytes() + Path("/proc/self/environ").read_bytes())
    plant(PLANTED, Counting)
    plant(BROKEN, lambda: Failing("begin"))
    plant(LAZY, Lazy)
    sys.exit(check.main(sys.argv[1:]))
