"""Giving one open file to a child and turning the child's answer, or its fate, into a finding."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watchdog.collectors.archives.findings import Promise
from watchdog.errors import DeadlinePassed, MalformedAnswer, Stopping
from watchdog.model.archives import ArchiveVerdict
from watchdog.runtime.child import Child, module_argv

MODULE = "watchdog.collectors.archives.check"
ANSWER_LIMIT = 1 << 16
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use: ``memory`` bytes of address space, ``seconds`` of time and processor, ``rate`` bytes a second (0 = any).

    Both bounds on time are one number: a child that only waits is throttled, one that only computes is caught by its own limit as well.
    """

    memory: int
    seconds: int
    rate: float


@dataclass(frozen=True, slots=True)
class Finished:
    """What is known after one child: its finding, or what befell it as an unverifiable one."""

    format: str | None
    level: int
    verdict: ArchiveVerdict
    reasons: tuple[str, ...] = ()
    message: str = ""
    read_bytes: int = 0


Run = Callable[[int, int, Promise, Limits, threading.Event], Finished]


def verify(
    descriptor: int, level: int, promise: Promise, limits: Limits, stop: threading.Event, argv: Sequence[str] | None = None
) -> Finished:
    """Let a fresh child check the open ``descriptor`` up to ``level``.

    ``argv`` replaces the child's program (the order is appended). Returns what it found or what befell it. Raises Stopping when ``stop`` is
    set meanwhile, and what starting a child raises.
    """
    order = {
        "descriptor": descriptor, "level": level, "memory": limits.memory, "cpu": limits.seconds, "rate": limits.rate,
        "promise": promise,
    }  # fmt: skip
    child = Child.start([*(argv or module_argv(MODULE)), json.dumps(order)], pass_fds=(descriptor,), limit=ANSWER_LIMIT)
    try:
        line = _wait(child, limits.seconds, stop)
    except DeadlinePassed:
        return _befell("hung", f"no answer within {limits.seconds} s")
    except MalformedAnswer as error:
        return _befell("no_answer", str(error))
    finally:
        code = child.end(2.0)
    return _understand(line) if line else _fate(code, child.told(), limits)


def _wait(child: Child, seconds: float, stop: threading.Event) -> bytes | None:
    """Wait for the child's line in short steps, so that the end of the program need not wait for it."""
    left = seconds
    while True:
        step = min(_LOOK_SECONDS, left)
        try:
            return child.read_line(step)
        except DeadlinePassed:
            left -= step
            if stop.is_set():
                raise Stopping("the program ends") from None
            if left <= 0:
                raise


def _understand(line: bytes) -> Finished:
    try:
        match json.loads(line):
            case {"failed": str() as reason, **rest}:
                return _befell(
                    reason if reason in ("memory", "unreadable") else "no_answer", str(rest.get("message", _TEXTS.get(reason, "")))
                )
            case {
                "format": str() as format_, "level": int() as level, "verdict": "good" | "bad" | "unverifiable" as verdict,
                "reasons": list() as reasons, "messages": list() as messages, "read_bytes": int() as count,
            }:  # fmt: skip
                return Finished(format_, level, verdict, tuple(map(str, reasons)), "; ".join(map(str, messages)), count)
    except ValueError:
        pass
    return _befell("no_answer", "the verifying child answered in another shape than agreed")


_TEXTS = {"memory": "it needs more memory than archives.memory allows"}


def _fate(code: int | None, told: str, limits: Limits) -> Finished:
    if "MemoryError" in told:
        return _befell("memory", _TEXTS["memory"])
    if code is None:
        return _befell("hung", "the verifying child cannot even be killed: it hangs in the kernel")
    if code == -signal.SIGXCPU:
        return _befell("hung", f"it used more than {limits.seconds} s of processor time")
    if code == -signal.SIGKILL:
        return _befell("crashed", "the verifying child was killed from outside, very likely for lack of memory")
    if code < 0:
        return _befell("crashed", f"the verifying child ended by {_name(-code)}")
    return _befell("no_answer", f"the verifying child ended with code {code} and no answer: {told}")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _befell(reason: str, message: str) -> Finished:
    return Finished(None, 0, "unverifiable", (reason,), message)
