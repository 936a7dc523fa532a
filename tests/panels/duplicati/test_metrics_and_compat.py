"""The metrics of a server, those of the other exporter, and that nobody's knowledge is made up."""

import pytest

from tests.support.duplicati_destinations import facts_of
from tests.support.duplicati_folder import PLAIN, RECORDINGS, lay, recorded
from tests.support.duplicati_looks import DAY, HOUR, MINUTE, START, TARGET, job, looks, result
from watchdog.panels.duplicati import PANEL, compat, metrics
from watchdog.panels.duplicati.job_database import JobDatabaseReader
from watchdog.panels.duplicati.reports import Report
from watchdog.panels.duplicati.states import Task
from watchdog.panels.duplicati.traces import Evidence
from watchdog.panels.duplicati.view import Metadata, Notification, Schedule

ME = (TARGET, "1", "photos")
MACHINE = ("127.0.0.1:8200", TARGET)


def rows(found):
    made = metrics.families(found.settings, found.actual(), found.view(), found.evidence, found.memory)
    return {family.metric.name: dict(family.rows) for family in made}


def named(found, name):
    return rows(found)[f"watchdog_duplicati_{name}"]


def full(tmp_path, **given):
    """A server of which everything is known."""
    folder = lay(tmp_path / "d", recorded(PLAIN))
    found = looks(destinations={"photos": {"path": str(folder)}}, **given)
    found.note(quota_total=900, quota_free=400, quota_assigned=100)
    found.reports = {"1": Report("1", "photos", "m", "Backup", "success", START, START - HOUR, START - HOUR + 60, uploaded_bytes=7,
                                 downloaded_bytes=3)}  # fmt: skip
    found.evidence = Evidence({"photos": JobDatabaseReader(RECORDINGS / "job" / "job.sqlite").read(lambda: True)})
    found.look()
    found.archives = facts_of(folder, "duplicati-nas-photos", at=START)
    found.now += MINUTE
    found.backups.append(job("2", "films"))
    found.runs("2")
    found.moves("a", ident="2")
    found.state |= {"queue": (Task(9, "3"),)}
    found.look(1)
    return found


def test_every_family_of_a_server_in_order_has_rows_of_its_labels(tmp_path):
    found = full(tmp_path)
    for name, made in rows(found).items():
        metric = next(spec.metric for spec in metrics.METRICS if spec.metric.name == name)
        assert all(len(labels) == len(metric.labels) for labels in made), name
        assert made or name.endswith(("pause_end_timestamp_seconds", "last_error_timestamp_seconds")), name
    assert {metric.name for spec in metrics.METRICS if (metric := spec.metric)} == set(rows(found))


def test_the_recorded_destination_is_told_whole_and_proven(tmp_path):
    found = full(tmp_path)
    assert named(found, "destination_volumes") == {(*ME, kind): 2.0 for kind in ("dblock", "dindex", "dlist")}
    assert named(found, "destination_proven") == {(*ME, "list"): 1.0, (*ME, "database"): 1.0}
    assert set(named(found, "destination_bad_volumes").values()) == {0.0} and len(named(found, "destination_bad_volumes")) == 6
    assert named(found, "destination_newest_timestamp_seconds") == {ME: 1795226208.0}
    assert named(found, "destination_verified_timestamp_seconds") == {ME: START}
    next((tmp_path / "d").glob("*dblock*")).unlink()
    found.archives = facts_of(tmp_path / "d", "duplicati-nas-photos", at=START)
    assert named(found, "destination_bad_volumes")[(*ME, "missing")] == 1.0
    assert named(found, "destination_proven") == {(*ME, "list"): 0.0, (*ME, "database"): 0.0}
    found.runs("1")
    assert named(found, "destination_bad_volumes") == {}  # it changes now


def test_what_nobody_knows_is_absent_and_never_zero():
    found = looks()
    found.change(metadata=Metadata(), result=None, last=None, schedule=None, db_exists=None)
    found.skew = None
    told = rows(found)
    for name in ("backup_versions", "backup_source_bytes", "backup_due_timestamp_seconds", "backup_database_present", "backup_failed",
                 "backup_last_result", "backup_last_success_timestamp_seconds", "clock_skew_seconds", "report_last_result"):  # fmt: skip
        assert told[f"watchdog_duplicati_{name}"] == {}, name
    assert told["watchdog_duplicati_backup_active"] == {ME: 0.0}


def test_the_pause_is_told_with_its_end():
    found = looks()
    found.state |= {"paused": True, "pause_end": START + HOUR}
    assert named(found, "program_paused") == {(TARGET,): 1.0}
    assert named(found, "pause_end_timestamp_seconds") == {(TARGET,): START + HOUR}
    found.state["paused"] = False  # on 2.1.0.x a future end may stand while it runs
    assert named(found, "pause_end_timestamp_seconds") == {}


@pytest.mark.parametrize(("word", "ending"), [("Success", "success"), ("Warning", "warning"), ("Error", "error"), ("Fatal", "fatal")])
def test_the_newest_result_is_one_word(word, ending):
    found = looks()
    found.change(result=result(START, word, 2))
    assert [labels[3] for labels, value in named(found, "backup_last_result").items() if value] == [ending]
    assert named(found, "backup_failed") == {ME: float(ending in {"error", "fatal"})}


