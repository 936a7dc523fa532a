"""The demo's nightly backups: a Duplicati 2.1.0.5, whose pauses do not outlive it, and a 2.3.0.4, whose scheduler can lose its way."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from watchdog.model.moments import Clock, Moment
from watchdog.model.pauses import Pause, PauseOrder
from watchdog.panels.duplicati.fake import PASSWORD, SEND_TOKEN, DuplicatiWorld, FakeDuplicati, Job
from watchdog.panels.duplicati.fake.stamps import YEAR_ONE

TARGET: Final = "nightly"
ATTIC: Final = "attic"
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_LONG: Final = 8.0
"""Seconds a run takes once somebody looks, so that its progress is seen."""
_PATIENCE: Final = 30.0
_UNTIL_PROVED: Final = 5.0
"""Seconds from the pause to the end of the server: the program has looked again and proved it by then."""


class _Yesterday:
    """A clock whose wall time is ``behind`` the real one by so many seconds; what is measured runs as ever."""

    def __init__(self, clock: Clock) -> None:
        self.behind = _DAY
        self._clock = clock

    def now(self) -> Moment:
        """Return that moment."""
        now = self._clock.now()
        return Moment(now.wall - self.behind, now.mono)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait as ever."""
        return self._clock.wait(event, seconds)


class Pauses(Protocol):
    """What a person can order of the program."""

    def pause(self, order: PauseOrder) -> Pause: ...

    def resume(self, pause_id: int, by: str) -> Pause: ...

    def pauses(self, target: str | None = None) -> tuple[Pause, ...]: ...


@dataclass(slots=True)
class Nightly:
    """Both servers and their jobs: on the older one the letters, in the attic one that will be late and one whose schedule is broken."""

    server: FakeDuplicati
    letters: Job
    attic: FakeDuplicati
    photos: Job
    laptop: Job
    _pauses: Callable[[], Pauses] | None = None
    _lost: dict[Path, bytes] = field(default_factory=dict)

    def hand_over(self, pauses: Callable[[], Pauses], address: tuple[str, int]) -> None:
        """Take the running program: who pauses, and where reports go to (``address`` is its web server's)."""
        self._pauses = pauses
        url = f"http://{address[0]}:{address[1]}/api/v1/duplicati/report/{SEND_TOKEN}"
        self.letters.settings.append({"Filter": "", "Name": "--send-http-json-urls", "Value": url, "Argument": None})
        self.letters.seconds = self.photos.seconds = _LONG
        self.server.world.run(self.letters)

    # -- a pause dies with the server

    def forget(self) -> None:
        """Let a person pause the server for an hour, and the server be killed and started while it is paused."""
        if self._pauses is None:
            return
        self._pauses().pause(PauseOrder(TARGET, "the disk is being moved", "the demo", length=_HOUR))
        _wait(lambda: self.server.world.program == "Paused")
        time.sleep(_UNTIL_PROVED)
        self.server.restart(killed=True, down=1.0)

    def remembers(self) -> bool:
        """Whether the server is up and paused."""
        return self.server.up and self.server.world.program == "Paused"

    def end_pause(self) -> None:
        """Let the person end the pause."""
        if self._pauses is not None:
            for pause in self._pauses().pauses(TARGET):
                self._pauses().resume(pause.id, "the demo")

    # -- a run that never comes

    def lose_its_way(self) -> None:
        """Let a script PUT a schedule without its time: the scheduler finds no date, and proposes the same for ever after.

        So the photos' run, due half an hour ago, never came (recordings, put.json: "Schedule without Time"). What is shortened here is
        that half hour.
        """
        world = self.attic.world
        _plan(world, self.laptop, YEAR_ONE)
        _wait(lambda: world.memory is not None and world.memory.lost)
        with world.lock:
            due = int(time.time() - _HOUR / 2)
            if self.photos.schedule is not None and world.memory is not None:
                self.photos.schedule.time = due
                world.memory.proposed[self.photos.id] = (due, due)

    def caught_up(self) -> bool:
        """Whether the photos were backed up within the last minutes, and nothing runs."""
        memory = self.attic.world.catch_up()
        ran = [run for run in self.attic.world.runs if run.backup == self.photos.id and run.ending == "success"]
        return memory is not None and memory.active is None and bool(ran) and time.time() - ran[-1].began < _HOUR / 4

    def find_its_way(self) -> None:
        """Let a person put the schedules right, and restart the server."""
        for job in (self.laptop, self.photos):
            _plan(self.attic.world, job, int(time.time() + _DAY))
        self.attic.restart()

    # -- a volume is lost

    def lose_volume(self) -> None:
        """Let the disk lose one volume with blocks in it."""
        path = min(self.letters.destination.glob("*.dblock.zip"))
        self._lost[path] = path.read_bytes()
        path.unlink()

    def find_volume(self) -> None:
        """Let a person find it on another disk."""
        for path, content in self._lost.items():
            path.write_bytes(content)
        self._lost.clear()

    def write_settings(self, folder: Path) -> tuple[Mapping[str, object], ...]:
        """Write the password into ``folder`` and return the settings of both targets."""
        path = folder / "duplicati.password"
        path.touch(0o600)
        path.write_text(PASSWORD + "\n", encoding="ascii")
        common = {"password_file": str(path), "mode": "repair", "allow": ["run"], "interval": "1s", "pulse": "1s", "overdue_grace": "60s"}
        report = {"secret_sha256": [hashlib.sha256(SEND_TOKEN.encode()).hexdigest()]}
        return (
            {"name": TARGET, "url": self.server.url, **common, "zone": "UTC", "report": report, **_seen_here(self.letters)},
            {"name": ATTIC, "url": self.attic.url, **common, **_seen_here(self.photos)},
        )


