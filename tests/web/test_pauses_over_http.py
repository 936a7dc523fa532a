"""Pauses over the API: orders as given, a stale one answered with the pause as it is now."""

from __future__ import annotations

import pytest

from tests.support.backing import PAUSE, T0, call
from watchdog.errors import Conflict
from watchdog.model.pauses import PauseOrder
from watchdog.runtime.clock import SystemClock
from watchdog.web.control import find


def test_orders_reach_the_program_as_given(served, program):
    terms = {"target": "home", "reason": "moving", "task": "lobby", "seconds": 60.0}
    status, _, said = call(served, "POST", "/api/v1/pauses", {**terms, "who": "ann"}, control=True)
    assert (status, said["id"], said["version"], said["seconds"], said["until"]["unix"]) == (200, 3, 2, 7200.0, T0 + 7200)
    assert call(served, "PUT", "/api/v1/pauses/3", {"target": "home", "reason": "r", "until": T0, "version": 2}, control=True)[0] == 200
    said = call(served, "POST", "/api/v1/pauses/3/resume", control=True)[2]
    assert (said["end"], said["ended"]["unix"]) == ("resumed", T0 + 60)
    pause, change, resume = program.commands.given
    assert pause[1].by.startswith("ann")
    assert pause[1] == PauseOrder("home", "moving", pause[1].by, "lobby", "person", None, 60.0)
    assert (change[:3], change[3].until) == (("change", 3, 2), T0)
    assert (resume[0], resume[1], resume[3]) == ("resume", 3, None)


def test_questions_are_free(served):
    (standing,) = call(served, "GET", "/api/v1/pauses")[2]["pauses"]
    assert (standing["target"], standing["reason"], standing["source"], standing["ended"]) == ("home", "moving", "person", None)
    assert [each["end"] for each in call(served, "GET", "/api/v1/pauses?history=true")[2]["pauses"]] == [None, "expired"]
    assert call(served, "GET", "/api/v1/pauses?target=away")[0] == 404
    said = call(served, "GET", "/api/v1/targets/home/pauses/check")[2]
    assert (said["ok"], said["wrong"]) == (False, ["no 3"]), "the newest look knows of none"


def test_a_stale_order_is_409_with_the_pause_as_it_is_now(served, program):
    stale = {"target": "home", "reason": "r", "version": 1}
    for method, path, body in (("PUT", "/api/v1/pauses/3", stale), ("POST", "/api/v1/pauses", {"target": "home", "reason": "again"})):
        status, _, said = call(served, method, path, body, control=True)
        assert (status, said["error"]["code"]) == (409, "conflict")
        assert (said["current"]["id"], said["current"]["version"]) == (PAUSE.id, PAUSE.version)
        assert said["error"]["way_out"]
    assert program.commands.given == []


@pytest.mark.parametrize(
    "body",
    [{"target": "home"}, {"target": "home", "reason": "r", "seconds": 0}, {"target": "home", "reason": "r", "until": -1},
     {"target": "home", "reason": "r", "seconds": 1e12}, {"target": "home", "reason": "r", "nonsense": 1}, []],
    ids=["no-reason", "nothing", "before-time", "for-ever", "unknown-key", "no-object"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(served, program, body):
    status, _, said = call(served, "POST", "/api/v1/pauses", body, control=True)
    assert (status, said["error"]["code"]) == (422, "invalid")
    assert program.commands.given == []


def test_the_commands_end_of_the_line(served):
    control = find(served.control_path, SystemClock())
    assert control.pause({"target": "home", "reason": "moving"}).id == 3
    assert control.pause({"target": "home", "reason": "moving"}, (3, 2)).id == 3
    assert control.pauses("home", history=True)[1].end == "expired"
    assert control.resume(3, "ann").end == "resumed"
    assert control.check_pause("home").wrong == ("no 3",)
    with pytest.raises(Conflict, match="stands"):
        control.pause({"target": "home", "reason": "again"})
