"""Processes of the crash harness from a warm one: it has imported everything once and forks for each life, for most of a life was imports.

Each life still is a process of its own, with its own pid, environment and log, that dies by SIGKILL or ends with its own code. The warm
process has one thread (a fork would lose the others), has nothing open, and ends when its pytest does. Between it and a life stands a
process that does nothing but wait and tell the life's end.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 1 << 17
WARM = (
    "tests.support.bench", "tests.support.crash", "tests.support.ledger", "watchdog.reconciler.adopt", "watchdog.reconciler.counts",
    "watchdog.reconciler.loop", "watchdog.reconciler.runner", "watchdog.runtime.clock",
)  # fmt: skip
_first = threading.Lock()


class Nursery:
    """The warm process as pytest sees it; any thread may ask it for lives."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [sys.executable, "-m", "tests.support.nursery", str(theirs.fileno())]
            self._process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        atexit.register(self.close)

    def live(self, rig: str, directory: Path, kill_at: int | None, seconds: float) -> int:
        """Let one life be lived; return its exit code, negative for a signal. Raises TimeoutExpired after ``seconds``, once it is dead."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                wanted = {"rig": rig, "directory": str(directory), "kill_at": kill_at, "environment": dict(os.environ)}
                socket.send_fds(self._ours, [json.dumps(wanted).encode()], [theirs.fileno()])
            ours.settimeout(seconds)
            with ours.makefile() as told:
                pid = int(told.readline())
                try:
                    return int(told.readline())
                except TimeoutError:
                    os.kill(pid, 9)
                    raise subprocess.TimeoutExpired(rig, seconds) from None

    def close(self) -> None:
        """Let it end."""
        self._ours.close()
        self._process.wait(60)


@lru_cache(maxsize=1)
def _nursery() -> Nursery:
    return Nursery()


def live(rig: str, directory: Path, kill_at: int | None, seconds: float) -> int:
    """Let one life be lived by this pytest's nursery; see ``Nursery.live``."""
    with _first:
        nursery = _nursery()
    return nursery.live(rig, directory, kill_at, seconds)


def main(descriptor: int) -> None:
    """The warm process: fork for each request, until nobody can ask any more."""
    for name in WARM:
        importlib.import_module(name)
    _warm_ledger()
    gc.collect()
    gc.freeze()  # or each life's first collection would copy every page
    with socket.socket(fileno=descriptor) as asked:
        while True:
            request, descriptors, _, _ = socket.recv_fds(asked, MOST, 1)
            if not request:
                return
            wanted = json.loads(request)
            with contextlib.suppress(Exception):  # what it raises belongs into the log of the life
                importlib.import_module(wanted["rig"].partition(":")[0])
            tasks = len(list(Path("/proc/self/task").iterdir()))
            assert tasks == 1, f"{tasks} threads: forking would lose all but one"
            if os.fork() == 0:
                _wait_for_life(wanted, descriptors[0])
            os.close(descriptors[0])
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _warm_ledger() -> None:
    """Make the tables once, and let SQLAlchemy learn them: for a life that was most of the rest."""
    from tests.support.ledger import ledger_at  # noqa: PLC0415
    from watchdog.runtime.clock import SystemClock  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="watchdog-nursery-") as directory:
        ledger = ledger_at(Path(directory) / "ledger.sqlite3", SystemClock())
        ledger.facts("nobody", 0.0)
        ledger.repairs()
        ledger.close()


def _wait_for_life(wanted: dict[str, object], descriptor: int) -> None:
    pid = os.fork()
    if pid == 0:
        os.close(descriptor)
        _live(wanted)
    os.write(descriptor, f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, f"{code}\n".encode())
    os._exit(0)


def _live(wanted: dict[str, object]) -> None:
    code = 1
    try:
        directory = Path(str(wanted["directory"]))
        log = os.open(directory / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(wanted["environment"])
        code = importlib.import_module("tests.support.crash").one_life(wanted["rig"], directory, wanted["kill_at"])
    except BaseException:  # noqa: BLE001  # written as a process that ends by it would write it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
