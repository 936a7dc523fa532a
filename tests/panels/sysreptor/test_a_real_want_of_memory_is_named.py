"""On a real dockerd: a backup that ran out of memory counts once and its victim is named; a kill is none (contract section 3).

As the container's main process, as a process started in it by exec, as a child, and in a container of ``docker compose run --rm``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.collectors.docker.conftest import Room, open_room
from tests.support.dockerd import Dockerd, dockerd, engine, poll
from tests.support.sysreptor import APP, Scene, scene
from watchdog.model.docker import DockerFacts
from watchdog.model.moments import Moment
from watchdog.panels.sysreptor.traces import BackupProcess, Evidence

__all__ = ["dockerd", "engine", "open_room"]
pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]
MEMORY = 16 << 20
HUNGRY = ("sh", "-c", "sleep 2; exec tail /dev/zero")  # Docker watches a container for this only a moment after its start
RM = f"{APP}-run-1a2b3c"


def main_process(engine: Dockerd) -> None:
    engine.run(APP, *HUNGRY, memory=MEMORY)


def child(engine: Dockerd) -> None:
    engine.run(APP, "sh", "-c", "sleep 2; tail /dev/zero; sleep 1000", memory=MEMORY)


def by_exec(engine: Dockerd) -> None:
    assert engine.exec(engine.run(APP, "sleep", "1000", memory=MEMORY), "tail", "/dev/zero") == 137


def compose_run(engine: Dockerd) -> None:
    engine.run(RM, *HUNGRY, memory=MEMORY, auto_remove=True)


def killed(engine: Dockerd) -> None:
    engine.run(APP, "sleep", "1000", memory=MEMORY)
    engine.post(APP, "kill")


class Watched:
    """The pure rules, looking at what a real room tells of a real engine while a backup is at work."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.scene: Scene = scene()
        self.scene.files, self.scene.log = [], []
        self.scene.evidence = Evidence(processes=(BackupProcess(1),))
        self.facts = DockerFacts("", "")

    def look(self) -> list[tuple[str, str]]:
        self.facts = self.scene.docker = self.room.collect()
        self.scene.now = Moment(time.time(), time.monotonic())
        drifts = self.scene.look(0.0).drifts
        return [(each.subject.id, str(each.evidence["victim"])) for each in drifts if each.kind == "backup_out_of_memory"]


@pytest.mark.parametrize(
    ("starve", "name", "victim"),
    [
        (main_process, APP, "its main process"),
        (by_exec, APP, "a process that was started in it by exec"),
        (child, APP, "a child process, and the container lives"),
        (compose_run, RM, "its main process, and the container is gone"),
    ],
)
def test_each_is_named_and_stays_one(engine: Dockerd, open_room: Callable[..., Room], starve, name, victim):
    watched = Watched(open_room(engine.url))
    assert watched.look() == []
    poll(lambda: watched.room.tail.stream.connected, 90, "events are heard")
    starve(engine)
    poll(lambda: watched.look() == [(name, victim)], 120, f"{victim} is found")
    for _ in range(3):
        assert watched.look() == [(name, victim)]
    assert watched.facts.tallies["oom", name] == 1


def test_a_kill_is_no_want_of_memory(engine: Dockerd, open_room: Callable[..., Room]):
    watched = Watched(open_room(engine.url))
    watched.look()
    poll(lambda: watched.room.tail.stream.connected, 90, "events are heard")
    killed(engine)
    poll(lambda: watched.look() or watched.facts.tallies.get(("die", APP)), 90, "its end is counted")
    for _ in range(3):
        assert watched.look() == []
    assert watched.facts.by_name(APP).exit_code == 137
