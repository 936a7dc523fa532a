"""What the real servers answered, read: every recorded shape of three releases, and nothing of it that is not on the list.

The recordings are in tests/recordings/duplicati; where a release has none of its own it answered as 2.3.0.4 did.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from tests.support.duplicati_fake import VERSIONS
from tests.support.duplicati_fake import answers as recorded
from watchdog.errors import MalformedAnswer
from watchdog.model.moments import Moment
from watchdog.panels.duplicati import answers, job_answers
from watchdog.panels.duplicati.states import ServerState, Task
from watchdog.panels.duplicati.view import StoredPause

AT = Moment(1_795_222_800.0, 1000.0)
ALL = pytest.mark.parametrize("version", VERSIONS)


def body(version: str, name: str) -> Any:
    return recorded(version)[name]["body"]


def state(version: str, name: str) -> ServerState:
    return answers.state(body(version, name), AT, 1)


def utc(text: str) -> float:
    found = answers.when(text)
    assert found is not None
    return found


@ALL
def test_every_recorded_state_is_read(version: str) -> None:
    names = [name for name, each in recorded(version).items() if isinstance(each["body"], dict) and "ProgramState" in each["body"]]
    assert len(names) >= 10
    for name in names:
        told = body(version, name)
        read = state(version, name)
        assert read.program == told["ProgramState"]
        assert read.last_event == told["LastEventID"]
        assert (read.active is None) == (told["ActiveTask"] is None)
        assert [each.id for each in read.queue] == [each["Item1"] for each in told["SchedulerQueueIds"]]
        assert set(read.proposed) == {each["Item1"] for each in told["ProposedSchedule"]}
        assert read.typed is (version != "2.1.0.5" or "Type" in told)


@ALL
def test_idle_running_and_paused_states(version: str) -> None:
    idle = state(version, "state-idle")
    assert (idle.paused, idle.pause_end, idle.active, idle.queue) == (False, None, None, ())
    running = state(version, "state-running-queue")
    assert running.active == Task(7, "3")
    assert running.queue == (Task(8, "1"),)
    assert running.busy_with("1")
    assert running.busy_with("3")
    assert not running.busy_with("2")
    timed = state(version, "state-paused-timed")
    assert timed.paused
    assert timed.pause_end is not None
    assert abs(timed.pause_end % 1) > 0, "seven digits of a second"
    forever = state(version, "state-paused-indefinite")
    assert (forever.paused, forever.pause_end) == (True, None)


@ALL
def test_the_stored_pause_is_absent_where_none_is_stored(version: str) -> None:
    settings = answers.settings(body(version, "serversettings"))
    assert answers.stored_pause(settings) == StoredPause("absent" if version == "2.1.0.5" else "none")
    assert answers.startup_delay(settings) == ""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, StoredPause("absent")),
        ({"paused-until": ""}, StoredPause("none")),
        ({"paused-until": None}, StoredPause("none")),
        ({"paused-until": "0"}, StoredPause("indefinite")),
        ({"paused-until": "639308236492036722"}, StoredPause("until", pytest.approx(1795226849.2036722, abs=1e-3))),
        ({"paused-until": "soon"}, StoredPause("unreadable")),
        ({"paused-until": "-5"}, StoredPause("unreadable")),
    ],
)
def test_paused_until_is_ticks_since_the_year_1(written: dict[str, object], read: StoredPause) -> None:
    found = answers.stored_pause(written)
    assert (found.kind, found.until) == (read.kind, read.until)


def test_a_past_end_is_no_pause() -> None:
    assert StoredPause("until", 100.0).stands(99.0)
    assert not StoredPause("until", 100.0).stands(101.0)
    assert StoredPause("indefinite").stands(1e10)
    assert not StoredPause("unreadable").stands(0.0)


@ALL
def test_jobs_are_read_and_their_destinations_credentials_are_not(version: str) -> None:
    jobs = job_answers.backups(body(version, "backups-after"))
    assert [(each.id, each.name, each.scheme) for each in jobs] == [("1", "photos", "file"), ("2", "secret docs", "file")]
    photos, docs = jobs
    assert photos.schedule is not None
    assert photos.schedule.days == ("mon", "fri"), "2.1.0.5 and 2.2.0.1 write each twice"
    assert photos.schedule.repeat == "1D"
    assert photos.schedule.time == utc("2026-11-22T02:00:00Z")
    assert photos.schedule.last_run is None, "the year 1"
    assert docs.schedule is None
    assert photos.db_exists is (None if version == "2.1.0.5" else True)
    assert photos.metadata.versions == 1
    assert photos.metadata.started is not None
    assert photos.metadata.finished is not None
    assert photos.metadata.duration is not None
    assert 0 < photos.metadata.duration < 5
    assert photos.metadata.quota_assigned is None, "-1 is unknown"
    assert docs.metadata.finished is None
    told = json.dumps([asdict(each) for each in jobs], default=str)
    assert "s3cret" not in told
    assert "file:///" not in told


@ALL
def test_failures_are_told_by_what_they_are_about(version: str) -> None:
    about = {each.name: each.metadata.error for each in job_answers.backups(body(version, "backups-after-failures"))}
    assert about["missing source"] == "source_missing"
    assert about["no destination"] == "destination_missing"
    for name, words in (("backup-after-db-missing", {"unrecorded_files"}), ("backup-failed-missing-volume", {"missing_files"})):
        told = body(version, name)
        assert job_answers.metadata(told["Backup"]["Metadata"]).error in words


@ALL
def test_notifications_keep_no_message(version: str) -> None:
    notes = answers.notifications(body(version, "notifications-after-failures"))
    assert notes
    assert {each.type for each in notes} <= {"Information", "Warning", "Error"}
    assert "source_missing" in {each.about for each in notes}
    assert all(each.at is not None for each in notes)
    assert "/source/absent" not in json.dumps([asdict(each) for each in notes])


@ALL
def test_a_jobs_own_page_is_whitelisted(version: str) -> None:
    plain = job_answers.details(body(version, "backup-one"))
    assert plain.sources == ("/source/",)
    assert plain.options["upload-verification-file"] == "true"
    assert "send-http-json-urls" not in plain.options
    sealed = job_answers.details(body(version, "backup-one-encrypted"))
    assert "passphrase" not in sealed.options
    told = json.dumps(asdict(sealed))
    for row in body(version, "backup-one-encrypted")["Backup"]["Settings"]:
        if row["Name"].removeprefix("--") == "passphrase":
            assert row["Value"] not in told


def test_a_remote_source_may_hold_a_credential_and_is_only_counted() -> None:
    page = {"Backup": {"Sources": ["/home/", "C:\\data\\", "%HOME%", "@/mnt|ssh://u:pw@host/x?auth-password=pw", "/x|y"], "Settings": []}}
    details = job_answers.details(page)
    assert details.sources == ("/home/", "C:\\data\\", "%HOME%")
    assert details.other_sources == 2


@ALL
def test_progress_counts_only_of_the_task_that_is_active(version: str) -> None:
    told = body(version, "progressstate-running")
    active = Task(told["TaskID"], told["BackupID"])
    progress = answers.progress(told, active)
    assert progress is not None
    assert (progress.task, progress.backup, progress.phase) == (7, "3", "Backup_ProcessingFiles")
    assert progress.done_files > 0
    assert answers.progress(told, None) is None
    assert answers.progress(told, Task(active.id + 1, active.backup)) is None
    moved = answers.progress({**told, "CurrentFileoffset": told["CurrentFileoffset"] + 1}, active)
    assert moved is not None
    assert moved.mark != progress.mark
    assert "big" not in json.dumps(asdict(progress)), "names of files stay behind"


def test_tasks_that_wait_are_told_from_those_that_run() -> None:
    assert answers.tasks(body("2.3.0.4", "tasks-running-queue")) == {7: pytest.approx(utc("2026-11-21T01:44:28.382785+00:00")), 8: None}
    assert answers.tasks([]) == {}


@ALL
def test_the_log_has_the_last_result(version: str) -> None:
    (newest, *_) = job_answers.results(body(version, "log-after"))
    assert (newest.operation, newest.result, newest.errors) == ("Backup", "Success", 0)
    assert newest.began is not None
    assert newest.ended is not None
    assert newest.examined_files == 20
    assert newest.uploaded_bytes is not None
    stopped = job_answers.results(body(version, "log-after-stop"))[0]
    assert stopped.partial
    damaged = job_answers.results(body(version, "log-verify-damaged"))[0]
    assert (damaged.operation, damaged.result) == ("Test", "Fatal")
    without = job_answers.results(body(version, "log-failed-no-destination"))
    assert [each.result for each in without] == ([] if version == "2.3.0.4" else ["Fatal"])


def test_a_result_without_a_verdict_is_fatal_and_a_broken_one_is_no_answer() -> None:
    row = {"ID": 1, "Timestamp": 1795225465, "Type": "Result", "Message": '{"ClassName":"System.Exception"}'}
    assert job_answers.results([row])[0].result == "Fatal"
    with pytest.raises(MalformedAnswer):
        job_answers.results([{**row, "Message": "no JSON"}])
    assert job_answers.results([{**row, "Type": "Other", "Message": "no JSON"}]) == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", None),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("2025-03-04T12:00:00.1234567+01:00", 1741086000.123456),
        ("2025-03-04T11:00:00.1234567Z", 1741086000.123456),
        ("2026-11-21T01:44:23Z", 1795225463.0),
        ("20261121T014424Z", 1795225464.0),
        ("4052-01-01T00:00:00Z", 65701584000.0),
        ("9999-12-31T23:59:59.9999999-14:00", None),
        ("yesterday", None),
        ("20261399T014424Z", None),
    ],
)
def test_times(written: str, read: float | None) -> None:
    found = answers.when(written)
    if read is None:
        assert found is None or found > 253402300799
    else:
        assert found == pytest.approx(read, abs=1e-5)


@pytest.mark.parametrize(
    ("written", "read"),
    [("00:03:11.1234567", 191.1234567), ("1.02:00:00", 93600.0), ("00:00:00", 0.0), ("", None), ("soon", None), ("-00:00:01", None)],
)
def test_spans(written: str, read: float | None) -> None:
    assert job_answers.seconds(written) == (pytest.approx(read) if read is not None else None)


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("file:///backups?auth-password=x", "file"),
        ("S3://bucket?aws-secret-access-key=x", "s3"),
        ("ssh://user:pw@host/x", "ssh"),
        ("no scheme at all with pw", ""),
        ("", ""),
    ],
)
def test_of_a_destination_only_the_scheme_is_kept(url: str, scheme: str) -> None:
    assert job_answers.scheme(url) == scheme


@pytest.mark.parametrize("delay", ["0s", "0", "", "00", "0m"])
def test_no_startup_delay_is_written_in_several_ways(delay: str) -> None:
    assert answers.startup_delay({"startup-delay": delay}) == ""
    assert answers.startup_delay({"startup-delay": "2m"}) == "2m"


@pytest.mark.parametrize("broken", [None, [], {}, {"ProgramState": "Running"}, {"ProgramState": 3}, "x", 7])
def test_another_shape_is_no_answer(broken: object) -> None:
    with pytest.raises(MalformedAnswer):
        answers.state(broken, AT)
