"""Who may change something: over TCP the holder of the token, on the control socket root and our own user. Nobody's browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from tests.conftest import require
from tests.support.backing import Program, call, serving
from watchdog.web.application import build_application, changing_routes, route_table
from watchdog.web.callers import Caller
from watchdog.web.calls import Lane

ALARMS = ("POST", "/api/v1/alertmanager")
"""Has a token of its own: see test_alertmanager_tells.py."""
CHANGING = tuple(each for each in changing_routes(build_application(Program(), Lane("a", 1), Lane("b", 1))) if each != ALARMS)
TOKEN = {"Authorization": "Bearer sësame-open".encode()}
SYNC = "/api/v1/targets/home/sync"


def filled(template):
    """A path of the template that would work: the target that exists, a number otherwise."""
    return re.sub(r"{(\w+)}", lambda name: {"name": "home", "approval_id": "a1"}.get(name[1], "4"), template)


BODIES = {
    "/api/v1/ignores": {"pattern": "*", "reason": "why"},
    "/api/v1/pauses": {"target": "home", "reason": "why"},
    "/api/v1/pauses/{pause_id}": {"target": "home", "reason": "why", "version": 2},
    "/api/v1/targets/{name}/baseline": {"what": "accept"},
    "/api/v1/targets/{name}/retry": {"drift": "d"},
}


def test_the_list_of_changing_routes_is_whole():
    assert len(CHANGING) == 13
    assert {method for method, _ in CHANGING} == {"POST", "PUT", "DELETE"}
    app = build_application(Program(), Lane("a", 1), Lane("b", 1))
    assert set(CHANGING) <= set(route_table(app))
    schema = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert schema == {pair for pair in route_table(app) if pair[1].startswith("/api/v1/") and "openapi" not in pair[1]} | {
        ("POST", "/-/reload")
    }


@pytest.mark.parametrize(("method", "template"), CHANGING)
def test_every_changing_route_refuses_over_tcp_and_works_on_the_control_socket(program, tmp_path, token_file, method, template):
    path, body = filled(template), BODIES.get(template)
    with serving(program, tmp_path) as served:
        status, _, said = call(served, method, path, body)
        assert (status, said["error"]["code"]) == (403, "changes_disabled")
        assert "api_token_file" in said["error"]["way_out"]
        assert call(served, method, path, body, headers=TOKEN)[0] == 403
    with serving(program, tmp_path, api_token_file=token_file) as served:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic c2VzYW1l"}, {"Authorization": "Bearer "}):
            status, answered, said = call(served, method, path, body, headers=headers)
            assert (status, said["error"]["code"], answered["www-authenticate"]) == (401, "wrong_token", "Bearer")
        assert program.commands.given == []
        assert call(served, method, path, body, headers=TOKEN)[0] == 200
        assert call(served, method, path, body, control=True)[0] == 200
        assert len(program.commands.given) == 2


def test_a_route_added_tomorrow_is_guarded_too(program, served):
    """The door stands before routing: even what does not exist is refused."""
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "NEW"):
        assert call(served, method, "/api/v1/tomorrow")[0] == 403


def test_the_token_is_read_anew_and_a_lost_file_refuses(program, guarded, token_file):
    assert call(guarded, "POST", SYNC, headers=TOKEN)[0] == 200
    token_file.write_text("rotated")
    assert call(guarded, "POST", SYNC, headers=TOKEN)[0] == 401
    assert call(guarded, "POST", SYNC, headers={"Authorization": "bearer rotated"})[0] == 200
    token_file.unlink()
    status, _, said = call(guarded, "POST", SYNC, headers={"Authorization": "Bearer rotated"})
    assert (status, said["error"]["code"]) == (403, "token_unreadable")
    assert str(token_file) not in json.dumps(said)


def test_new_settings_take_effect_while_running(program, served, token_file):
    changed = served._settings.model_copy(update={"api_token_file": token_file, "allowed_hosts": ("dog.lan",), "listen": "0.0.0.0:1"})
    assert served.configure(changed) == ("listen",)
    assert call(served, "POST", SYNC, headers=TOKEN)[0] == 200
    assert call(served, "GET", "/", headers={"Host": "dog.lan"})[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:9877"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "localhost:9877"}, 200),
        ({"Host": "[::1]:9877"}, 200),
        ({"Host": "192.0.2.7"}, 200),
        ({"Host": socket.gethostname()}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:9877", "Origin": "http://localhost:9877"}, 200),
        ({"Host": "localhost:9877", "Origin": "http://localhost:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_a_strangers_page_changes_nothing_even_with_the_token(guarded, program, headers, status):
    assert call(guarded, "POST", SYNC, headers=TOKEN | headers)[0] == status
    assert len(program.commands.given) == (status == 200)


def test_a_rebound_name_reads_nothing_but_what_machines_ask(served):
    stranger = {"Host": "evil.example"}
    for path in ("/", "/api/v1/status", "/api/v1/drifts"):
        status, _, said = call(served, "GET", path, headers=stranger)
        assert (status, said["error"]["code"]) == (421, "unknown_host")
        assert "allowed_hosts" in said["error"]["way_out"]
    for path in ("/metrics", "/-/healthy", "/-/ready"):
        assert call(served, "GET", path, headers={"Host": "watchdog.internal:9877"})[0] == 200


def test_the_name_for_the_record_says_how_the_order_came_in(guarded, program):
    path = "/api/v1/plans/a1/approve"
    call(guarded, "POST", path, {"who": "anna\n\x1b[31m"}, headers=TOKEN)
    call(guarded, "POST", path, headers=TOKEN)
    call(guarded, "POST", path, {"who": "bert"}, control=True)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert [order[2] for order in program.commands.given] == ["anna[31m (api token)", "api token", f"bert (control socket, {user})"]


def test_only_root_and_our_own_user_are_trusted():
    assert Caller("control", 0).trusted
    assert Caller("control", os.geteuid()).trusted
    assert not Caller("control", 65534).trusted
    assert not Caller("tcp").trusted


AS_NOBODY = """
import socket, sys
sock = socket.socket(socket.AF_UNIX); sock.settimeout(60)
try:
    sock.connect(sys.argv[1])
except PermissionError:
    print("no permission"); sys.exit()
sock.sendall(b"POST /api/v1/targets/home/sync HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
print(sock.makefile("rb").readline().decode().strip())
"""


def test_another_user_cannot_connect_and_if_he_could_he_needs_the_token(program, tmp_path, token_file):
    require(os.geteuid() == 0 and shutil.which("setpriv") is not None, "root and setpriv")
    script = tmp_path / "nobody.py"
    script.write_text(AS_NOBODY)
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == 0 and str(directory).startswith("/tmp/"):
            directory.chmod(0o755)

    def as_nobody(served):
        argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", os.path.realpath(sys.executable), "-I"]
        done = subprocess.run([*argv, str(script), str(served.control_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with serving(program, tmp_path, api_token_file=token_file) as served:
        assert as_nobody(served) == "no permission"
        served.control_path.chmod(0o666)
        assert as_nobody(served) == "HTTP/1.1 401 Unauthorized"
    assert program.commands.given == []
