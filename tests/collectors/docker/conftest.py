"""The real dockerd, the fake engine, and a Docker room around either."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.books import MemoryTallyBook
from tests.support.dockerd import dockerd, engine
from watchdog.collectors.docker.assembly import DockerRoom, build
from watchdog.collectors.docker.collector import DockerCollector
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.docker.settings import DockerSettings
from watchdog.model.docker import DockerFacts
from watchdog.model.metrics import Silent
from watchdog.model.moments import Clock
from watchdog.runtime.clock import SystemClock
from watchdog.snapshots import SnapshotStore

__all__ = ["dockerd", "engine"]


class Room:
    """A Docker room, its store, its book, and how often it was woken."""

    def __init__(self, url: str, book: MemoryTallyBook, clock: Clock, **settings) -> None:
        self.book, self.clock, self.wakes = book, clock, 0
        self.store = SnapshotStore()
        self.settings = DockerSettings(url=url, **settings)
        self.room: DockerRoom = build(self.settings, (), book, self.store, clock, Silent(), self._woken)
        self.collector: DockerCollector = self.room.spec.factory()  # type: ignore[assignment]
        self.collect: Callable[[], DockerFacts] = self.collector.collect

    def _woken(self) -> None:
        self.wakes += 1

    @property
    def tail(self):
        return self.room.tail

    def close(self) -> None:
        self.room.close()


@pytest.fixture
def open_room() -> Iterator[Callable[..., Room]]:
    """Return a function (url, book=..., clock=..., **settings) -> Room; all are closed afterwards."""
    rooms: list[Room] = []

    def make(url: str, book: MemoryTallyBook | None = None, clock: Clock | None = None, **settings) -> Room:
        rooms.append(Room(url, book or MemoryTallyBook(), clock or SystemClock(), **settings))
        return rooms[-1]

    yield make
    for room in rooms:
        room.close()


@pytest.fixture
def world() -> FakeEngineWorld:
    return FakeEngineWorld()


@pytest.fixture
def fake(world: FakeEngineWorld) -> Iterator[FakeEngine]:
    """The world, served on a socket with a short path."""
    with tempfile.TemporaryDirectory(prefix="wfe-") as folder, FakeEngine(world, Path(folder) / "docker.sock") as served:
        yield served
