"""How a child begins and ends: the only ``subprocess`` of the house; ``runtime/child`` is its only caller.

PR_SET_PDEATHSIG fires when the *thread* that created the child ends, not only the process. So all children are created by one thread that
never ends, whoever asks for them. And it must be set after the fork: a fresh interpreter does that (``_TRAMPOLINE``), checks that we are
still its parent, and becomes the program by execve. No ``preexec_fn``, which would run our Python between fork and exec of a threaded
process. A gift of that way: a program on a dead network mount hangs in its own process, and the creating thread goes on.
"""

from __future__ import annotations

import errno
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from queue import SimpleQueue
from typing import IO

from watchdog.errors import DeadlinePassed, Refused, Temporary
from watchdog.runtime.log import get_logger
from watchdog.runtime.redaction import secret_name

log = get_logger(__name__)

Process = subprocess.Popen[bytes]
_BURY_SECONDS = 2.0
_OURS_ALONE = frozenset({"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"})

_TRAMPOLINE = """\
import ctypes, os, signal, sys
told, parent, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.set_inheritable(told, False)
try:
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
except AttributeError:
    pass
if os.getppid() != parent:  # we died before the line above
    os._exit(125)
for number in signal.valid_signals():
    # this interpreter ignores SIGPIPE and SIGXFSZ, a shell's background job SIGINT and SIGQUIT, nohup SIGHUP; a program must not
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
try:
    os.execve(program, sys.argv[4:], os.environ)
except OSError as error:
    os.write(told, str(error.errno).encode())
os._exit(126)
"""

_Order = tuple[list[str], dict[str, str], tuple[int, ...], "Future[Process]"]


class _Creator:
    """The one thread that creates children; begun at the first need, never ended."""

    def __init__(self) -> None:
        self._orders: SimpleQueue[_Order] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def create(self, argv: list[str], env: dict[str, str], fds: tuple[int, ...]) -> Future[Process]:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="children", daemon=True)
                self._thread.start()
        future: Future[Process] = Future()
        self._orders.put((argv, env, fds, future))
        return future

    def _serve(self) -> None:
        while True:
            argv, env, fds, future = self._orders.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                pipe = subprocess.PIPE
                process = subprocess.Popen(  # noqa: S603  # argv only; whose argv it is, is settings' business
                    argv, env=env, pass_fds=fds, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/", start_new_session=True
                )
            except (OSError, ValueError) as error:
                future.set_exception(error)
            else:
                future.set_result(process)


_creator = _Creator()
_undead: list[Process] = []


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in _OURS_ALONE and not secret_name(name)}
    return {**ours, **(extra or {})}


def spawn(argv: Sequence[str], env: Mapping[str, str] | None, fds: Sequence[int], seconds: float) -> Process:
    """Create ``argv`` within ``seconds`` and return it once it is the program itself. Raises as ``child.run``."""
    _undead[:] = [process for process in _undead if process.poll() is None]
    environment = _environment(env)
    program = shutil.which(argv[0], path=environment.get("PATH", os.defpath))
    if program is None:
        raise Refused(f"the program '{argv[0]}' is not here, or may not be executed: install it or name it by its full path")
    reading, writing = os.pipe()
    try:
        order = [sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(writing), str(os.getpid()), program, *argv]
        future = _creator.create(order, environment, (*fds, writing))
        try:
            process = future.result(seconds)
        except (FutureTimeout, CancelledError):
            future.add_done_callback(_drop_late)
            raise DeadlinePassed(f"'{argv[0]}' could not be started within {seconds:g} s") from None
        except (OSError, ValueError) as error:
            raise Temporary(f"no child could be created for '{argv[0]}': {error}") from None
        os.close(writing)
        writing = -1
        _expect_exec(process, reading, program, seconds)
        return process
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def _drop_late(future: Future[Process]) -> None:
    if not future.cancelled() and future.exception() is None:
        kill(future.result())
        bury(future.result())


def _expect_exec(process: Process, reading: int, program: str, seconds: float) -> None:
    """Wait for the trampoline's last word: the pipe closes by the exec itself, or brings the errno of its failure."""
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        told = os.read(reading, 16) if selector.select(seconds) else None
    if told == b"":
        return
    kill(process)
    bury(process)
    if told is None:
        raise DeadlinePassed(f"'{program}' could not be started within {seconds:g} s")
    number = int(told)
    raise Refused(f"the program '{program}' cannot be executed: {errno.errorcode.get(number, '?')}, {os.strerror(number)}")


def close(stream: IO[bytes] | None) -> None:
    """Close one of a child's pipes; what was buffered for a dead child is dropped."""
    if stream is not None:
        try:
            stream.close()
        except OSError:
            log.debug("a child's pipe was closed before it was emptied")


def ended(process: Process, seconds: float) -> bool:
    """Wait up to ``seconds`` for its end; return whether it came."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill(process: Process) -> None:
    """Send SIGKILL to the process group, unless its leader has been reaped already."""
    if process.poll() is None:  # not reaped yet, so the number is still its own
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def bury(process: Process) -> None:
    """Close its pipes and reap it, waiting a bounded time only."""
    for stream in (process.stdin, process.stdout, process.stderr):
        close(stream)
    if not ended(process, _BURY_SECONDS):
        _undead.append(process)  # in uninterruptible sleep: reaped at a later start, never waited for
        log.warning("a killed child does not end; it hangs in the kernel", pid=process.pid)
