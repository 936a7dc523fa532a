"""Counting OOM kills from three witnesses, without counting one twice. Pure.

The witnesses: ``oom`` events (may be missed while the stream is down; without cgroup access the only ones for exec and child processes),
the cgroup's ``oom_kill`` counter (lives as long as one run of the container), the OOMKilled flag (told at the end of a run, about its first
process; it sticks through the next run, where it says nothing). Per run, the kills are the most that any one of them tells.
Exit code 137 is no witness: every SIGKILL gives it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from watchdog.model.docker import Container

_SHORT = 20
_SAME_RUN = 2.0  # the start event follows State.StartedAt within milliseconds; this leaves room for a loaded machine


@dataclass(slots=True)
class Run:
    """One run of one container: since when (UNIX seconds, None = not told yet), kills told by events, and kills already counted.

    ``heard``: its start event has come; before that only a look has told of it.
    """

    started: float | None = None
    events: int = 0
    counted: int = 0
    restarts: int | None = None
    heard: bool = False


class Runs:
    """The present run of each container, as far as there is something to remember. Not thread-safe: the owner locks."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def started(self, container: str, at: float) -> None:
        """Take a ``start`` event: what was counted belongs to the run before, unless a look was faster than the event."""
        old = self._runs.get(container[:_SHORT])
        if old is not None and not old.heard and old.started is not None and abs(at - old.started) <= _SAME_RUN:
            old.heard = True
            return
        self._runs[container[:_SHORT]] = Run(started=at, restarts=old.restarts if old else None, heard=True)

    def oom(self, container: str) -> int:
        """Take an ``oom`` event; return how many kills are new."""
        run = self._runs.setdefault(container[:_SHORT], Run())
        run.events += 1
        return _settle(run, run.events)

    def look(self, container: Container, counter: int | None, looked_at: float, *, before_us: bool) -> tuple[int, int]:
        """Given a container, its cgroup counter and when it was looked at, return (new OOM kills, new restarts by policy).

        ``before_us``: the container is older than our counting and seen for the first time; what it had is remembered, not counted.
        """
        run = self._runs.setdefault(container.id[:_SHORT], Run())
        restarts = self._restarts(run, container, before_us=before_us)
        first = run.started is None
        if container.started_at is not None and (run.started is None or container.started_at > run.started + _SAME_RUN):
            if not first:  # a start event was missed
                run.events = run.counted = 0
            run.started, run.heard = container.started_at, False
        kills = _settle(run, max(self._counter(run, container, counter, looked_at), self._flag(run, container)))
        return 0 if first and before_us else kills, restarts

    @staticmethod
    def _counter(run: Run, container: Container, counter: int | None, looked_at: float) -> int:
        if counter is None or container.started_at is None or run.started is None:
            return 0
        of_older_run = container.started_at < run.started - _SAME_RUN or run.started > looked_at
        return 0 if of_older_run else counter

    @staticmethod
    def _flag(run: Run, container: Container) -> int:
        if not container.oom_killed or container.running or container.finished_at is None or run.started is None:
            return 0
        ended = container.started_at is not None and container.finished_at >= container.started_at
        # strictly: the end of the run before is never later than the start of this one
        return 1 if ended and container.finished_at >= run.started else 0

    @staticmethod
    def _restarts(run: Run, container: Container, *, before_us: bool) -> int:
        told, seen = container.restart_count, run.restarts
        if told is None:
            return 0
        run.restarts = told
        if seen is None:
            return 0 if before_us else told
        return told - seen if told >= seen else told  # a start by hand sets Docker's count back to 0

    def keep(self, containers: Collection[str]) -> None:
        """Forget all containers but these."""
        short = {container[:_SHORT] for container in containers}
        for gone in self._runs.keys() - short:
            del self._runs[gone]

    def dump(self) -> dict[str, list[float | None]]:
        """Return what must survive our restart, JSON-able: only runs that have something to remember."""
        return {k: [r.started, r.events, r.counted, r.restarts] for k, r in self._runs.items() if r.events or r.counted or r.restarts}

    def load(self, dumped: Mapping[str, list[float | None]]) -> None:
        """Take up what ``dump`` gave; runs seen since then are kept."""
        for key, (started, events, counted, restarts) in dumped.items():
            self._runs.setdefault(key, Run(started, int(events or 0), int(counted or 0), int(restarts or 0)))


def _settle(run: Run, told: int) -> int:
    new = max(0, max(told, run.events) - run.counted)
    run.counted += new
    return new
