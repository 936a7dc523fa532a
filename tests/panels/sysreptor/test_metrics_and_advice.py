"""What is exported of a target, and what it is advised to change."""

from dataclasses import replace

import pytest

from tests.support.sysreptor import DAY, HOUR, START, TARGET, file, good, licence, part_of, rows, scene, settings
from watchdog.model.metrics import families
from watchdog.model.snapshots import Actual
from watchdog.panels.sysreptor import PANEL
from watchdog.panels.sysreptor.advise import advise
from watchdog.panels.sysreptor.view import Health, PeriodicTask, SysreptorView


def exported(one):
    return {
        family.metric.name.removeprefix("watchdog_sysreptor_"): {labels[1:]: value for labels, value in family.rows}
        for family in families(PANEL.metrics, TARGET, one.actual(), one.seen())
    }


def test_a_target_in_order_tells_of_its_newest_verified_backup():
    well = scene()
    well.files[0] = good(START - 6 * HOUR, **{"files.uploadedimages": 7, "bytes.uploadedimages": 70})
    well.files += [file(START, name="x.zip"), file(START - 1, "bad", reason="empty", name="y.zip"), part_of("z.part", START)]
    found = exported(well)
    assert found["panel_info"] == {("2026.61",): 1.0}
    assert found["last_good_timestamp_seconds"] == {(): START - 6 * HOUR}
    assert (found["last_good_bytes"], found["last_good_level"], found["last_good_duration_seconds"]) == (
        {(): 1 << 30},
        {(): 3.0},
        {(): 60.0},
    )
    assert found["last_good_rows"] == {("users.pentestuser",): 3.0, ("pentests.pentestproject",): 40.0}
    assert (found["last_good_files"], found["last_good_folder_bytes"]) == ({("uploadedimages",): 7.0}, {("uploadedimages",): 70.0})
    assert found["last_good_lacking_files"] == {("missing",): 0.0, ("empty",): 0.0}
    assert found["backups"] == {("good",): 5.0, ("bad",): 1.0, ("unverifiable",): 0.0, ("pending",): 1.0}
    assert found["parts"] == {(): 1.0}
    assert found["disk_headroom_ratio"] == {(): 100.0}


def test_what_the_panel_believes_is_told():
    well = scene()
    well.log += rows(START - HOUR, finished=False, row="open")
    well.view = replace(
        well.view,
        licence=licence(valid_until=START + DAY),
        health=Health(database=True, cache=False),
        tasks=(PeriodicTask("t", "success", START - 5),),
    )
    found = exported(well)
    assert found["healthy"] == {("database",): 1.0, ("cache",): 0.0}
    assert (found["licence_professional"], found["licence_valid_until_timestamp_seconds"]) == ({(): 1.0}, {(): START + DAY})
    assert (found["licence_users"], found["licence_active_users"]) == ({(): 5.0}, {(): 3.0})
    assert {word for word, value in found["preflight"].items() if value} == {("ready",)} and len(found["preflight"]) == 9
    assert found["log_newest_timestamp_seconds"][("backup_started",)] == START - HOUR - 60
    assert found["runs_unfinished"] == {(): 1.0}
    assert found["task_started_timestamp_seconds"] == {("t",): START - 5}


def test_what_nobody_knows_is_not_told():
    silent = scene()
    silent.seen = SysreptorView
    silent.actual = Actual
    found = exported(silent)
    assert found.pop("panel_info") == {("unknown",): 1.0}
    assert sum(found.pop("preflight").values()) == 1.0
    assert not any(found.values())


def test_a_panel_that_is_down_is_told_though_its_files_are_judged():
    down = scene()
    assert exported(down)["answers"] == {(): 1.0}
    down.view = SysreptorView(health_error="Unreachable", licence_error="Unreachable", log_error="Unreachable")
    down.log = None
    found = exported(down)
    assert found["answers"] == {(): 0.0} and found["last_good_level"] == {(): 3.0}


def test_no_metric_holds_a_path_or_a_person():
    well = scene()
    well.log += rows(START - HOUR, by="ann@example.org")
    text = repr(exported(well))
    assert "ann" not in text and "/srv" not in text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"valid_until": START + 10 * DAY}, "ends in 10 days"),
        ({"users": 3}, "all 3 users"),
        ({"version": "2025.12"}, "mended in 2025.20"),
        ({"version": "2025.69"}, "mended in 2025.110"),
        ({"version": "dev"}, "'dev'"),
    ],
)
def test_advice_about_the_panel(changes, word):
    view = SysreptorView(licence=licence(**changes))
    assert word in " ".join(advise(settings(), view, START))
    assert word not in " ".join(advise(settings(), SysreptorView(licence=licence()), START))


def test_advice_about_the_setup():
    alone = settings(url=None, token_file=None, backup_key_file=None, run={"method": "none"})
    text = " ".join(advise(alone, SysreptorView(), START))
    assert "exec -T" in text and "umask 077" in text and "without url and token_file" in text
    whole = settings(backups={"path": "/srv/backups", "keep": 4}, database={"url_file": "/etc/db"})
    assert advise(whole, SysreptorView(licence=licence()), START) == ()
    assert "backup_key_file" in " ".join(advise(settings(backup_key_file=None), SysreptorView(), START))
    assert "cut when somebody saves" in " ".join(advise(settings(run={"method": "api"}), SysreptorView(), START))
