"""Looks that may never end (NFS, FUSE): one thread each, one at a time per mount, waited for within one deadline.

A look that hangs is not waited for again and not started twice: until it ends, its mount is named hung, and the others go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from watchdog.errors import DeadlinePassed, WatchdogError
from watchdog.model.moments import Clock, Moment

ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class _Look(Generic[ResultT]):
    began: Moment
    ended: threading.Event
    result: ResultT | None = None
    error: WatchdogError | None = None

    def answer(self) -> ResultT | WatchdogError:
        if self.error is not None:
            return self.error
        return self.result if self.result is not None else DeadlinePassed("the look ended without an answer")


class HangingLooks(Generic[ResultT]):
    """Runs jobs that may hang, keyed by the mount they touch. The job itself must do its work in a child process."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._running: dict[str, _Look[ResultT]] = {}

    def look(self, jobs: Mapping[str, Callable[[], ResultT]], seconds: float) -> dict[str, ResultT | WatchdogError]:
        """Run every job at once and return what each brought within ``seconds``: its result, or the error it raised.

        A job that is not done, or whose predecessor still hangs, is a DeadlinePassed.
        """
        began = self._clock.now()
        started = {key: self._start(key, job, began) for key, job in jobs.items() if not self._hangs(key)}
        answers: dict[str, ResultT | WatchdogError] = {}
        for key in jobs:
            look = started.get(key)
            left = seconds - self._clock.now().since(began)
            if look is not None and self._clock.wait(look.ended, left):
                self._running.pop(key, None)
                answers[key] = look.answer()
            else:
                stuck = self._running.get(key)
                waited = self._clock.now().since(stuck.began if stuck is not None else began)
                answers[key] = DeadlinePassed(f"no answer for {waited:.0f} s")
        return answers

    @property
    def hanging(self) -> int:
        """Return how many looks have been left behind and still hang."""
        return sum(not look.ended.is_set() for look in list(self._running.values()))

    def _hangs(self, key: str) -> bool:
        look = self._running.get(key)
        return look is not None and not look.ended.is_set()

    def _start(self, key: str, job: Callable[[], ResultT], began: Moment) -> _Look[ResultT]:
        look: _Look[ResultT] = _Look(began, threading.Event())
        self._running[key] = look
        threading.Thread(target=_run, args=(look, job), name=f"{self._name}: {key}", daemon=True).start()
        return look


def _run(look: _Look[ResultT], job: Callable[[], ResultT]) -> None:
    try:
        look.result = job()
    except WatchdogError as error:
        look.error = error
    finally:
        # anything else is a defect: threading's hook prints it, and the look counts as having brought nothing
        look.ended.set()