def test_a_failed_run_does_not_move_the_last_success():
    found = looks()
    assert named(found, "backup_last_success_timestamp_seconds") == {ME: START - HOUR + 60}
    found.look()
    found.note(finished=START)
    found.change(result=result(START, "Fatal", 2))
    for _ in range(3):
        found.look()
        assert named(found, "backup_last_success_timestamp_seconds") == {ME: START - HOUR + 60}
    found.change(result=result(START + HOUR, "Warning", 3))
    assert named(found, "backup_last_success_timestamp_seconds") == {ME: START + HOUR}


def test_since_when_a_task_stands_is_told(tmp_path):
    found = full(tmp_path)
    began = found.now
    found.look(600)
    assert named(found, "progress_moved_timestamp_seconds") == {(TARGET,): began}
    assert named(found, "active_task_began_timestamp_seconds") == {(TARGET,): began}
    assert named(found, "queue_length") == {(TARGET,): 1.0}


def test_many_jobs_are_cut_and_counted():
    found = looks()
    found.backups = [job(str(number), f"job {number}") for number in range(metrics.BACKUP_LIMIT + 3)]
    assert len(named(found, "backup_active")) == metrics.BACKUP_LIMIT and named(found, "backups_omitted") == {(TARGET,): 3.0}


# ---- duplicati_exporter --------------------------------------------------------------------------------------------------------

BACKUP = "machine_id machine_name backup_name"
GOLDEN = {
    "machine_up": "machine_id machine_name", "machine_scrape_error": "machine_id machine_name", "machine_paused": "machine_id machine_name",
    "machine_progress_overall": "machine_id machine_name", "machine_last_scrape_timestamp_seconds": "machine_id machine_name",
    "machine_notifications_count": f"{BACKUP} type", "machine_info": "machine_id machine_name timezone version os_type os_version",
    **{f"backup_{name}": BACKUP for name in (
        "last_started_time", "last_finished_time", "last_duration_seconds", "last_date_time", "next_run_time", "schedule_last_run_time",
        "list_count", "total_quota_bytes", "free_quota_bytes", "assigned_quota_bytes", "target_files_bytes", "target_files_count",
        "source_files_bytes", "source_files_count", "stale", "failure", "bytes_uploaded_total", "bytes_downloaded_total", "last_result",
        "last_run_begin_time", "last_run_end_time", "last_run_duration_seconds",
    )},
}  # fmt: skip
"""Names and labels of timo-reymann/duplicati-exporter, internal/collector/metrics.go at 9b8e846."""


def test_the_borrowed_names_are_those_of_the_other_exporter():
    assert {spec.metric.name: " ".join(spec.metric.labels) for spec in compat.SPECS} == {
        f"duplicati_{key}": labels for key, labels in GOLDEN.items()
    }
    assert {spec.metric.type for spec in compat.SPECS} == {"gauge"}
    assert PANEL.borrowed == {"duplicati_exporter": tuple(spec.metric for spec in compat.SPECS)}


def test_they_are_written_only_when_asked_for(tmp_path):
    assert not [name for name in rows(full(tmp_path)) if not name.startswith("watchdog_")]
    found = full(tmp_path / "e", compat=("duplicati_exporter",))
    found.notes = (Notification(1, "Error", "1", "", START), Notification(2, "Warning", "1", "", START))
    told = rows(found)
    mine = {name: value for name, made in told.items() for labels, value in made.items() if labels[:3] == (*MACHINE, "photos")}
    assert {name.removeprefix("duplicati_") for name in told if not name.startswith("watchdog_")} == set(GOLDEN)
    assert mine["duplicati_backup_last_finished_time"] == START - HOUR + 60 and mine["duplicati_backup_last_duration_seconds"] == 60
    assert mine["duplicati_backup_next_run_time"] == START + 22 * HOUR and mine["duplicati_backup_free_quota_bytes"] == 400
    assert mine["duplicati_backup_failure"] == 1 and mine["duplicati_backup_last_result"] == 0
    assert mine["duplicati_backup_bytes_uploaded_total"] == 7 and mine["duplicati_backup_last_run_duration_seconds"] == 60
    assert told["duplicati_machine_up"] == {MACHINE: 1.0} and told["duplicati_machine_progress_overall"] == {MACHINE: 0.5}
    assert told["duplicati_machine_notifications_count"] == {(*MACHINE, "photos", "Error"): 1.0, (*MACHINE, "photos", "Warning"): 1.0}


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (lambda found: None, 1.0),
        (lambda found: found.runs(), 0.0),
        (lambda found: found.state.update(queue=(Task(9, "1"),)), 0.0),
        (lambda found: found.state.update(paused=True), 0.0),
        (lambda found: found.ran(START - HOUR / 2), 0.0),
        (lambda found: found.change(schedule=Schedule(START + DAY, "1D")), 0.0),
        (lambda found: found.change(schedule=Schedule(START - HOUR, "1D", ("tue",))), 0.0),
    ],
)
def test_stale_is_right_where_the_other_exporter_is_not(change, stale):
    found = looks(compat=("duplicati_exporter",))
    found.change(schedule=Schedule(START - HOUR, "1D"))
    found.ran(START - 25 * HOUR)
    change(found)
    assert rows(found)["duplicati_backup_stale"] == {(*MACHINE, "photos"): stale}


def test_progress_is_that_of_a_task_at_work_only():
    found = looks(compat=("duplicati_exporter",))
    assert rows(found)["duplicati_machine_progress_overall"] == {MACHINE: 0.0}
    found.runs()
    found.moves("a")
    assert rows(found)["duplicati_machine_progress_overall"] == {MACHINE: 0.5}
