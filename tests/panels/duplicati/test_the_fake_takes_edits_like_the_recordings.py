"""The recorded edits of a job, row by row: what is refused, what changes, what the server makes of stars."""

from __future__ import annotations

import copy

import pytest

from tests.support.duplicati_fake import VERSIONS, series, stage

SERIES = {version: series(version) for version in VERSIONS}
PLAIN = [
    {"Filter": "", "Name": "encryption-module", "Value": "", "Argument": None},
    {"Filter": "", "Name": "--no-encryption", "Value": "true", "Argument": None},
]
SEALED = [
    {"Name": "encryption-module", "Value": "aes"},
    {"Name": "passphrase", "Value": "fixture-passphrase"},
    {"Name": "--send-http-json-urls", "Value": "http://127.0.0.1:9099/h?token=abc"},
]
TARGET = "file:///backups/enc?auth-username=u&auth-password=s3cret"
AUTUMN = 1_795_222_800.0


def changed(label, body, row):
    """Change a body as a row's label says; its schedule is as that row sent it."""
    backup = body["Backup"]
    body["Schedule"] = row["sent_Schedule"]
    match label:
        case "Metadata omitted" | "Settings omitted" | "Filters omitted" | "Sources omitted":
            backup.pop(label.split()[0])
        case "Metadata {}":
            backup["Metadata"] = {}
        case "Metadata stale value":
            backup["Metadata"] = {"LastBackupDate": "20200101T000000Z", "Foo": "bar"}
        case "Settings back":
            backup["Settings"] = list(reversed(backup["Settings"]))
        case "unknown member in Backup":
            backup["Nonsense"] = 1
        case "only Schedule, no Backup":
            body.pop("Backup")
    return body


@pytest.mark.parametrize("version", VERSIONS)
def test_each_edit_of_a_job(version, tmp_path):
    rows = SERIES[version]["put"]["rows"]
    with stage(tmp_path, version, AUTUMN) as (server, caller, clock):
        job = server.world.add_job("photos", seconds=0.5)
        job.settings = copy.deepcopy(PLAIN)
        server.world.run(job)
        clock.advance(3.0)
        body = caller.get("backup/1")
        first = dict(rows[0]["sent_Schedule"], AllowedDays=["mon", "fri"])
        assert caller.put("1", {**body, "Schedule": first}).status == 200
        job.metadata = copy.deepcopy(wiped(rows))
        clock.advance(3.0)
        for row in rows:
            _edit(caller, clock, row)
    assert len(rows) >= 24


def wiped(rows):
    """Return the metadata the job had before an edit wiped it."""
    return next(row["changed"]["Metadata"]["before"] for row in rows if "Metadata" in row["changed"])


def _edit(caller, clock, row):
    before, state = caller.get("backup/1"), caller.state()
    answer = caller.put("1", changed(row["label"], copy.deepcopy(before), row))
    clock.advance(3.0)
    after, then = caller.get("backup/1"), caller.state()
    assert (answer.status, answer.raw.decode()) == (row["http_status"], row["answer"]), row["label"]
    found = {
        name: {"before": one, "after": other}
        for name, one, other in (
            ("Schedule", before["Schedule"], after["Schedule"]),
            *(
                (name, before["Backup"][name], after["Backup"][name])
                for name in ("Metadata", "Settings", "Filters", "Sources", "Name", "TargetURL")
            ),
        )
        if one != other
    }
    assert found == row["changed"], row["label"]
    assert then["LastDataUpdateID"] - state["LastDataUpdateID"] == row["LastDataUpdateID_growth"], row["label"]
    assert then["LastEventID"] - state["LastEventID"] == row["LastEventID_growth"], row["label"]
    assert then["ProposedSchedule"] == row["ProposedSchedule"], row["label"]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_stored_of_a_secret(version, tmp_path):
    rows = SERIES[version]["put-secrets"]["rows"]
    with stage(tmp_path, version, AUTUMN) as (server, caller, clock):
        server.world.add_job("one")
        job = server.world.add_job("secret docs", time=AUTUMN + 90_000, days=("mon",))
        job.target_url, job.settings = TARGET, [{"Filter": "", "Argument": None, **each} for each in SEALED]
        clock.advance(3.0)
        for row in rows:
            body = caller.get("backup/2")
            body["Schedule"]["AllowedDays"] = ["mon"]
            stars = "*" * (10 if "ten" in row["label"] else 15)
            for setting in body["Backup"]["Settings"]:
                if setting["Name"] == "passphrase" and "stars" in row["label"]:
                    setting["Value"] = stars
            if row["label"] == "passphrase omitted":
                body["Backup"]["Settings"] = [each for each in body["Backup"]["Settings"] if each["Name"] != "passphrase"]
            answer = caller.put("2", body)
            assert (answer.status, answer.raw.decode()) == (row["http_status"], row["answer"]), row["label"]
            stored = {each["Name"]: each["Value"] for each in job.settings} | {"TargetURL": job.target_url}
            told = row.get("stored_after", {})
            assert {name: stored[name] for name in told} == told, row["label"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_name_of_another_setting_with_stars_is_refused_where_stars_mean_something(version, tmp_path):
    with stage(tmp_path, version) as (server, caller, _clock):
        server.world.add_job("photos")
        body = caller.get("backup/1")
        body["Schedule"] = None
        body["Backup"]["Settings"].append({"Name": "--unheard-of", "Value": "*" * 15})
        assert caller.put("1", body).status == (500 if version == "2.3.0.4" else 200)
