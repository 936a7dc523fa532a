"""Programs that fake containers run by exec: with streams, and a life of their own when the client is gone.

As on a real engine (20.10): ending the client does not end the program, which goes on to its end and writes to nobody; it dies with its
container (137). Its output is framed, or with a terminal merged and its line ends mangled.
"""

from __future__ import annotations

import contextlib
import io
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from watchdog.collectors.docker.fake.inventory import FakeContainer
from watchdog.collectors.docker.fake.world import FakeEngineWorld

KILLED: Final = 137
_NO_SUCH: Final = 126


class ExecKilled(Exception):
    """The program ends here: its container or the engine has gone."""


@dataclass(slots=True, eq=False)
class FakeExec:
    """One exec: what was asked, and how it stands. ``code`` None = has not ended; ``began`` None = not started."""

    id: str
    container: FakeContainer
    argv: tuple[str, ...]
    tty: bool = False
    stdin: bool = False
    code: int | None = None
    began: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """Whether the program lives inside."""
        return self.began and self.code is None


class Streams:
    """What a program in a fake container talks through; satisfies ``programs.ExecStreams``."""

    def __init__(self, exec_: FakeExec, world: FakeEngineWorld, closed: threading.Event, line: Any, stdin: io.BufferedIOBase) -> None:
        self._exec, self._world, self._closed, self._line = exec_, world, closed, line
        self._life = exec_.container.started_at
        self.stdin = stdin if exec_.stdin else io.BytesIO()

    def out(self, piece: bytes) -> None:
        """Write to stdout; dropped when the client is gone. Raises ExecKilled."""
        self._write(1, piece)

    def err(self, piece: bytes) -> None:
        """Write to stderr."""
        self._write(2, piece)

    def wait(self, done: Callable[[], bool] = lambda: False) -> None:
        """Do nothing until ``done``. Raises ExecKilled."""
        with self._world.changed:
            while not done():
                self._world.changed.wait(0.05)
                self._check()

    def _write(self, stream: int, piece: bytes) -> None:
        self._check()
        for at in range(0, len(piece), 32 << 10):
            part = piece[at : at + (32 << 10)]
            framed = part.replace(b"\n", b"\r\n") if self._exec.tty else struct.pack(">BxxxL", stream, len(part)) + part
            try:
                self._line.write(framed)
                self._line.flush()
            except (OSError, ValueError):
                return  # nobody listens any more: what is written is dropped

    def _check(self) -> None:
        container = self._exec.container
        if self._closed.is_set() or not container.running or container.started_at != self._life:
            raise ExecKilled


def run(exec_: FakeExec, world: FakeEngineWorld, streams: Streams) -> None:
    """Run the program to its end, whoever still listens, and tell the world."""
    code = KILLED
    try:
        with contextlib.suppress(ExecKilled):
            program = exec_.container.program
            code = program(exec_.argv, streams) if program is not None else _NO_SUCH
    finally:
        with world.changed:
            exec_.code = code
            world.note(exec_.container, "exec_die", execID=exec_.id, exitCode=str(code))
        exec_.done.set()
