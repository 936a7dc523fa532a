"""The webhook of Alertmanager over real HTTP: a token of its own, 202 at once, and a clear refusal of what is no notification."""

from __future__ import annotations

import pytest

from tests.support.backing import call, serving
from watchdog.web import guard

ALARMS = "/api/v1/alertmanager"
BELL = {"Authorization": "Bearer ring-the-bell"}
API = {"Authorization": "Bearer sësame-open".encode()}


def alert(**more):
    return {
        "status": "firing", "labels": {"alertname": "A", "host": "alpha"}, "annotations": {"summary": "s"},
        "startsAt": "2026-06-11T10:00:00.5Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p/graph",
        "fingerprint": "b9d1bd1cf8ed5b7c", **more,
    }  # fmt: skip


def notification(*alerts, **more):
    return {
        "receiver": "watchdog", "status": "firing", "alerts": list(alerts), "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://am", "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, **more,
    }  # fmt: skip


@pytest.fixture
def bell_file(tmp_path):
    path = tmp_path / "bell"
    path.write_text("ring-the-bell\n")
    return path


@pytest.fixture
def served(program, tmp_path, token_file, bell_file):
    with serving(program, tmp_path, api_token_file=token_file, alertmanager_token_file=bell_file) as server:
        yield server


def test_a_notification_is_taken_at_once(served, program):
    sent = notification(alert(), alert(status="resolved", fingerprint="01", labels={}))
    assert call(served, "POST", ALARMS, sent, headers=BELL)[::2] == (202, {"taken": 2})
    first, second = program.alarms.rung
    assert (first.fingerprint, first.firing, first.starts_at, first.labels["host"]) == ("b9d1bd1cf8ed5b7c", True, 1781172000.5, "alpha")
    assert (second.fingerprint, second.firing) == ("01", False)
    assert call(served, "POST", ALARMS, notification(), headers=BELL)[2] == {"taken": 0}


def test_its_token_opens_this_door_and_no_other_and_no_other_opens_it(served, program):
    for headers in ({}, API, {"Authorization": "Bearer ring-the-bel"}, {"Authorization": "Basic ring-the-bell"}):
        status, _, said = call(served, "POST", ALARMS, notification(alert()), headers=headers)
        assert (status, said["error"]["code"]) == (401, "wrong_token")
        assert "server.alertmanager_token_file" in said["error"]["way_out"]
    assert call(served, "POST", "/-/reload", headers=BELL)[0] == 401
    assert call(served, "POST", "/api/v1/pauses", {"target": "home", "reason": "r"}, headers=BELL)[0] == 401
    assert program.alarms.rung == []
    assert program.commands.given == []


def test_without_a_token_the_door_is_shut(program, tmp_path, token_file):
    with serving(program, tmp_path, api_token_file=token_file) as served:
        status, _, said = call(served, "POST", ALARMS, notification(alert()), headers=API)
        assert (status, said["error"]["code"]) == (403, "alerts_disabled")
        assert call(served, "POST", ALARMS, notification(alert()), control=True)[0] == 202


def test_no_room_is_an_error_that_alertmanager_tries_again(served, program):
    program.alarms.room = False
    status, headers, _ = call(served, "POST", ALARMS, notification(alert()), headers=BELL)
    assert (status, headers["retry-after"]) == (503, "10")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "body.version"),
        ([], "body"),
        ("text", "body"),
        (notification(alert(), version="3"), "body.version"),
        ({"version": "4"}, "body.alerts"),
        (notification(alert(), alerts={}), "body.alerts"),
        (notification(alert(status="maybe")), "body.alerts.0.status"),
        (notification(alert(), alert(labels={"a": 1})), "body.alerts.1.labels.a"),
        (notification(alert(labels=None)), "body.alerts.0.labels"),
        (notification(alert(startsAt="yesterday")), "body.alerts.0.startsAt"),
        (notification(alert(startsAt="2026-06-11T10:00:00")), "body.alerts.0.startsAt"),
        (notification(alert(fingerprint="")), "body.alerts.0.fingerprint"),
        (notification(alert(fingerprint="a, b: c")), "body.alerts.0.fingerprint"),
        (notification({"status": "firing"}), "body.alerts.0.fingerprint"),
        (notification(*[alert()] * 1001), "body.alerts"),
        (notification(alert(labels={str(number): "" for number in range(201)})), "body.alerts.0.labels"),
    ],
    ids=range(16),
)
def test_what_is_no_notification_is_refused_with_the_field_that_is_wrong(served, program, sent, field):
    status, _, said = call(served, "POST", ALARMS, sent, headers=BELL)
    assert (status, said["error"]["code"]) == (422, "invalid")
    assert f"{field}:" in said["error"]["message"]
    assert program.alarms.rung == []


def test_a_refusal_repeats_no_value(served):
    said = call(served, "POST", ALARMS, notification(alert(status="s3cret")), headers=BELL)[2]
    assert "s3cret" not in str(said)


def test_a_large_group_fits_and_a_larger_one_is_refused(served, program, monkeypatch):
    labels = {f"l{number}": "x" * 1000 for number in range(10)}
    assert call(served, "POST", ALARMS, notification(*[alert(labels=labels)] * 300), headers=BELL)[0] == 202
    assert len(program.alarms.rung) == 300
    monkeypatch.setattr(guard, "ALARMS_LIMIT", 8000)
    assert call(served, "POST", ALARMS, notification(alert(labels=labels)), headers=BELL)[0] == 413
    assert len(program.alarms.rung) == 300
