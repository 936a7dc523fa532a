"""Quarantine, the poke and the removal of a part: what each does once, what it does twice, and what it refuses."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.sysreptor_runs import Hand, RunStage
from watchdog.errors import LeaseLost
from watchdog.model.archives import ArchiveFile, Verification
from watchdog.panels.sysreptor import remedies, repairs, sends
from watchdog.panels.sysreptor.fake import ADMIN_TOKEN
from watchdog.panels.sysreptor.target import REPAIRS
from watchdog.panels.sysreptor.view import PeriodicTask
from watchdog.runtime.quarantine import identity_of

HEALTH = "/api/public/utils/healthcheck/"
OLD = 25 * 3600.0


@pytest.fixture
def stage(tmp_path):
    with RunStage(tmp_path) as made:
        yield made


@pytest.mark.parametrize("remedy", ["run_backup", "quarantine", "poke_healthcheck", "remove_part"])
def test_twice_is_once(stage, remedy):
    file, left = bad_file(stage), part(stage)
    stage.world.tasks[0].started = time.time() - 3 * 86_400
    hand = Hand(stage.engine_world, files=(file,))
    tasks = (PeriodicTask("x", "success", time.time() - 3 * 86_400),)
    proposals = {
        "run_backup": stage.planned().proposal,
        "quarantine": remedies.quarantine(stage.settings, file, reason="missing_end", last_good=False),
        "poke_healthcheck": remedies.poke_healthcheck(stage.settings),
        "remove_part": remedies.remove_part(stage.settings, str(left), identity_of(left)),
    }
    repair = stage.repair(proposals[remedy])

    def run():
        hands = stage.hands(repair, hand)
        real = hands.look
        hands.look = lambda: replace(real(), tasks=() if stage.world.health_calls > polled else tasks)
        return REPAIRS[remedy](hands)

    polled = stage.world.health_calls + 1  # a look asks for the health itself
    first, second = run(), run()
    assert (first.end, second.end, second.sent) == ("done", "done", ())
    assert first.sent == sends.lines(stage.settings, repair)


def bad_file(stage: RunStage, verdict: str = "bad") -> ArchiveFile:
    path = stage.backups / "sysreptor-full-backup-x.zip"
    path.write_bytes(b"half of it")
    identity = identity_of(path)
    found = Verification("result", verdict, 1, "missing_end", "it has no end", time.time(), identity)  # type: ignore[arg-type]
    return ArchiveFile(str(path), "backups", identity, 0o600, True, "zip", found)


def test_a_bad_file_is_set_aside_once(stage):
    file = bad_file(stage)
    hand = Hand(stage.engine_world, files=(file,))
    repair = stage.repair(remedies.quarantine(stage.settings, file, reason="missing_end", last_good=False))
    first, second = (stage.carry(repairs.quarantine, repair, hand) for _ in range(2))
    assert (first.end, second.end, second.sent) == ("done", "done", ())
    assert first.sent == sends.lines(stage.settings, repair)
    (goal,) = stage.set_aside()
    assert goal.read_bytes() == b"half of it"
    assert json.loads(goal.with_name(goal.name + ".json").read_text())["reason"] == "missing_end"


@pytest.mark.parametrize("verdict", ["good", "unverifiable", None])
def test_what_is_not_called_bad_stays(stage, verdict):
    file = bad_file(stage, verdict)
    repair = stage.repair(remedies.quarantine(stage.settings, file, reason="x", last_good=False))
    assert stage.carry(repairs.quarantine, repair, Hand(stage.engine_world, files=(file,))).end == "gave_up"
    assert stage.set_aside() == []


def test_the_last_good_one_stays_whoever_asks(stage):
    file = bad_file(stage)
    repair = stage.repair(remedies.quarantine(stage.settings, file, reason="x", last_good=True))
    assert stage.carry(repairs.quarantine, repair, Hand(stage.engine_world, files=(file,))).end == "gave_up"
    assert Path(file.path).exists()


def test_a_file_that_changed_stays(stage):
    file = bad_file(stage)
    repair = stage.repair(remedies.quarantine(stage.settings, file, reason="x", last_good=False))
    (stage.backups / "sysreptor-full-backup-x.zip").write_bytes(b"whole by now")
    outcome = stage.carry(repairs.quarantine, repair, Hand(stage.engine_world, files=(file,)))
    assert (outcome.end, stage.set_aside()) == ("gave_up", []) and "has changed" in outcome.message


def part(stage: RunStage, name: str = "sysreptor-full-backup-20200101T000000Z-watchdog.zip.watchdog.part", age: float = OLD):
    path = stage.backups / name
    path.write_bytes(b"PK\3\4")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def removal(stage: RunStage, path):
    return stage.repair(remedies.remove_part(stage.settings, str(path), identity_of(path)))


def test_an_old_part_of_ours_is_removed_once(stage):
    repair = removal(stage, part(stage))
    first, second = (stage.carry(repairs.remove_part, repair) for _ in range(2))
    assert (first.end, second.end, second.sent, stage.parts()) == ("done", "done", (), [])
    assert first.sent == sends.lines(stage.settings, repair)


def test_a_part_that_is_young_or_written_or_not_ours_stays(stage):
    assert stage.carry(repairs.remove_part, removal(stage, part(stage, age=60.0))).end == "later"
    for name in ("sysreptor-full-backup-20200101T000000Z.zip.part", "notes.watchdog.part"):
        assert stage.carry(repairs.remove_part, removal(stage, part(stage, name))).end == "gave_up"
    path = part(stage)
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert stage.carry(repairs.remove_part, removal(stage, path)).end == "later"
    assert path.exists()


def test_a_lost_lease_removes_renames_and_pokes_nothing(stage):
    lost = Hand(stage.engine_world, lost=True)
    with pytest.raises(LeaseLost):
        stage.carry(repairs.remove_part, removal(stage, part(stage)), lost)
    file = bad_file(stage)
    lost.files = (file,)
    with pytest.raises(LeaseLost):
        stage.carry(repairs.quarantine, stage.repair(remedies.quarantine(stage.settings, file, reason="x", last_good=False)), lost)
    with pytest.raises(LeaseLost):
        stage.carry(repairs.run_backup, stage.planned(), lost)
    assert len(stage.parts()) == 1 and stage.set_aside() == [] and stage.started() == 0


def test_the_poke_starts_what_is_due(stage):
    stage.world.tasks[0].started = time.time() - 3 * 86_400
    hands = stage.hands(stage.repair(remedies.poke_healthcheck(stage.settings)))
    outcome = repairs.poke_healthcheck(hands)
    assert outcome.end == "done" and outcome.sent == sends.lines(stage.settings, hands.repair)
    assert time.time() - stage.world.tasks[0].started < 3600
    assert ADMIN_TOKEN not in str(outcome)


def test_a_poke_of_tasks_that_have_run_sends_nothing(stage):
    hands = stage.hands(stage.repair(remedies.poke_healthcheck(stage.settings)))
    real = hands.look
    hands.look = lambda: replace(real(), tasks=(PeriodicTask("x", "success", time.time() - 3600),))
    assert repairs.poke_healthcheck(hands).sent == ()
    hands.look = lambda: replace(real(), tasks=(PeriodicTask("x", "success", time.time() - 3 * 86_400),))
    assert len(repairs.poke_healthcheck(hands).sent) == 1