def _seen_here(job: Job) -> Mapping[str, object]:
    return {
        "sources": {job.name: list(job.sources)},
        "destinations": {job.name: {"path": str(job.destination), "database": str(job.db_path)}},
    }


def _plan(world: DuplicatiWorld, job: Job, at: int) -> None:
    with world.lock:
        if job.schedule is not None:
            job.schedule.time = at
            world.store(job)


@contextmanager
def nightly(folder: Path, clock: Clock) -> Iterator[Nightly]:
    """Start both servers in ``folder``, with one backup of each job behind them, made a day ago."""
    past = _Yesterday(clock)
    soon = clock.now().wall + _DAY
    with FakeDuplicati(folder / "nightly", past, "2.1.0.5") as server, FakeDuplicati(folder / "attic", past, "2.3.0.4") as attic:
        letters = server.world.add_job("letters", time=soon, seconds=0.1)
        photos, laptop = (attic.world.add_job(name, time=soon, seconds=0.1) for name in ("photos", "laptop"))
        _fail_once(attic.world, laptop)
        past.behind -= _MINUTE
        for world in (server.world, attic.world):
            for job in world.jobs.values():
                world.run(job)
        for world in (server.world, attic.world):
            _until_idle(world)
        past.behind = 0.0
        yield Nightly(server, letters, attic, photos, laptop)


def _fail_once(world: DuplicatiWorld, job: Job) -> None:
    """Let a job fail because its source was not mounted; somebody reads of it and dismisses it."""
    sources, job.sources = job.sources, ["/media/laptop/"]
    world.run(job)
    _until_idle(world)
    job.sources = sources
    world.notices = [notice for notice in world.notices if notice.kind != "Error"]


def _until_idle(world: DuplicatiWorld) -> None:
    _wait(lambda: (memory := world.catch_up()) is not None and memory.active is None and not memory.queue)


def _wait(holds: Callable[[], bool]) -> None:
    for _ in range(int(_PATIENCE / 0.05)):
        if holds():
            return
        time.sleep(0.05)
