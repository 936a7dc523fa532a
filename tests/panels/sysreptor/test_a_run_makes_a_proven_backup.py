"""A backup of ours: streamed, proven, and only then named; every way in which it can fail leaves a reason, and never a backup."""

from __future__ import annotations

import json
import stat
import threading
import time
import zipfile

import pytest

from tests.support.sysreptor_panel import AES_KEY
from tests.support.sysreptor_runs import APP, Hand, RunStage
from watchdog.errors import LedgerUnavailable, Stopping
from watchdog.panels.sysreptor import naming, progress, repairs, sends
from watchdog.runtime.splits import join

run_backup = repairs.run_backup


@pytest.fixture(params=["exec", "api"])
def stage(request, tmp_path):
    with RunStage(tmp_path, run={"method": request.param}) as made:
        yield made


@pytest.fixture
def by_exec(tmp_path):
    with RunStage(tmp_path) as made:
        yield made


@pytest.fixture
def by_api(tmp_path):
    with RunStage(tmp_path, run={"method": "api"}) as made:
        yield made


def note_of(stage: RunStage):
    (note,) = (stage.backups / "quarantine").glob("*.json")
    return json.loads(note.read_text())


def test_a_run_is_streamed_proven_and_named(stage):
    repair = stage.planned()
    outcome = stage.carry(run_backup, repair)
    assert outcome.end == "done", outcome
    assert stage.hand.steps == ["checked", "streamed", "proven", "published"]
    (final,) = stage.finals()
    assert (stat.S_IMODE(final.stat().st_mode), stage.parts(), stage.set_aside()) == (0o600, [], [])
    assert zipfile.ZipFile(final).testzip() is None
    note = json.loads(final.with_name(final.name + naming.NOTE_SUFFIX).read_text())
    assert (note["bytes"], note["level"], note["reason"]) == (final.stat().st_size, 3, "backup_too_old")
    assert outcome.sent == sends.lines(stage.settings, repair)
    assert not [row for row in stage.noted.values if row[0] in {each.name for each in progress.METRICS}]  # gone with the run


def test_twice_is_once(stage):
    repair = stage.planned()
    assert stage.carry(run_backup, repair).end == "done"
    again = stage.carry(run_backup, repair)
    assert (again.end, again.sent, len(stage.finals()), stage.started()) == ("done", (), 1, 1)


def test_volumes_lie_beside_the_whole_and_join_to_it(tmp_path):
    with RunStage(tmp_path, run={"volume_size": "1MiB"}) as stage:
        stage.world.projects = 60
        outcome = stage.carry(run_backup, stage.planned())
        assert outcome.end == "done" and "in volumes" in outcome.message, outcome
        (final,) = stage.finals()
        assert len(list(stage.backups.glob("*.zip.0*"))) >= 3
        (manifest,) = stage.backups.glob("*.parts.json")
        assert join(manifest, tmp_path / "again.zip").read_bytes() == final.read_bytes()


def test_a_ledger_that_is_away_wastes_no_work_and_names_nothing_by_itself(by_exec):
    class Away(Hand):
        away = 3

        def step(self, name):
            if name == "proven" and self.away:
                self.away -= 1
                raise LedgerUnavailable("locked")
            super().step(name)

    assert by_exec.carry(run_backup, by_exec.planned(), Away(by_exec.engine_world)).end == "done"
    (final,) = by_exec.finals()
    final.unlink()
    gone = Away(by_exec.engine_world)
    gone.away = 10**6
    outcome = by_exec.carry(run_backup, by_exec.planned(), gone)
    assert (outcome.end, by_exec.finals(), len(by_exec.parts()), by_exec.set_aside()) == ("later", [], 1, []), outcome


def test_an_older_good_one_does_not_stand_in_for_a_new_one(stage):
    old = stage.backups / "sysreptor-full-backup-20200101T000000Z-watchdog.zip"
    old.write_bytes(b"PK")
    assert stage.carry(run_backup, stage.planned(last_good=str(old))).end == "done"
    assert len(stage.finals()) == 2 and old.read_bytes() == b"PK"


