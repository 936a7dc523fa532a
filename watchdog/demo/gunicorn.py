"""What stands in the demo for WGDashboard's gunicorn: a master and a worker that only are there, where ``/proc`` shows the real ones.

Run as a script under the name ``gunicorn``, for that is what makes a gunicorn of a process. The master ends with its input, the worker with
the master.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from watchdog.errors import Unreachable
from watchdog.runtime.child import Child

START_SECONDS = 60.0
END_SECONDS = 20.0
READY = "ready"


def start(directory: Path, role: str = "master") -> Child:
    """Return the process once it stands in ``directory``, a master's worker too. Raises Unreachable, and what ``runtime.child`` raises."""
    program = directory / "venv/bin/gunicorn"
    program.parent.mkdir(parents=True, exist_ok=True)
    if not program.is_symlink():
        program.symlink_to(Path(__file__).resolve())
    child = Child.start([sys.executable, "-P", str(program), str(directory), role], seconds=START_SECONDS)
    if child.read_line(START_SECONDS) != READY.encode("ascii"):
        child.end()
        raise Unreachable(f"the demo's gunicorn {role} has not begun: {child.told()}")
    return child


def main(directory: Path, role: str) -> None:
    """Stand in the panel's folder until the input ends."""
    os.chdir(directory)
    worker = start(directory, "worker") if role == "master" else None
    print(READY, flush=True)
    sys.stdin.read()
    if worker is not None:
        worker.end(END_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
