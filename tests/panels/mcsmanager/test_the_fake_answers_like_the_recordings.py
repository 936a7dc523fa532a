"""Every family of answers the fake claims, against what the real releases answered: same status, same content type, same shape of keys."""

import http.client
import json
import threading
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.support.mcsmanager import DAEMON, Stage, uuid_of
from watchdog.panels.mcsmanager.fake.instances import LABEL
from watchdog.panels.mcsmanager.fake.panel import KEY, USER

RECORDINGS = Path(__file__).parents[2] / "recordings" / "mcsmanager"


def stopped(stage):
    """Nothing runs."""


def running(stage):
    stage.start_all()


def ghost(stage):
    """State C: dockerd crashed under a running instance and is back."""
    stage.start_all()
    stage.world.crash()
    stage.daemon.lose_streams()
    stage.world.weather = "up"


def orphan(stage):
    """State D: the daemon came back while Docker was away."""
    stage.start_all()
    stage.daemon.end()
    stage.world.weather = "down"
    stage.daemon.boot()
    stage.world.weather = "up"


def paused(stage):
    stage.start_all()
    stage.world.turn(stage.instance().container, "paused")


def silent(stage):
    stage.world.weather = "silent"


def starting(stage):
    """State A: Docker is silent and a start hangs in it."""
    stage.world.weather = "silent"
    threading.Thread(target=request, args=(stage, "GET", "/api/protected_instance/open", ids()), daemon=True).start()
    wait(lambda: stage.instance().status == 2)


def nosocket(stage):
    stage.world.weather = "down"


def offline(stage):
    running(stage)
    stage.daemon.end(crash=True)


def logged(stage):
    request(stage, "GET", "/api/protected_instance/open", ids())


def foreigners(stage):
    running(stage)
    stage.world.put("foreign-one", labels={"com.example.role": "foreign"})


def ids():
    return {"daemonId": DAEMON, "uuid": uuid_of(1)}


def wait(done, seconds=60.0):
    for _ in range(int(seconds / 0.01)):
        if done():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come")