@pytest.mark.parametrize("method", ["exec", "api"])
def test_an_encrypted_run_tells_its_key_to_nobody_else(tmp_path, method):
    with RunStage(tmp_path, run={"method": method, "encrypt": True}) as stage:
        repair = stage.planned()
        outcome = stage.carry(run_backup, repair)
        assert outcome.end == "done", outcome
        (final,) = stage.finals()
        assert final.read_bytes()[:4] == b"\xc2YPT"
        told = [str(outcome), str(sends.lines(stage.settings, repair)), str(stage.engine_world.replay(0.0)), *stage.engine_world.requests]
        told += [each.read_text(errors="replace") for each in stage.backups.glob("*.json")]
        assert not any(AES_KEY in each or AES_KEY[:12] in each for each in told)


def test_an_old_release_is_given_no_key_by_command(tmp_path):
    with RunStage(tmp_path, "2026.12", run={"encrypt": True}) as stage:
        outcome = stage.carry(run_backup, stage.planned())
        assert (outcome.end, stage.started()) == ("gave_up", 0) and "method: api" in outcome.message


def test_the_web_cut_is_named_set_aside_and_not_tried_at_once(by_api):
    by_api.world.switches.cut_web_after = 40_000
    outcome = by_api.carry(run_backup, by_api.planned())
    assert (outcome.end, by_api.finals(), by_api.parts()) == ("later", [], []), outcome
    assert outcome.delay >= 600 and "Cut" in outcome.message
    note = note_of(by_api)
    assert (note["reason"], note["bytes"]) == ("Cut", 40_000)
    (aside,) = by_api.set_aside()
    assert aside.stat().st_size == 40_000


def test_what_survives_in_a_cut_archive_is_said(by_api):
    by_api.world.projects = 40
    whole = sum(len(piece) for piece in by_api.world.backup())
    by_api.world.switches.cut_web_after = whole - 400
    assert by_api.carry(run_backup, by_api.planned()).end == "later"
    assert note_of(by_api)["salvageable_db"] is True


def test_the_command_that_ends_too_early_is_no_backup(by_exec):
    by_exec.world.switches.end_command_before_directory = True
    outcome = by_exec.carry(run_backup, by_exec.planned())
    assert (outcome.end, by_exec.finals(), len(by_exec.set_aside())) == ("later", [], 1), outcome
    assert note_of(by_exec)["reason"] == "exit_1"


def test_a_command_that_ends_well_before_its_last_bytes_is_no_backup_either(tmp_path):
    with RunStage(tmp_path, "2025.12") as stage:  # cause A: nobody flushes what it wrote
        outcome = stage.carry(run_backup, stage.planned())
        assert (outcome.end, stage.finals(), len(stage.set_aside())) == ("later", [], 1), outcome
        assert "not proven" in outcome.message


def test_empty_files_in_a_valid_archive_do_not_pass_as_good(stage):
    stage.world.switches.empty_files = True
    outcome = stage.carry(run_backup, stage.planned())
    assert (outcome.end, bool(stage.finals())) in {("later", False), ("done", True)}, outcome


def test_no_licence_is_asked_first_and_nothing_is_begun(stage):
    stage.world.professional = False
    outcome = stage.carry(run_backup, stage.planned())
    assert (outcome.end, outcome.sent, stage.started()) == ("gave_up", (), 0)
    assert "licence" in outcome.message


def test_a_licence_lost_in_between_leaves_no_empty_file(tmp_path):
    with RunStage(tmp_path, url=None, token_file=None, backup_key_file=None) as stage:
        stage.world.professional = False
        outcome = stage.carry(run_backup, stage.planned())
        assert (outcome.end, len(outcome.sent)) == ("gave_up", 1) and "licence" in outcome.message
        assert list(stage.backups.iterdir()) == []


