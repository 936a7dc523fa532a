"""A run against a real dockerd: streamed and proven, beside a real orphan refused, and a real kill for want of memory told from others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.docker.conftest import Room
from tests.support.books import MemoryTallyBook
from tests.support.dockerd import Dockerd, dockerd, engine, poll
from tests.support.sysreptor_runs import APP, Hand, RunStage
from watchdog.model.docker import Gate
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.sysreptor import repairs
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine

__all__ = ["dockerd", "engine"]
pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]
MEMORY = 32 << 20


class RealHand(Hand):
    """An Act whose truth is what the real collector reads of the real engine."""

    room: Room

    def actual(self) -> Actual:
        now = SystemClock().now()
        return Actual(docker=Snapshot("docker", self.room.collect(), now, now, 15.0), gate=Gate(open=True))


@pytest.fixture
def real(engine: Dockerd, tmp_path: Path) -> Iterator[tuple[RunStage, Dockerd, RealHand]]:
    with RunStage(tmp_path, url=None, token_file=None, backup_key_file=None) as stage:
        inside = tmp_path / "inside"
        inside.mkdir()
        (inside / "b.zip").write_bytes(b"".join(stage.world.backup()))
        engine.run(APP, "sleep", "1000", memory=MEMORY, binds=[f"{inside}:/inside:ro"])
        room = Room(engine.url, MemoryTallyBook(), SystemClock())
        door = Engine(engine.url)
        stage.ports = replace(stage.ports, engine_read=door, engine_act=door)
        hand = RealHand(stage.engine_world)
        hand.room = room
        try:
            poll(lambda: room.collect().by_name(APP) and room.tail.stream.connected, 90, "the container is seen and events are heard")
            yield stage, engine, hand
        finally:
            room.close()


def run(stage: RunStage, hand: RealHand, *argv: str) -> Any:
    own = stage.settings.run.model_copy(update={"argv": argv})
    stage.settings = stage.settings.model_copy(update={"run": own})
    return stage.carry(repairs.run_backup, stage.planned(), hand)


def test_a_real_container_streams_a_backup_that_is_proven(real):
    stage, engine, hand = real
    outcome = run(stage, hand, "sh", "-c", "echo Backup requested >&2; cat /inside/b.zip")
    assert outcome.end == "done", outcome
    (final,) = stage.finals()
    assert final.read_bytes() == (stage.folder / "inside" / "b.zip").read_bytes()
    final.unlink()

    cut = run(stage, hand, "sh", "-c", "head -c 30000 /inside/b.zip")
    assert (cut.end, stage.finals(), len(stage.set_aside())) == ("later", [], 1) and "not proven" in cut.message

    box = engine.call("POST", f"/containers/{APP}/exec", {"Cmd": ["sh", "-c", "sleep 600; true", "manage.py", "backup"]})["Id"]
    engine.call("POST", f"/exec/{box}/start", {"Detach": True})
    poll(lambda: "manage.py backup" in str(stage.ports.engine_read.top(APP, 20)), 60, "the orphan runs")
    refused = run(stage, hand, "cat", "/inside/b.zip")
    assert (refused.end, refused.sent, stage.parts()) == ("later", (), []) and "runs in" in refused.message


def test_a_real_kill_for_want_of_memory_is_told_from_any_other(real):
    stage, _, hand = real
    killed = run(stage, hand, "sh", "-c", "head -c 20000 /inside/b.zip; kill -9 $$")
    assert (killed.end, killed.delay) == ("later", 900.0) and "no want of memory" in killed.message
    starved = run(stage, hand, "sh", "-c", "head -c 20000 /inside/b.zip; exec tail /dev/zero")
    assert (starved.end, starved.delay) == ("later", 6 * 3600.0), starved
    assert "want of memory" in starved.message and stage.finals() == [] and len(stage.set_aside()) == 2
