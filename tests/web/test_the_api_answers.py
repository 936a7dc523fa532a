"""The JSON API, the landing page and health: shapes, errors with a way out, and nothing that should not be there."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.support.backing import DRIFT, T0, Orders, Program, call
from watchdog import errors
from watchdog.exposition.pages import Exposition
from watchdog.model.metrics import Family, Metric
from watchdog.runtime.clock import SystemClock
from watchdog.web.bodies import Time
from watchdog.web.landing import landing
from watchdog.web.ports import Report


def test_status_says_how_everything_stands(served, program):
    program.unready = ("the ledger cannot be read",)
    status, _, said = call(served, "GET", "/api/v1/status")
    assert status == 200
    assert (said["healthy"], said["ready"], said["missing"]) == (True, False, ["the ledger cannot be read"])
    (target,) = said["targets"]
    assert (target["panel"], target["target"], target["mode"], target["up"]) == ("mcsmanager", "home", "approve", True)
    assert target["subjects"] == {"drift": 1} and target["drifts"] == {"open": 1} and target["approvals_waiting"] == 1
    assert target["last_pass"]["unix"] == T0
    assert datetime.fromisoformat(target["last_pass"]["rfc3339"]).timestamp() == T0


def test_drifts_plans_repairs_and_history(served):
    (drift,) = call(served, "GET", "/api/v1/drifts")[2]["drifts"]
    assert (drift["key"], drift["state"], drift["severity"], drift["remedy"]) == (DRIFT.key, "open", "critical", "open")
    assert call(served, "GET", "/api/v1/drifts?state=ignored")[2] == {"drifts": []}
    assert call(served, "GET", "/api/v1/drifts?state=nonsense")[0] == 422
    plans = call(served, "GET", "/api/v1/plans?target=home")[2]
    assert plans["plans"][0]["repairs"][0]["sends"] == ["GET /x"] and plans["plans"][0]["held"][0]["reason"] == "cooldown"
    assert plans["approvals"][0]["id"] == "a1"
    (repair,) = call(served, "GET", "/api/v1/repairs")[2]["repairs"]
    assert (repair["state"], repair["outcome"], repair["sent"]) == ("verified", "done", ["GET /x"])
    (past,) = call(served, "GET", "/api/v1/history?limit=5")[2]["drifts"]
    assert past["closed"]["unix"] == T0 + 100
    assert call(served, "GET", "/api/v1/holdings?released=true")[2]["holdings"][0]["released"]["unix"] == T0
    assert call(served, "GET", "/api/v1/ignores")[2]["ignores"][0]["pattern"] == "*"


def test_a_drift_is_explained_and_a_target_says_its_conditions(served):
    story = call(served, "GET", "/api/v1/explain?drift=instance/i1")[2]
    assert (story["key"], story["kind_help"], story["remedy_help"]) == (DRIFT.key, "A ghost.", None)
    assert [each["state"] for each in story["lives"]] == ["open"]
    assert [each["id"] for each in story["repairs"]] == [7]
    assert story["steps"][0] == {"name": "confirmed", "passed": True, "message": "seen in 2 looks"}
    assert call(served, "GET", "/api/v1/explain?drift=nothing")[0] == 404
    assert call(served, "GET", "/api/v1/explain")[0] == 422
    (target,) = call(served, "GET", "/api/v1/status")[2]["targets"]
    (condition,) = target["conditions"]
    assert (condition["type"], condition["status"], condition["since"]["unix"]) == ("Paused", False, T0)


def test_orders_reach_the_program_as_given(served, program):
    assert call(served, "POST", "/api/v1/targets/home/sync?seconds=12", control=True)[2]["target"] == "home"
    ignore = {"pattern": "*/ghost/*", "reason": "holiday", "until": T0}
    assert call(served, "POST", "/api/v1/ignores", ignore, control=True)[2]["until"]["unix"] == T0
    assert call(served, "POST", "/api/v1/targets/home/baseline", {"what": "repair"}, control=True)[2] == {"count": 5}
    assert call(served, "POST", "/-/reload", control=True)[2] == {"changes": ["log.level: info -> debug"]}
    words = [order[:3] for order in program.commands.given]
    assert words == [("sync", "home", 12.0), ("ignore", "*/ghost/*", "holiday"), ("baseline", "home", "repair"), ("reload",)]


def test_after_a_reload_the_new_orders_and_pages_are_asked(served, program):
    old = program.commands
    program.commands, program.pages = Orders(), Exposition(program.book, SystemClock())
    program.pages.declare("newcomer", (Metric("newcomer", "gauge", "New."),))
    program.pages.update("newcomer", [Family(Metric("newcomer", "gauge", "New."), (((), 1.0),))])
    for path in ("/", "/api/v1/status", "/api/v1/plans", "/api/v1/repairs", "/api/v1/ignores", "/api/v1/holdings", "/api/v1/history"):
        assert call(served, "GET", path)[0] == 200
    assert call(served, "POST", "/api/v1/targets/home/sync", control=True)[0] == 200
    assert old.given == [] and len(program.commands.given) == 4
    assert call(served, "GET", "/metrics?collect[]=newcomer")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/api/v1/targets/away/sync", None, 404, "not_found"),
        ("POST", "/api/v1/plans/used/approve", None, 409, "refused"),
        ("POST", "/api/v1/plans/zz/approve", None, 404, "not_found"),
        ("POST", "/api/v1/ignores", {"pattern": "*"}, 422, "invalid"),
        ("POST", "/api/v1/ignores", {"pattern": "*", "reason": "r", "nonsense": "hunter2"}, 422, "invalid"),
        ("POST", "/api/v1/ignores", {"pattern": "*", "reason": "r", "until": "hunter2"}, 422, "invalid"),
        ("POST", "/api/v1/ignores", [1], 422, "invalid"),
        ("POST", "/api/v1/targets/home/baseline", {"what": "burn"}, 422, "invalid"),
        ("POST", "/api/v1/targets/home/sync?seconds=1e9", None, 422, "invalid"),
        ("DELETE", "/api/v1/ignores/x", None, 422, "invalid"),
        ("GET", "/api/v1/status?target=away", None, 404, "not_found"),
        ("GET", "/api/v1/repairs?limit=0", None, 422, "invalid"),
        ("GET", "/api/v1/nothing", None, 404, "not_found"),
        ("POST", "/api/v1/status", None, 405, "wrong_method"),
        ("GET", "/docs", None, 404, "not_found"),
    ],
)
def test_a_refusal_has_one_shape_and_a_way_out(served, program, method, path, body, status, code):
    got, _, said = call(served, method, path, body, control=True)
    assert (got, said["error"]["code"]) == (status, code)
    assert set(said) == {"error"} and set(said["error"]) == {"code", "message", "way_out"}
    assert said["error"]["message"] and said["error"]["way_out"]
    assert "hunter2" not in str(said)
    assert program.commands.given == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.LedgerUnavailable("locked"), 503, "ledger_unavailable"),
        (errors.DeadlinePassed("late"), 504, "still_running"),
        (errors.Throttled("slow down", 7), 503, "busy"),
        (errors.Stopping("ending"), 503, "stopping"),
        (errors.Unreachable("gone"), 503, "try_again"),
        (errors.Refused("no"), 409, "refused"),
        (errors.BadSettings("line 3"), 422, "bad_settings"),
        (errors.MalformedAnswer("odd"), 502, "unknown"),
    ],
)
def test_each_error_of_the_house_has_its_status(served, program, error, status, code):
    program.commands.raises = error
    got, headers, said = call(served, "POST", "/-/reload", control=True)
    assert (got, said["error"]["code"], said["error"]["message"]) == (status, code, str(error))
    assert headers.get("retry-after") == ("7" if isinstance(error, errors.Throttled) else None)


def test_a_fault_of_ours_is_a_500_that_tells_nothing(served, program, caplog):
    program.commands.raises = RuntimeError("hunter2")
    got, _, said = call(served, "POST", "/-/reload", control=True)
    assert (got, said["error"]["code"]) == (500, "internal")
    assert "hunter2" not in str(said)
    assert call(served, "GET", "/metrics")[0] == 200


def test_health_and_readiness_name_what_is_missing(served, program):
    assert call(served, "GET", "/-/healthy")[::2] == (200, {"ok": True, "missing": []})
    program.unready = ("no look at docker yet",)
    assert call(served, "GET", "/-/ready")[::2] == (503, {"ok": False, "missing": ["no look at docker yet"]})
    assert call(served, "GET", "/-/healthy")[0] == 200
    program.unhealthy = ("the scheduler is dead",)
    assert call(served, "GET", "/-/healthy")[::2] == (503, {"ok": False, "missing": ["the scheduler is dead"]})


def test_the_landing_page_is_escaped_and_loads_nothing(served):
    status, headers, page = call(served, "GET", "/")
    page = page.decode()
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "<script" not in page
    assert "src=" not in page and "http://" not in page and "https://" not in page
    assert "home" in page and "no container" in page and "href='/metrics'" in page


@pytest.mark.parametrize("seconds", [None, -1.0, float("inf"), 1e300])
def test_a_moment_no_calendar_has_is_none(seconds):
    assert Time.of(seconds) is None


def test_the_schema_is_served_and_no_page_that_loads_scripts(served):
    assert call(served, "GET", "/api/v1/openapi.json")[2]["openapi"].startswith("3.")
    assert call(served, "GET", "/redoc")[0] == 404


def test_a_program_without_targets_has_a_page():
    page = landing((), Report(("x<y",)), Report())
    assert "no target" in page and "x&lt;y" in page
    assert Program().health().ok