def request(stage, method, path, query, key=KEY, body=None):
    connection = http.client.HTTPConnection(urlsplit(stage.panel.url).netloc, timeout=60)
    headers = {"x-request-api-key": key} if key else {}
    if not stage.panel.release.header_suffices:
        query = {**query, "apikey": key}  # the recordings of old releases were made with it
    connection.request(method, f"{path}?{urlencode(query)}", json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, answer.headers["content-type"].split(";")[0], content


HEAD = {
    "head-daemon-offline-detail": offline, "head-daemon-offline-list": offline, "head-daemon-offline-open": offline,
    "head-daemon-offline-overview": offline, "head-daemon-offline-services-list": offline, "head-detail-docker-paused": paused,
    "head-detail-running": running, "head-detail-stopped": stopped, "head-ghost-running-command": ghost, "head-ghost-running-detail": ghost,
    "head-ghost-running-kill": ghost, "head-ghost-running-open": ghost, "head-ghost-running-restart": ghost,
    "head-ghost-running-stop": ghost,
    "head-dk2-crash-ghost-detail": ghost, "head-dk2-crash-ghost-open": ghost, "head-hang-boot-detail": silent,
    "head-hang-detail-starting": starting,
    "head-hang-env-image": silent, "head-hang-kill": starting, "head-hang-open": silent, "head-hang-open-again": starting,
    "head-hang-overview": silent, "head-hang-restart": starting, "head-hang-stop": starting, "head-env-containers": running,
    "head-env-containers-mixed": foreigners, "head-env-containers-daemon-down": offline, "head-env-containers-err-userkey": running,
    "head-env-containers-noparam": running, "head-env-containers-unknown-daemon": running, "head-env-images": running,
    "head-err-400-validator": running, "head-err-open-already-running": running, "head-err-unknown-daemon": running,
    "head-err-unknown-instance": running, "head-kill-ok": running, "head-link-remote-service-down": offline,
    "head-link-remote-service-noparam": running, "head-link-remote-service-online": running, "head-link-remote-service-unknown": running,
    "head-link-remote-service-err-userkey": running, "head-list-running": running, "head-list-stopped": stopped, "head-open-ok": stopped,
    "head-operation-logs-limit2": logged, "head-operation-logs-err-limit0": stopped, "head-operation-logs-err-limit201": stopped,
    "head-operation-logs-err-limit-nan": stopped, "head-operation-logs-err-nokey": stopped, "head-operation-logs-err-userkey": stopped,
    "head-orphan-detail": orphan, "head-orphan-kill": orphan, "head-orphan-open-409": orphan, "head-orphan-stop": orphan,
    "head-overview": running, "head-seed-nosocket-detail": nosocket, "head-seed-nosocket-env-containers": nosocket,
    "head-seed-nosocket-env-image": nosocket, "head-seed-nosocket-kill": nosocket, "head-seed-nosocket-open": nosocket,
    "head-seed-nosocket-overview": nosocket, "head-seed-nosocket-restart": nosocket, "head-seed-nosocket-stop": nosocket,
    "head-stop-ok": running, "head-stop-while-paused": paused, "head-update-ok": stopped, "remote_services_list": running,
}  # fmt: skip
OLD = {
    "detail-running": running, "ghost-detail": ghost, "ghost-kill": ghost, "ghost-open": ghost, "ghost-restart": ghost, "ghost-stop": ghost,
    "hang-detail": starting, "hang-kill": starting, "hang-list": starting, "hang-open": starting, "hang-restart": starting,
    "hang-stop": starting,
    "nosocket-detail": nosocket, "nosocket-kill": nosocket, "nosocket-stop": nosocket, "nosocket-then-open": stopped, "open-ok": stopped,
    "overview": running, "services-list": running,
}  # fmt: skip
CASES = [
    *(("10.18.2", name, state) for name, state in HEAD.items()),
    *((version, f"v{version}-{name}", state) for version in ("10.4.0", "10.6.1") for name, state in OLD.items()),
]
FREE = (".info.", ".config_before", ".config_after", ".operator_source", ".Labels.", ".Networks.")
"""Below these the keys depend on the moment (statistics) or on the object (labels)."""


def shape(value, path=""):
    """Return all key paths of a value; a list is as wide as all its elements together."""
    if isinstance(value, dict):
        below = set().union(*(shape(item, f"{path}.{key}") for key, item in value.items())) if value else set()
        return {f"{path}.{key}" for key in value} | below
    if isinstance(value, list):
        return set().union(*(shape(item, f"{path}[]") for item in value)) if value else set()
    return set()


@pytest.mark.parametrize(("version", "name", "state"), CASES, ids=[case[1] for case in CASES])
def test_same_status_content_type_and_keys(version, name, state, tmp_path):
    recording = json.loads((RECORDINGS / f"{name}.json").read_text())
    with Stage(tmp_path, version) as stage:
        stage.panel.keys["user-key"] = USER
        state(stage)
        asked = recording["request"]
        query = dict(parse_qsl(asked["query"], keep_blank_values=True))
        known = {"daemonId": DAEMON, "uuid": DAEMON if "link_remote" in asked["path"] else uuid_of(1)}
        given = {key: known[key] if key in known and len(value) == 32 and value != "f" * 32 else value for key, value in query.items()}
        key = None if name.endswith("nokey") else "user-key" if name.endswith("userkey") else KEY
        status, content_type, body = request(stage, asked["method"], asked["path"], given, key, asked["body"])
    assert status == recording["http_status"], body
    assert content_type == recording["content_type"].split(";")[0]
    assert body["status"] == status
    wanted, found = (
        {each for each in shape(side["data"]) if not any(free in f"{each}." for free in FREE)} for side in (recording["body"], body)
    )
    if "operation-logs-limit2" in name:
        wanted = {each for each in wanted if "config" not in each}
    assert type(body["data"]) is type(recording["body"]["data"])
    assert found == wanted


def test_the_copy_of_recordings_holds_what_is_needed_and_nothing_else():
    needed = {f"{name}.json" for _, name, _ in CASES} | EXTRA
    assert {path.name for path in RECORDINGS.iterdir()} == needed


EXTRA = {"head-race-second-open.json", "head-race-outputlog.json", "head-docker-inspect-running.json", "head-detail-after-takeover.json",
         "head-env-containers-mixed-paused.json"}  # fmt: skip


def test_a_failed_start_leaves_a_kill_behind(tmp_path):
    """head-race-second-open.json: answered 200 and Running, killed at the first start + 6 s; the fake does the same."""
    with Stage(tmp_path, speed=10.0) as stage:
        stage.world.weather = "down"
        assert request(stage, "GET", "/api/protected_instance/open", ids())[0] == 500
        stage.world.weather = "up"
        assert request(stage, "GET", "/api/protected_instance/open", ids())[0] == 200
        assert stage.instance().status == 3
        wait(lambda: stage.instance().status == 0)
        assert stage.world.list() == ()


@pytest.mark.parametrize(("version", "ghosts", "left"), [
    ("10.6.1", 0, 0), ("10.6.1", 1, 2), ("10.4.0", 0, 0), ("10.4.0", 1, 2), ("10.18.2", 1, 2),
])  # fmt: skip
def test_an_exit_of_an_old_daemon_kills_all_unless_a_ghost_is_among_them(version, ghosts, left, tmp_path):
    """docs/panels/mcsmanager.md: the 404 of the ghost's kill ended the real process before the others were through."""
    with Stage(tmp_path, version, count=3) as stage:
        stage.start_all()
        if ghosts:
            stage.instance(1).stream = False
        gone = stage.instance(1).container
        stage.world.kill(gone)
        if not ghosts:
            wait(lambda: stage.instance(1).status == 0)
        stage.daemon.end()
        assert len(stage.world.list()) == left


def test_takeover_attaches_and_unpauses(tmp_path):
    """head-detail-after-takeover.json: Running, started 1."""
    with Stage(tmp_path) as stage:
        paused(stage)
        stage.daemon.restart()
        wait(lambda: stage.instance().status == 3)
        assert stage.instance().started == 1
        assert stage.world.list()[0].state == "running"


def test_the_label_of_the_fake_is_the_label_of_the_recording():
    labels = json.loads((RECORDINGS / "head-docker-inspect-running.json").read_text())[0]["Config"]["Labels"]
    assert LABEL in labels
