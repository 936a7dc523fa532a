"""Which containers are inspected, and when: new ones and changed ones, once each; never one inspect per container per cycle."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from watchdog.collectors.docker.inspection import Inspection, joined, parse_inspect
from watchdog.collectors.docker.listing import Age, age_of
from watchdog.errors import NotFound, WatchdogError
from watchdog.model.docker import Container, ContainerEvent
from watchdog.model.engines import EngineRead
from watchdog.model.moments import Moment

_SLACK = 2.0
_TOLD_AFTER = 0.25  # when it took longer, one more inspect is sent
_ONE = 2.0  # seconds for one inspect: Docker is known to hang on the inspect of a container whose lock is held
_FAILURES = 2
_PATIENCE = 60.0  # a container whose inspect failed is asked again after so many seconds


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the list showed when the container was inspected, and when that was (our monotonic seconds)."""

    state: str
    exit_code: int | None
    name: str
    age: Age | None
    at: float


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list: the container, and how long it has been in its state by the engine's own words."""

    container: Container
    age: Age | None

    @classmethod
    def of(cls, container: Container, raw: Mapping[str, object]) -> Listed:
        """Given a parsed row and the raw one, return both facts."""
        return cls(container, age_of(str(raw.get("Status", ""))))


class Inspections:
    """What inspects told, kept per container while nothing changes. One thread at a time."""

    def __init__(self, engine: EngineRead, per_look: int) -> None:
        self._engine, self._per_look = engine, per_look
        self._told: dict[str, Inspection] = {}
        self._told_at: dict[str, float] = {}
        self._seen: dict[str, _Seen] = {}
        self._failed: dict[str, float] = {}
        self._waiting: set[str] = set()

    def join(
        self, rows: Sequence[Listed], changed: Mapping[str, ContainerEvent], looked: Moment, seconds: float
    ) -> tuple[tuple[Container, ...], int, int]:
        """Given the list, the events that changed containers, when we began to look and the seconds left for this.

        Return (containers, inspected, failed).
        """
        now = looked.mono
        self._waiting |= {container for container, event in changed.items() if not self._knows(event)}
        self._forget({row.container.id for row in rows})
        due = [row for row in rows if self._due(row, now)]
        # running ones first, and of these the ones that an event named
        due.sort(key=lambda row: (not row.container.running, row.container.id not in self._waiting))
        inspected, failed = self._inspect(due[: self._per_look], looked, seconds)
        for row in rows:
            self._observe(row, now)
        told = self._told
        return tuple(joined(r.container, told[r.container.id]) if r.container.id in told else r.container for r in rows), inspected, failed

    def _knows(self, event: ContainerEvent) -> bool:
        """Whether the last inspect has seen this event: Docker sets the time in the state milliseconds before it tells of it.

        Both clocks must say so: the engine's may be another one than ours, and a crash loop starts anew within a tenth of a second.
        """
        told = self._told.get(event.container_id)
        if told is None or event.at > self._told_at[event.container_id]:
            return False
        at = {"start": told.started_at, "die": told.finished_at}.get(event.action)
        return at is not None and at >= event.at - _TOLD_AFTER

    def _due(self, row: Listed, now: float) -> bool:
        container = row.container
        seen = self._seen.get(container.id)
        if now - self._failed.get(container.id, -_PATIENCE) < _PATIENCE:
            return False
        if container.id not in self._told or seen is None or container.id in self._waiting:
            return True
        if (seen.state, seen.exit_code, seen.name) != (container.state, container.exit_code, container.name):
            return True
        # "Up 5 seconds" where it said "Up 3 days": started anew, although no event told us
        return row.age is not None and seen.age is not None and row.age.high < seen.age.low + (now - seen.at) - _SLACK

    def _inspect(self, due: Sequence[Listed], looked: Moment, seconds: float) -> tuple[int, int]:
        end = time.monotonic() + seconds
        inspected = failed = 0
        for row in due:
            left = end - time.monotonic()
            if left <= 0 or failed >= _FAILURES:
                break
            container = row.container.id
            inspected += 1
            try:
                self._told[container] = parse_inspect(self._engine.inspect(container, min(left, _ONE)))
            except NotFound:
                self._told.pop(container, None)
                continue
            except WatchdogError:
                failed += 1
                self._failed[container] = looked.mono
                continue
            # what the inspect saw after the list is looked at once more when the list shows it as well
            self._told_at[container] = looked.wall
            self._failed.pop(container, None)
            self._waiting.discard(container)
            self._seen.pop(container, None)
        return inspected, failed

    def _observe(self, row: Listed, now: float) -> None:
        container, told = row.container, self._told.get(row.container.id)
        if told is None or container.id in self._seen:
            return
        self._seen[container.id] = _Seen(told.status, container.exit_code, container.name, row.age, now)

    def _forget(self, present: Collection[str]) -> None:
        self._told = {k: v for k, v in self._told.items() if k in present}
        self._told_at = {k: v for k, v in self._told_at.items() if k in present}
        self._seen = {k: v for k, v in self._seen.items() if k in present}
        self._failed = {k: v for k, v in self._failed.items() if k in present}
        self._waiting &= set(present)
