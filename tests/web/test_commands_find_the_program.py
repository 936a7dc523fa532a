"""The client side of the commands: by the control socket, else by url and token; with words that say what to do."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.support.backing import DRIFT, T0, serving
from watchdog.errors import DeadlinePassed, Forbidden, MalformedAnswer, NotFound, Refused, ServerFault, Throttled, Unreachable
from watchdog.runtime.clock import SystemClock
from watchdog.web.control import find
from watchdog.web.messages import StatusAnswer


@pytest.fixture
def control(served):
    return find(served.control_path, SystemClock())


def test_every_question_and_order_by_the_control_socket(control, program):
    assert control.status().targets[0].target == "home"
    assert [drift.key for drift in control.drifts("home", "open")] == [DRIFT.key]
    assert control.plans("home").plans[0].repairs[0].sends == ("GET /x",)
    assert control.repairs("home", 5).repairs[0].id == 7
    assert control.history()[0].closed.unix == T0 + 100
    assert control.ignores()[0].id == 4
    assert control.holdings(released=True)[0].released is not None
    assert program.commands.given == [("statuses",)]
    assert control.sync("home", 12.5).up is True
    assert control.approve("a1", "anna").decided_by.startswith("anna (control socket, ")
    assert control.reject("a1").state == "rejected"
    assert control.retry("home", DRIFT.key).id == "a1"
    assert control.ignore("*", "why", T0).until.unix == T0
    control.unignore(4)
    assert control.baseline("home", "accept") == 5
    assert control.acknowledge("home", "anna").target == "home"
    answer = control.release(9)
    assert (answer.holding.id, answer.undone, answer.message) == (9, True, "the schedule is where it was")
    assert control.reload() == ("log.level: info -> debug",)
    words = ["statuses", "sync", "approve", "reject", "retry", "ignore", "unignore", "baseline", "acknowledge", "release", "reload"]
    assert [order[0] for order in program.commands.given] == words


def test_by_url_and_token(program, tmp_path, token_file):
    with serving(program, tmp_path, api_token_file=token_file) as served:
        url = f"http://{served.address[0]}:{served.address[1]}"
        assert find(tmp_path / "none", SystemClock(), url=url, token_file=token_file).sync("home").target == "home"
        with pytest.raises(Forbidden, match="Authorization: Bearer"):
            find(tmp_path / "none", SystemClock(), url=url).sync("home")
        assert find(tmp_path / "none", SystemClock(), url=url).status().healthy


def test_over_tcp_without_a_token_configured_the_way_out_is_told(served):
    url = f"http://{served.address[0]}:{served.address[1]}"
    with pytest.raises(Forbidden, match="api_token_file"):
        find(served.control_path, SystemClock(), url=url).reload()


def test_errors_come_back_as_they_were(control, program):
    with pytest.raises(NotFound, match="known: home"):
        control.sync("away")
    with pytest.raises(Refused, match="does not wait any more"):
        control.approve("used")
    for raised, expected in ((DeadlinePassed("late"), DeadlinePassed), (Throttled("x"), Throttled), (RuntimeError("x"), ServerFault)):
        program.commands.raises = raised
        with pytest.raises(expected):
            control.reload()


def test_a_program_that_does_not_run_is_said_so(tmp_path):
    with pytest.raises(Unreachable, match=r"not running: no control socket at .*c\.sock.*panel-watchdog run"):
        find(tmp_path / "c.sock", SystemClock())
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    with pytest.raises(Unreachable, match=r"does not answer at .*dead\.sock"):
        find(tmp_path / "dead.sock", SystemClock()).status()


def test_somebody_else_at_the_address_is_said_so(control):
    with pytest.raises(MalformedAnswer, match="is it the same one"):
        control._order("GET", "/-/healthy", StatusAnswer)
    with pytest.raises(NotFound, match="see / for what there is"):
        control._order("POST", "/nothing", StatusAnswer)


@pytest.mark.parametrize("module", ["watchdog.web.control", "watchdog.web.settings", "watchdog.exposition.pages"])
def test_what_is_not_needed_is_not_imported(module):
    heavy = {"fastapi", "uvicorn", "starlette", "sqlalchemy", "alembic", "typer", "rich"}
    script = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
