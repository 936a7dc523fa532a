"""Reports that the server sends itself: each recorded body is understood, success, warning, stopped and failed apart (contract 5)."""

import hashlib
import json
from urllib.parse import urlencode

import pytest

from tests.support.duplicati_fake import RECORDINGS
from tests.support.duplicati_stage import stage
from watchdog.errors import MalformedAnswer
from watchdog.model.inbound import Received
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati.reports import MOST_JOBS, Report, Reports, of_backup, understood

BODIES = json.loads((RECORDINGS / "webhooks.json").read_text(encoding="utf-8"))
NOW = 1_795_225_600.0
# by the recordings: 1 and 3 are JSON of the job photos, 2 and 4 a form of the job with a passphrase
ENDINGS = {
    "webhook-1": "success", "webhook-2": "warning", "webhook-3": "success", "webhook-4": "warning", "webhook-stopped": "stopped",
    "webhook-failed-1": "fatal", "webhook-failed-2": "fatal", "webhook-failed-3": "fatal",
}  # fmt: skip
JOBS = {"webhook-1": "1", "webhook-2": "2", "webhook-3": "1", "webhook-4": "2", "webhook-stopped": "3", "webhook-failed-1": "4",
        "webhook-failed-2": "5", "webhook-failed-3": "1"}  # fmt: skip


def body_of(version, name):
    told = BODIES[version][name]
    content = told["body"] if isinstance(told["body"], str) else json.dumps(told["body"])
    return told["content_type"], content.encode()


def read(version, name, at=NOW):
    return understood(*body_of(version, name), at)


@pytest.mark.parametrize("version", BODIES)
@pytest.mark.parametrize("name", ENDINGS)
def test_every_recorded_report_is_understood(version, name):
    report = read(version, name)
    # the older server did not warn of the options that its file backend does not know
    ending = "success" if version == "2.1.0.5" and ENDINGS[name] == "warning" else ENDINGS[name]
    assert (report.ending, report.backup, report.operation, report.at) == (ending, JOBS[name], "Backup", NOW)
    assert report.machine and report.name and report.began <= report.ended and 0 <= report.ended - report.began < 120
    if name != "webhook-stopped":
        assert report.examined_files == (0 if ending == "fatal" else 20)
    assert (report.errors > 0) is (ending == "fatal" or (ending == "stopped" and version != "2.1.0.5"))


@pytest.mark.parametrize("version", BODIES)
def test_only_counts_words_and_times_are_taken(version):
    text = "".join(repr(read(version, name)) for name in ENDINGS)
    assert "Exception" not in text and "does not exist" not in text and "token" not in text and "/" not in text


def extra(**more):
    return {"OperationName": "Backup", "machine-id": "m", "backup-name": "photos", "backup-id": "DB-7"} | more


def told(result, exception=None, **more):
    return json.dumps({"Data": result, "Extra": extra(**more), "LogLines": [], "Exception": exception, "New": 1}).encode()


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (told({"MainOperation": "Backup", "ParsedResult": "Error"}), "error"),
        (told({"MainOperation": "Backup", "ParsedResult": "Success"}, "System.Exception: boom"), "fatal"),
        (told({"ClassName": "System.Exception", "Message": "boom", "StackTraceString": "..."}), "fatal"),
        (told({"Message": "boom"}), "fatal"),
        (told(None, "System.Exception: boom"), "fatal"),
        (told({"ParsedResult": "Unknown"}), "fatal"),
        (told({"ParsedResult": "Warning", "PartialBackup": True}), "stopped"),
        (told({"ParsedResult": "Success", "Interrupted": True}), "stopped"),
        (told(None, "System.Threading.Tasks.TaskCanceledException: A task was canceled."), "stopped"),
        (b"\xef\xbb\xbf" + told({"ParsedResult": "Success"}), "success"),
    ],
)
def test_a_json_body_of_any_kind_is_judged_by_the_worst_in_it(body, ending):
    report = understood("application/json; charset=utf-8", body, NOW)
    assert (report.ending, report.backup, report.operation) == (ending, "7", "Backup")


