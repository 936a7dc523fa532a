"""What must hold right before a backup is begun: each precondition by itself, re-read, and nothing sent when it fails."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.sysreptor_runs import APP, MIB, Hand, RunStage, roomless
from watchdog.errors import Refused, Temporary
from watchdog.model.docker import CgroupUse
from watchdog.model.host import HostFacts
from watchdog.panels.sysreptor import before, repairs
from watchdog.panels.sysreptor.view import LogRow, LogType

GIB = 1 << 30


@pytest.fixture
def stage(tmp_path):
    with RunStage(tmp_path) as made:
        yield made
        assert made.finals() == [] and made.parts() == []


def refused(stage: RunStage, hand: Hand | None = None, **facts):
    outcome = stage.carry(repairs.run_backup, stage.planned(**facts), hand)
    assert (outcome.sent, stage.engine_world.get(APP).running and stage.world.running) == ((), 0), outcome
    return outcome


def test_a_configuration_that_has_changed(stage):
    assert refused(stage, method="api").end == "gave_up"


def test_outside_its_window_it_waits_for_the_next_one(tmp_path):
    opens = datetime.now(UTC) + timedelta(hours=5)
    with RunStage(tmp_path, run={"window": {"cron": f"{opens.minute} {opens.hour} * * *", "lasts": "1h", "zone": "UTC"}}) as made:
        outcome = refused(made)
        assert outcome.end == "later" and 4 * 3600 < outcome.delay <= 5 * 3600


def test_inside_its_window_it_begins(tmp_path):
    with RunStage(tmp_path, run={"window": {"cron": "* * * * *", "lasts": "1h", "zone": "UTC"}}) as made:
        assert made.carry(repairs.run_backup, made.planned()).end == "done"


def test_no_room_on_the_target(tmp_path):
    with RunStage(tmp_path, run={"disk_factor": 3, "expected_size": "1024GiB"}) as made:
        outcome = refused(made)
        assert outcome.end == "later" and "are needed" in outcome.message


def test_no_room_where_a_restore_would_go(stage):
    outcome = refused(stage, Hand(stage.engine_world, host=roomless(stage, MIB)), expected_bytes=5 * MIB)
    assert outcome.end == "later" and "/var/lib/docker" in outcome.message


def test_too_little_memory_on_the_host_or_below_the_limit(stage):
    scarce = HostFacts(memory_total_bytes=8 * GIB, memory_available_bytes=GIB)
    assert "of memory are available" in refused(stage, Hand(stage.engine_world, host=scarce), peak_memory=GIB).message
    use = CgroupUse(memory_bytes=900 * MIB, memory_limit_bytes=GIB)
    assert "memory limit" in refused(stage, Hand(stage.engine_world, use=use), peak_memory=100 * MIB).message


def test_docker_is_not_well_or_its_container_cannot_be_seen(stage):
    assert refused(stage, Hand(stage.engine_world, gate=False)).end == "later"
    stage.engine_world.stop(APP)
    outcome = refused(stage)
    assert outcome.end == "later" and "cannot be seen" in outcome.message


def test_somebody_elses_backup_runs(tmp_path):
    with RunStage(tmp_path, run={"method": "api"}) as made:
        made.world.note("backup_started", "somebody")
        outcome = refused(made)
        assert outcome.end == "later" and "somebody" in outcome.message
        made.world.note("backup_finished", "somebody")
        assert made.carry(repairs.run_backup, made.planned()).end == "done"


def test_a_run_of_ours_that_is_known_to_be_dead_blocks_nothing(tmp_path):
    with RunStage(tmp_path, run={"method": "api"}) as made:
        row = made.world.note("backup_started", "watchdog")
        repair = made.planned()
        facts = {**repair.proposal.facts, "dead_runs": f"x {row.id}"}
        known = replace(repair, proposal=replace(repair.proposal, facts=facts))
        assert made.carry(repairs.run_backup, repair).end == "later"
        assert made.carry(repairs.run_backup, known).end == "done"


@pytest.mark.parametrize(("token", "end"), [("wrong", "gave_up"), ("", "gave_up")])
def test_the_api_refuses_us(tmp_path, token, end):
    with RunStage(tmp_path, run={"method": "api"}) as made:
        made.world.backup_key = "another key of more than twenty" if token else None
        outcome = refused(made)
        assert outcome.end == end and "API" in outcome.message


def test_the_panel_does_not_say(stage):
    stage.world.switches.database_up = False
    with pytest.raises(Temporary):  # the runner makes `later` of it
        refused(stage)


def test_a_pattern_that_would_not_find_ours(tmp_path):
    backups = tmp_path / "backups"
    with RunStage(tmp_path, backups={"path": str(backups), "pattern": "exact-name.zip"}) as made, pytest.raises(Refused, match="pattern"):
        refused(made)


def test_without_a_verifier_nothing_is_made(stage):
    stage.ports = replace(stage.ports, archives=None)
    assert refused(stage).end == "gave_up"


def rows(*told: tuple[str, float, str]) -> tuple[LogRow, ...]:
    return tuple(LogRow(str(at), LogType(kind), int(at * 1e6), by) for kind, at, by in told)


@pytest.mark.parametrize(
    ("log", "open_at"),
    [
        ((), None),
        ((("backup_started", 990.0, ""),), 990.0),
        ((("backup_finished", 995.0, ""), ("backup_started", 990.0, "")), None),
        ((("restore", 995.0, ""), ("backup_started", 990.0, "")), None),
        ((("backup_started", 10.0, ""),), None),
        ((("setup", 995.0, ""), ("backup_started", 990.0, "x")), 990.0),
    ],
)
def test_what_counts_as_unfinished(log, open_at):
    found = before.unfinished(rows(*log), 1000.0, 500.0)
    assert (found.at if found else None) == open_at


def test_a_dead_run_of_ours_is_nobodys_backup(tmp_path):
    with RunStage(tmp_path, run={"method": "api"}) as made:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        left = made.backups / f"sysreptor-full-backup-{stamp}-watchdog.zip.watchdog.part"
        left.write_bytes(b"PK\3\4")
        made.world.note("backup_started", "watchdog")
        assert made.carry(repairs.run_backup, made.planned()).end == "done"
        assert left.exists() and len(made.finals()) == 1
