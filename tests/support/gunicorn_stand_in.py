"""A process tree like WGDashboard's in its unit: a gunicorn master, a worker with threads, and the tunnels it raises at its start.

Usage, in the panel's ``src`` folder: this file, under the name ``gunicorn`` (that is what makes it one in ``/proc``). The first process
ends once the tree stands, as a forking service does, and leaves ``gunicorn.pid`` behind. For each name in the file ``raises`` a
wireguard-go is started, as the panel's autostart does through wg-quick where the kernel has no WireGuard. Needs the standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

THREADS = 3


def raise_tunnels() -> None:
    """Start what is on the list and not there yet; each daemon puts itself into the background."""
    for name in Path("raises").read_text().split():
        if not Path("/sys/class/net", name).exists():
            quiet = subprocess.DEVNULL
            subprocess.run(["wireguard-go", name], check=True, stdin=quiet, stdout=quiet, stderr=quiet)


def work() -> None:
    """Live as a worker does, until SIGTERM."""
    for _ in range(THREADS):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    signal.pause()


def lead(ready: int) -> None:
    """Live as the master does: raise tunnels, fork the worker, end it and oneself on SIGTERM."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    Path("gunicorn.pid").write_text(f"{os.getpid()}\n")
    raise_tunnels()
    worker = os.fork()
    if worker == 0:
        work()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGTERM))
    os.write(ready, b"!")
    os.close(ready)
    os.waitpid(worker, 0)


def main() -> int:
    """Start the master and return when its tree stands."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(read)
        lead(write)
        return 0
    os.close(write)
    return 0 if os.read(read, 1) else 1


if __name__ == "__main__":
    sys.exit(main())
