"""Many small files in one walled child: a child costs a tenth of a second to begin, however little there is to read.

Each file still has a verdict of its own. A file that takes the child with it, by a crash, a hang or a bomb, is named, and the others go on
in a fresh child. It is named only when it did so as the first of its child: what a child dies of may have been done to it before.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from watchdog.collectors.archives.answers import Finished, fate
from watchdog.collectors.archives.order import ANSWER_LIMIT, Conversation, Limits, Turn
from watchdog.collectors.archives.running import VOLUME_MODULE
from watchdog.runtime.child import Child, module_argv

_FATAL = frozenset({"crashed", "hung", "memory", "no_answer"})
Argv = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Job:
    """One open file: its ``descriptor``, the ``order`` of ``running.volume_order``, and what may be used for it."""

    descriptor: int
    order: str
    limits: Limits


def volumes_argv(volumes: str) -> list[str]:
    """Return the child that verifies ``volumes``, the first argument of ``volume_check``."""
    return module_argv(VOLUME_MODULE, volumes)


def verify_batch(
    jobs: Sequence[Job], level: int, stop: threading.Event, watch: Callable[[int], None], argv: Argv = volumes_argv
) -> Iterator[Finished]:
    """Yield what is found of each of ``jobs``, in their order. All of them may use the memory and the rate of the first.

    ``watch`` is told every half second at which job the child is. Raises Stopping when ``stop`` is set meanwhile, and what starting a child
    raises.
    """
    at = 0
    while at < len(jobs):
        for finished in _of_one_child(jobs, at, level, stop, watch, argv):
            at += 1
            yield finished


def _of_one_child(
    jobs: Sequence[Job], first: int, level: int, stop: threading.Event, watch: Callable[[int], None], argv: Argv
) -> Iterator[Finished]:  # fmt: skip
    """Yield what one child finds of the jobs from the ``first`` on, as far as it comes: at least of that one."""
    child = _started(jobs[first:], level, argv)
    try:
        for index in range(first, len(jobs)):
            seconds = jobs[index].limits.seconds
            said = Conversation(child, stop, Turn(watch=partial(watch, index)))
            happened = said.heard(seconds)
            finished = said.finished or happened
            if finished is None and index == first:
                finished = fate(child.end(2.0), child.told(), seconds)
            if finished is not None:
                yield finished
            if finished is None or (finished.reasons[:1] and finished.reasons[0] in _FATAL):
                return
    finally:
        child.end(0.0)


def _started(jobs: Sequence[Job], level: int, argv: Argv) -> Child:
    limits = jobs[0].limits
    volumes = [[job.descriptor, job.limits.seconds, json.loads(job.order)] for job in jobs]
    order = {
        "descriptor": jobs[0].descriptor, "level": level, "memory": limits.memory, "cpu": sum(job.limits.seconds for job in jobs),
        "rate": limits.rate, "promise": "", "parent": os.getpid(),
    }  # fmt: skip
    # one arena: a second one would map 64 MiB for nothing, and the address space is bounded
    return Child.start(
        [*argv(json.dumps(volumes)), json.dumps(order)], pass_fds=[job.descriptor for job in jobs], limit=ANSWER_LIMIT,
        env={"MALLOC_ARENA_MAX": "1"},
    )  # fmt: skip