def test_a_kill_for_want_of_memory_is_named_and_rests_for_hours(by_exec):
    by_exec.world.switches.out_of_memory_after = 30_000
    outcome = by_exec.carry(run_backup, by_exec.planned())
    assert (outcome.end, outcome.delay, by_exec.finals()) == ("later", 6 * 3600.0, []), outcome
    assert "want of memory" in outcome.message
    assert note_of(by_exec)["reason"] == "exit_137"


def test_137_alone_is_no_want_of_memory(by_exec):
    by_exec.engine_world.get(APP).program = lambda _, streams: streams.out(b"PK\3\4" + b"x" * 1000) or 137
    outcome = by_exec.carry(run_backup, by_exec.planned())
    assert outcome.end == "later" and outcome.delay < 3600
    assert "no want of memory" in outcome.message


def test_progress_is_shown_while_it_runs(by_exec):
    held = by_exec.world.switches.hold = threading.Event()
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(by_exec.carry(run_backup, by_exec.planned(expected_bytes=123_456))))
    thread.start()
    try:
        row = (progress.RUN_EXPECTED.name, "sysreptor", "reports")
        wait_until(lambda: by_exec.noted.values.get(row) == 123_456 and by_exec.parts())
        (part,) = by_exec.parts()
        assert stat.S_IMODE(part.stat().st_mode) == 0o600 and not by_exec.finals()
    finally:
        held.set()
        thread.join(90)
    assert outcomes[0].end == "done", outcomes


def wait_until(look, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("word", ["stopping", "lost"])
def test_who_must_stop_leaves_a_marked_part_and_no_second_runner_begins(by_exec, monkeypatch, word):
    monkeypatch.setattr("watchdog.panels.sysreptor.making.FENCE_EVERY", 0.1)
    held = by_exec.world.switches.hold = threading.Event()
    hand = Hand(by_exec.engine_world)
    ends = []

    def work() -> None:
        try:
            ends.append(by_exec.carry(run_backup, by_exec.planned(), hand).message)
        except Stopping as ended:
            ends.append(f"Stopping: {ended}")

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: by_exec.parts() and by_exec.parts()[0].stat().st_size)
    setattr(hand, word, True)
    thread.join(90)
    assert ends[0].startswith({"stopping": "Stopping: ", "lost": "LeaseLost: "}[word])
    assert (len(by_exec.parts()), by_exec.finals(), by_exec.set_aside()) == (1, [], [])
    # the program inside lives on: a second run must not begin beside it
    second = by_exec.carry(run_backup, by_exec.planned())
    assert (second.end, second.sent, by_exec.started()) == ("later", (), 1) and "runs in" in second.message
    held.set()  # it goes on to its end, writing to nobody
    wait_until(lambda: by_exec.world.running == 0)
    third = by_exec.carry(run_backup, by_exec.planned())
    assert (third.end, len(by_exec.finals()), by_exec.started()) == ("done", 1, 2), third


@pytest.mark.parametrize("step", ["checked", "streamed", "proven", "published"])
def test_a_death_at_any_step_leaves_no_half_backup_and_the_next_run_one_whole(stage, step):
    with pytest.raises(KeyboardInterrupt):
        stage.carry(run_backup, stage.planned(), Hand(stage.engine_world, dies_at=step))
    for final in stage.finals():
        assert zipfile.ZipFile(final).testzip() is None
    outcome = stage.carry(run_backup, stage.planned())
    assert (outcome.end, len(stage.finals())) == ("done", 1), outcome
    assert stage.started() == (1 if step in {"checked", "published"} else 2)


def test_a_run_that_waits_for_the_engine_is_told_of_a_crash(by_exec):
    def program(_, streams) -> int:
        streams.out(b"PK\3\4" + b"x" * 5000)
        by_exec.engine_world.crash_engine()
        return 0

    by_exec.engine_world.get(APP).program = program
    outcome = by_exec.carry(run_backup, by_exec.planned())
    assert (outcome.end, by_exec.finals(), len(by_exec.set_aside())) == ("later", [], 1), outcome