@pytest.mark.parametrize(
    ("lines", "ending"),
    [
        ("ParsedResult: Success\nInterrupted: False", "success"),
        ("ParsedResult: Error", "error"),
        ("Failed: The folder /a does not exist\nDetails: System.Exception", "fatal"),
        ("Failed: The operation was canceled.\nDetails: System.OperationCanceledException", "stopped"),
        ("ParsedResult: Success\nFatal: True", "fatal"),
        ("TestResults: \n  ParsedResult: Fatal\nParsedResult: Success", "success"),
    ],
)
@pytest.mark.parametrize("field", ["message", "text"])
def test_a_form_is_read_whatever_its_field_is_called(lines, ending, field):
    text = f"Duplicati Backup report for photos (of 2026) (m, DB-7, nas)\n\n{lines}\n"
    report = understood("application/x-www-form-urlencoded", urlencode({field: text, "x": "1"}).encode(), NOW)
    assert (report.ending, report.backup, report.name, report.machine) == (ending, "7", "photos (of 2026)", "m")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""), ("application/json", b"[]"), ("application/json", b"{}"),
        ("application/json", b'{"Data": 1, "Extra": {}}'),
        ("application/json", b"\xff\xfe"), ("application/json", b"[" * 100_000), ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"message=hello"), ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 2000)),
        ("text/plain", b"\xff" * 100), ("", b"message=" + b"+" * (1 << 20)),
        ("", b"message=Duplicati+Backup+report+for+" + b"+" * (1 << 20)),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_at_once(content_type, body):
    try:
        understood(content_type, body, NOW)
    except MalformedAnswer:
        return
    assert body.startswith(b"message=Duplicati+Backup")  # whatever its name may be, it is one


def test_a_job_that_was_run_from_a_command_line_is_no_job_of_the_server():
    report = understood("application/json", told({"ParsedResult": "Success"}, **{"backup-id": "a1b2c3"}), NOW)
    assert report.backup == "" and not Reports().take(report)


# ---- keeping ---------------------------------------------------------------------------------------------------------------


def report(began, ending="success", at=NOW, **more):
    return Report(
        **{"backup": "1", "name": "photos", "machine": "m", "operation": "Backup", "ending": ending, "at": at, "began": began} | more
    )


def test_a_report_of_another_servers_job_is_not_taken_for_ours():
    known = {"1": report(NOW)}
    assert (
        of_backup(known, "1", "Photos") is known["1"] and of_backup(known, "1", "films") is None and of_backup(known, "2", "photos") is None
    )


def test_the_same_report_three_times_is_one():
    kept = Reports()
    assert [kept.take(report(NOW, at=NOW + tried)) for tried in range(3)] == [True, False, False]
    assert kept.newest() == {"1": report(NOW)}


def test_an_older_report_that_comes_late_replaces_nothing():
    kept = Reports()
    assert kept.take(report(NOW, "fatal")) and not kept.take(report(NOW - 60)) and kept.take(report(NOW + 60))
    assert kept.newest()["1"].ending == "success"


def test_failures_without_a_time_are_told_apart_by_when_they_came():
    kept = Reports()
    assert [kept.take(report(None, "fatal", at)) for at in (NOW, NOW + 2, NOW + 86400)] == [True, False, True]
    assert kept.newest()["1"].at == NOW + 86400


def test_only_backups_are_kept_and_only_so_many_jobs():
    kept = Reports()
    assert not kept.take(report(NOW, operation="Restore"))
    assert sum(kept.take(report(NOW, backup=str(number))) for number in range(MOST_JOBS + 5)) == MOST_JOBS


@pytest.mark.parametrize("version", BODIES)
def test_the_newest_recorded_report_of_each_job_counts(version):
    kept = Reports()
    for name in ENDINGS:
        kept.take(read(version, name))
    assert {job: one.ending for job, one in kept.newest().items()} == {
        "1": "fatal", "2": read(version, "webhook-4").ending, "3": "stopped", "4": "fatal", "5": "fatal",
    }  # fmt: skip


# ---- all the way to a drift ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["webhook-1", "webhook-failed-3", "webhook-stopped"])
def test_a_recorded_report_is_taken_by_the_target_and_judged(tmp_path, name):
    digest = hashlib.sha256(b"made up").hexdigest()
    with stage(tmp_path, report={"secret_sha256": (digest,)}) as made:
        for job in ("photos", "secret docs", "slow"):
            made.world.add_job(job)
        target = made.life.target
        (door,) = target.inbound()
        assert door.name == "report" and door.secret_sha256 == (digest,)
        for body in (b"", b"{}", b"message=hello"):
            with pytest.raises(MalformedAnswer):  # counted by the house as failed
                door.receive(Received("application/json", body, made.clock.now().wall))
        door.receive(Received("application/json", body_of("2.3.0.4", name)[1], made.clock.now().wall))
        view = target.view()
        assert {job: report.ending for job, report in view.reports.items()} == {JOBS[name]: ENDINGS[name]}
        judged = target.detect(Actual(), view, None, LedgerFacts(), made.clock.now())
        told = {each.kind for each in judged.drifts if each.subject.id == JOBS[name] and each.kind.startswith("backup_")}
        assert told == {"fatal": {"backup_failed"}, "stopped": {"backup_stopped"}, "success": set()}[ENDINGS[name]]
