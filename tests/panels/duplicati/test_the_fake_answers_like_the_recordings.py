"""Every recorded answer of the real servers, against the fake's: status, the headers that matter, the body's shape and its words."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.duplicati_day import play
from tests.support.duplicati_fake import NEWEST, VERSIONS, answers, own_answers, series, stage

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
WORDS = frozenset(
    [
        *("Error", "Code", "ProgramState", "SuggestedStatusIcon", "HasWarning", "HasError", "Status", "Type", "Phase", "OverallProgress"),
        *("BackendAction", "Operation", "Active", "ParsedResult", "MainOperation", "PartialBackup", "IsFullBackup", "AllowedDays", "Rule"),
        *("Repeat", "Action", "MessageID", "Temporary", "DBPathExists", "IsTemporary", "IsUnencryptedOrPassphraseStored", "ServerVersion"),
        *("PasswordPlaceholder", "APIVersion", "ConnectionStringID", "ExternalID", "UpdaterState", "authorized", "message", "Interrupted"),
        *("Version", "TaskID", "BackupID", "BackupListCount", "Item1", "StillCounting", "Name", "paused-until", "startup-delay"),
    ]
)
"""Members whose value counts, not only its kind."""
NOT_THERE = {"2.1.0.5": {"auth-preauth", "auth-preauth-wrong"}}
"""What a version does not know, and nobody asked of it."""
CASES = [(version, name) for version in VERSIONS for name in answers(version) if name not in NOT_THERE.get(version, ())]


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Return the day of a version, played once."""
    played = {}

    def day(version):
        if version not in played:
            played[version] = play(version, tmp_path_factory.mktemp("day"))
        return played[version]

    return day


@pytest.mark.parametrize(("version", "name"), CASES)
def test_an_answer_is_like_the_recorded_one(days, version, name):
    recorded, got = answers(version)[name], days(version)[name]
    assert got.status == recorded["http_status"]
    for header in ("content-type", "www-authenticate", "cache-control", "server"):
        assert got.headers.get(header) == recorded.get("headers", got.headers).get(header), header
    cookie = recorded.get("headers", {}).get("set-cookie")
    assert ("set-cookie" in got.headers) == (cookie is not None)
    if cookie is not None:
        assert re.sub(r"_\d+=[^;]*", "", got.headers["set-cookie"]) == re.sub(r"_\d+=[^;]*|expires=[^;]*; ", "", cookie)
    wrong = differences(recorded["body"], got.body)
    # what is written in a log row was not compared when it was decided which versions answer alike; the reports tell that of each
    own = version == NEWEST or name in own_answers(version)
    assert [each for each in wrong if own or "(JSON)" not in each] == []


def differences(recorded, got, at=""):
    """Return what differs between a recorded value and one of the fake's: kinds, members, their order, the form of times, and the words."""
    if isinstance(recorded, str) and recorded.startswith("{") and isinstance(got, str):
        return differences(json.loads(recorded), json.loads(got), at + " (JSON)")
    if isinstance(recorded, str) and re.fullmatch(r"<(list|dict) of \d+>", recorded):
        recorded = [] if "list" in recorded else {}
        return [] if isinstance(got, type(recorded)) else [f"{at}: {got!r} for {recorded}"]
    if type(recorded) is type(got) and isinstance(recorded, dict):
        return _members(recorded, got, at)
    if type(recorded) is type(got) and isinstance(recorded, list):
        empty = [f"{at}: empty"] if recorded and not got else []
        return empty + [
            each for number, pair in enumerate(zip(recorded, got, strict=False)) for each in differences(*pair, f"{at}[{number}]")
        ]
    return [] if _alike(recorded, got, at) else [f"{at}: {got!r} for {recorded!r}"]


def _alike(recorded, got, at):
    if type(recorded) is not type(got):
        return False
    if isinstance(recorded, str) and TIME.fullmatch(recorded.rstrip("Z").removesuffix("+00:00")):
        return TIME.sub("", recorded) == TIME.sub("", got) and recorded[:4] == got[:4]
    return at.rpartition(".")[2].partition("[")[0] not in WORDS or recorded == got


def _members(recorded, got, at):
    if at.endswith("DisplayNames"):
        return []
    wrong = [f"{at}: {list(got)} for {list(recorded)}"] if _order(recorded, at) != _order(got, at) else []
    return wrong + [each for name in recorded.keys() & got.keys() for each in differences(recorded[name], got[name], f"{at}.{name}")]


def _order(members, at):
    # what a job's metadata has was put there one by one, in another order where failures came first
    return sorted(members) if at.endswith("Metadata") or not at else list(members)


def test_what_differs_is_seen():
    assert differences({"a": 1, "Status": "OK"}, {"a": 2, "Status": "No"}) == [".Status: 'No' for 'OK'"]
    assert differences({"a": "2026-11-21T01:00:00Z"}, {"a": "2026-11-21T01:00:00"})
    assert differences({"a": "0001-01-01T00:00:00Z"}, {"a": "2026-01-01T00:00:00Z"})
    assert differences({"a": [{"b": 1}]}, {"a": []}) == [".a: empty"]
    assert differences({"a": None}, {"a": ""})
    assert differences({"a": 1}, {})


@pytest.mark.parametrize("version", VERSIONS)
def test_twenty_wrong_passwords_lock_nobody_out(version, tmp_path):
    recorded = series("2.3.0.4")["auth-login-wrong-20"]
    with stage(tmp_path, version) as (_, caller, _clock):
        for _ in range(20):
            assert caller.call("POST", "/api/v1/auth/login", body={"Password": "no", "RememberMe": False}).status == recorded["last_status"]
        right = {"Password": caller.password, "RememberMe": False}
        assert caller.call("POST", "/api/v1/auth/login", body=right).status == recorded["right_password_after"]
