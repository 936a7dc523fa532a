"""The only place that starts programs.

What a child gets: argv only and never a shell, no descriptor of ours but the named ones, a session (and process group) of its own, an
environment without our secrets, a deadline for its whole run, capped output, and SIGKILL when we die (PR_SET_PDEATHSIG).
How a child begins and ends is in ``runtime/birth``.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.errors import DeadlinePassed, MalformedAnswer, Unreachable
from watchdog.runtime.birth import Process, bury, close, ended, kill, spawn
from watchdog.runtime.redaction import redact

LIMIT = 65536
_CHUNK = 65536
_LOOK_SECONDS = 0.05
_ROOT = str(Path(__file__).resolve().parents[2])

_MODULE = (
    "import sys, runpy; sys.path[:0] = [] if {root!r} in sys.path else [{root!r}]; runpy.run_module({module!r}, None, '__main__', True)"
)


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended: its exit ``code`` (negative = ended by that signal), its capped output, how long it ran in seconds."""

    code: int
    stdout: bytes
    stderr: bytes
    seconds: float

    def told(self, limit: int = 500) -> str:
        """Return the last ``limit`` characters of what it wrote (errors first), redacted, on one line; for logs and error texts."""
        return one_line(self.stderr.strip() or self.stdout, limit)


def one_line(output: bytes, limit: int = 500) -> str:
    """Given output, return its last ``limit`` characters as one redacted line."""
    return redact(" ".join(output.decode("utf-8", "replace").split()))[-limit:]


def module_argv(module: str, *args: str) -> list[str]:
    """Return the argv of a fresh interpreter that runs our own ``module`` as ``__main__``, from the tree that we ourselves run from."""
    return [sys.executable, "-P", "-c", _MODULE.format(root=_ROOT, module=module), *args]


def run(
    argv: Sequence[str],
    *,
    seconds: float,
    limit: int = LIMIT,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    stdin: bytes = b"",
) -> Result:
    """Run ``argv`` to its end and return how it ended.

    ``seconds`` bounds the whole run; ``limit`` is the number of bytes kept of each output (the rest is read and dropped); ``env`` is added
    to our environment without its secrets. When the program has ended, a grandchild that still holds the output is not waited for, nor
    killed: it may be the daemon that a hook has just restarted. Raises DeadlinePassed (then the whole process group is killed), and
    Refused when the program is missing or cannot be executed.
    """
    started = time.monotonic()
    process = spawn(argv, env, pass_fds, seconds)
    try:
        outputs = _converse(process, stdin, limit, started + seconds)
    except DeadlinePassed:
        kill(process)
        raise DeadlinePassed(f"'{argv[0]}' ran longer than {seconds:g} s and was killed") from None
    finally:
        bury(process)
    return Result(process.returncode, *outputs, seconds=time.monotonic() - started)


class Child:
    """A running program that tells its results line by line. One thread at a time may read; ``end`` may come from any thread."""

    def __init__(self, process: Process, limit: int) -> None:
        self._process = process
        self._limit = limit
        self._buffer = bytearray()
        self._stderr = bytearray()
        self._ending = threading.Lock()
        self._selector = selectors.DefaultSelector()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        pass_fds: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
        limit: int = LIMIT,
        seconds: float = 10.0,
    ) -> Child:
        """Start ``argv`` (within ``seconds``); ``limit`` is the longest line in bytes. Raises like ``run``."""
        return cls(spawn(argv, env, pass_fds, seconds), limit)

    @property
    def pid(self) -> int:
        """Return the process id, which is also its group's."""
        return self._process.pid

    def send(self, data: bytes) -> None:
        """Write ``data`` (short, below a pipe's 64 KiB) to its standard input. Raises Unreachable when it does not read any more."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise Unreachable(f"child {self.pid} has closed its input") from None

    def read_line(self, seconds: float) -> bytes | None:
        """Return the next line without its end, or None when the child has closed its output.

        Raises DeadlinePassed after ``seconds`` without a whole line, MalformedAnswer for a line longer than the limit.
        """
        deadline = time.monotonic() + seconds
        while (cut := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > self._limit:
                raise MalformedAnswer(f"child {self.pid} wrote a line longer than {self._limit} bytes")
            if not self._fill(deadline):
                rest, self._buffer = bytes(self._buffer), bytearray()
                return rest or None
        line = bytes(self._buffer[:cut])
        del self._buffer[: cut + 1]
        return line

    def _fill(self, deadline: float) -> bool:
        if self._process.stdout not in self._selector.get_map():
            return False
        ready = self._selector.select(max(0.0, deadline - time.monotonic()))
        if not ready:
            raise DeadlinePassed(f"child {self.pid} was silent past its deadline")
        for key, _ in ready:
            chunk = os.read(key.fd, _CHUNK)
            if not chunk:
                self._selector.unregister(key.fileobj)
            elif key.fileobj is self._process.stdout:
                self._buffer += chunk
            else:
                self._stderr = (self._stderr + chunk)[-4096:]
        return self._process.stdout in self._selector.get_map()

    def pause(self) -> None:
        """Let it and its group stand still until ``resume``; its end needs no resume."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with self._ending:
            if self._process.poll() is None:  # not reaped yet, so the number is still its own
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def told(self, limit: int = 500) -> str:
        """Return the end of what it wrote to standard error, redacted, on one line."""
        return one_line(bytes(self._stderr), limit)

    def end(self, grace: float = 0.0) -> int | None:
        """Close its input, give it ``grace`` seconds to end, then kill its group. Return its exit code, None if it hangs in the kernel."""
        with self._ending:
            if self._process.returncode is None:
                close(self._process.stdin)
                if not ended(self._process, grace):
                    kill(self._process)
                bury(self._process)
                self._selector.close()
            return self._process.returncode


def _converse(process: Process, stdin: bytes, limit: int, deadline: float) -> tuple[bytes, bytes]:
    """Feed ``stdin`` and read both outputs until the program has ended. Raises DeadlinePassed."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    kept = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    unsent = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_WRITE if stream is process.stdin else selectors.EVENT_READ)
        over = False
        while not over:
            over = process.poll() is not None  # looked at before the last read, so nothing written before the end is lost
            if time.monotonic() >= deadline and not over:
                raise DeadlinePassed("past the deadline")
            for key, _ in selector.select(0 if over else min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic()))):
                if key.fileobj is process.stdin:
                    unsent = _feed(process, unsent, selector)
                elif not _take(key.fd, kept[key.fd], limit):
                    selector.unregister(key.fileobj)
            if len(selector.get_map()) == 0:
                over = ended(process, max(0.0, deadline - time.monotonic()))
                if not over:
                    raise DeadlinePassed("past the deadline")
    return bytes(kept[process.stdout.fileno()]), bytes(kept[process.stderr.fileno()])


def _feed(process: Process, unsent: memoryview, selector: selectors.BaseSelector) -> memoryview:
    assert process.stdin is not None
    try:
        unsent = unsent[os.write(process.stdin.fileno(), unsent[:_CHUNK]) :] if unsent else unsent
    except BrokenPipeError:  # it does not want to read: its own affair
        unsent = unsent[:0]
    if not unsent:
        selector.unregister(process.stdin)
        close(process.stdin)
    return unsent


def _take(fd: int, kept: bytearray, limit: int) -> bool:
    chunk = os.read(fd, _CHUNK)
    kept += chunk[: max(0, limit - len(kept))]
    return bool(chunk)
