"""The fake Wings against what the real 1.11.11 answered, logged, wrote into its configuration, and did with each answer to a callback."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.pterodactyl_stage import Stage
from watchdog.panels.pterodactyl.fake import tokens
from watchdog.runtime import yaml

RECORDINGS = Path(__file__).parents[2] / "recordings/pterodactyl"
FIRST = "11111111-1111-4111-8111-111111111111"
NAMES = sorted(path.stem for path in RECORDINGS.glob("wings-*.json") if path.stem != "wings-callbacks")
DRAWN = ("request_id", "environment", "uptime", "memory_bytes", "cpu_absolute", "disk_bytes", "memory_limit_bytes")
OF_A_MACHINE = ("wings-system", "wings-system-v2")


def recorded(name: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return said


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a node with three servers, called as in the recordings."""
    built = Stage(tmp_path_factory.mktemp("wings"), servers=3)
    for server, uuid, name in zip(
        built.servers, (FIRST, FIRST.replace("1", "2"), FIRST.replace("1", "3")), ("s0", "s1", "s2"), strict=True
    ):
        server.uuid, server.name = uuid, name
    with built:
        built.wings.manual = True
        yield built


def ask(stage: Stage, recording: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    request = recording["request"]
    headers = dict(request["headers"])
    if "Authorization" in headers:
        text = headers["Authorization"].replace("<token id>", stage.node.token_id).replace("<token>", stage.wings.token)
        headers["Authorization"] = text
    body = request["body"] if request["body"] is None or isinstance(request["body"], str) else json.dumps(request["body"])
    connection = HTTPConnection("127.0.0.1", stage.node.port, timeout=60)
    with closing(connection):
        connection.request(request["method"], request["path"], body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()


def prepare(stage: Stage, name: str) -> None:
    wings, first = stage.wings, stage.wings.servers[FIRST]
    wings.containers.away = name.endswith("docker-down")  # type: ignore[attr-defined]
    first.suspended = name.endswith("suspended")
    first.state = (
        "running" if name.startswith(("wings-servers", "wings-server-")) and not name.endswith(("suspended", "down")) else "offline"
    )
    if name == "wings-backup-delete":
        wings.path_of(FIRST, "20202020-0000-4000-8000-000000000001").write_bytes(b"x")


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_the_recorded_one(stage: Stage, name: str) -> None:
    recording = recorded(name)
    prepare(stage, name)
    status, headers, raw = ask(stage, recording)
    stage.wings.join()
    assert status == recording["http_status"]
    assert headers.get("content-type", "") == recording["content_type"]
    assert {"x-request-id", "access-control-allow-origin"} <= set(headers)
    assert headers.get("www-authenticate") == recording["headers"].get("www-authenticate")
    body = json.loads(raw) if raw and "json" in headers["content-type"] else raw.decode() or None
    if isinstance(body, str) and body.startswith("{"):
        body, recording["body"] = json.loads(body), json.loads(recording["body"])
    assert shape(body) == shape(recording["body"]), "the same fields of the same kinds"
    if name not in OF_A_MACHINE:
        assert known(body) == known(recording["body"])


def shape(value: Any) -> Any:
    """Return the fields of an answer and the kinds of their values; lists by their first entry."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if name not in {"environment", "mappings"}}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def known(value: Any) -> Any:
    """Return of an answer what is not of this machine or moment: errors whole, of a server its state."""
    if isinstance(value, list):
        return known(value[0]) if value else value
    if isinstance(value, dict) and "utilization" in value:
        return {name: value[name] for name in ("state", "is_suspended")} | {"uuid": value["configuration"]["uuid"]}
    return {name: each for name, each in value.items() if name not in DRAWN} if isinstance(value, dict) else value


# --- what it does with each answer to its callback


@contextmanager
def weather(stage: Stage, answer: str, uuid: str) -> Iterator[None]:
    switches = stage.world.switches
    path = f"/api/remote/backups/{uuid}"
    match answer.partition(" ")[0]:
        case "302":
            switches.redirect, switches.redirect_to = 302, "/auth/login"
        case "301" | "307":
            switches.redirect = int(answer[:3])
        case "400":
            stage.report(uuid, successful=True, checksum="a", checksum_type="sha1", size=1)
        case "404":
            stage.world.rows.backups[uuid].deleted = True
        case "500":
            switches.database_down = True
        case "503":
            switches.maintenance = True
        case "connection":
            switches.lose_completions = 1
        case "no":
            switches.slow_seconds, stage.wings.caller.request_seconds = 60.0, 0.5
        case status:
            switches.proxy[path] = int(status)
    yield
    switches.__init__()  # type: ignore[misc]


@pytest.mark.parametrize("case", recorded("wings-callbacks")["answers"], ids=lambda case: case["answer"].replace(" ", "-"))
def test_an_answer_to_a_callback_has_the_recorded_end(tmp_path: Path, case: dict[str, Any]) -> None:
    with Stage(tmp_path) as stage:
        row, job = stage.begin()
        job.advance("checksum")
        with weather(stage, case["answer"], row.uuid):
            stage.panel.seen.clear()
            began = stage.clock.now().wall
            job.advance()
            passed = stage.clock.now().wall - began
        sent = [each.method for each in stage.panel.seen if each.path == f"/api/remote/backups/{row.uuid}"]
        assert sent == case["methods"]
        assert stage.path(row.uuid).exists() is (case["archive"] == "stays")
        assert f"] {case['log']} " in stage.log()
        assert passed <= 30.0 and passed == pytest.approx(case["tries_after_s"][-1], abs=9.0), "the real one adds chance to its waits"


# --- its log and its configuration


def sayings(log: str) -> dict[str, set[tuple[str, ...]]]:
    """Return each message of a log about backups with the fields it came with; asserts that every line looks like one."""
    found: dict[str, set[tuple[str, ...]]] = {}
    line = re.compile(r"( INFO| WARN|ERROR|FATAL): \[([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3})\] (.{25,}?)((?: [a-z_]+=.*)?)$")
    for text in log.splitlines():
        if re.match(r"( ?[A-Z]{4,5}): ", text):
            parts = line.match(text)
            assert parts is not None, text
            message, fields = (
                parts[3].strip(),
                re.findall(r" ([a-z_]+)=", re.sub(r"error=.*?(?= (?:server|request_id|server_id)=|$)", "error=e", parts[4])),
            )
            found.setdefault(message, set()).add(tuple(fields))
    return found


def test_its_log_says_what_the_real_one_said_in_the_same_form(tmp_path: Path) -> None:
    real = sayings((RECORDINGS / "wings-log.txt").read_text(encoding="utf-8"))
    with Stage(tmp_path) as stage:
        for switch, value in (("release", None), ("database_down", True), ("unreachable", True)):
            row, job = stage.begin()
            if value is not None:
                setattr(stage.world.switches, switch, value)
            job.advance()
            stage.world.switches.__init__()  # type: ignore[misc]
            assert row
        stage.wings.switches.fail_after_files = 1
        stage.begin()[1].advance()
        said = sayings(stage.log())
        log = stage.log()
    about_backups = {message: fields for message, fields in said.items() if "backup" in message}
    assert len(about_backups) >= 6
    for message, fields in about_backups.items():
        assert message in real and fields <= real[message], (message, fields, real.get(message))
    missing = {message for message in said if message not in real}
    assert not missing, "a line that the real one never wrote"
    trace = "\n\nStacktrace:\nError response from Panel: QueryException: "
    assert trace in log and trace.replace("QueryException: ", "") in (RECORDINGS / "wings-log.txt").read_text(encoding="utf-8")


def test_its_configuration_has_the_keys_of_the_real_one(tmp_path: Path) -> None:
    real = yaml.parse((RECORDINGS / "wings-config.yml").read_text(encoding="utf-8"), "real").value
    with Stage(tmp_path) as stage:
        said = yaml.parse(stage.wings.config.read_text(encoding="utf-8"), "fake").value
        assert stage.wings.config.stat().st_mode & 0o777 == 0o600
        assert (said["uuid"], said["token"], said["remote"]) == (stage.node.uuid, stage.node.token, stage.panel.url)
    assert keys(said) <= keys(real) | {("docker", "network", "name")}


def keys(value: Any, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(value, dict):
        return {at}
    return set().union(*(keys(each, (*at, name)) for name, each in value.items()), {at})


# --- the table of power, contract section 6.2


def ghost(stage: Stage, stop: str, container: str) -> None:
    """Let Wings believe that a server runs whose container is missing or has ended, and which it is not attached to."""
    server = stage.wings.servers[stage.server.uuid]
    server.power("start")
    server.lose_stream()
    server.stop_type = stage.server.stop_type = stop
    if container == "missing":
        stage.wings.containers.remove(stage.server.uuid)  # type: ignore[attr-defined]
    else:
        stage.wings.containers.die(stage.server.uuid)  # type: ignore[attr-defined]
    stage.pass_time(5)
    assert server.state == "running"


def unseen(stage: Stage, stop: str, container: str) -> None:
    """Let a container run, be missing or have ended of which Wings believes that it is offline."""
    server = stage.wings.servers[stage.server.uuid]
    server.stop_type = stage.server.stop_type = stop
    if container != "missing":
        stage.wings.containers.create(stage.server.uuid, {})
    if container == "running":
        stage.wings.containers.start(stage.server.uuid)
    stage.pass_time(5)
    assert server.state == "offline"


GHOST, UNSEEN = ghost, unseen
TABLE = [
    # believed, container, stop type, action, state after, container after
    (GHOST, "missing", "command", "start", "running", "missing"),
    (GHOST, "missing", "command", "stop", "offline", "missing"),
    (GHOST, "missing", "stop", "stop", "offline", "missing"),
    (GHOST, "missing", "signal", "stop", "running", "missing"),
    (GHOST, "missing", "command", "restart", "running", "running"),
    (GHOST, "missing", "signal", "restart", "running", "running"),
    (GHOST, "missing", "command", "kill", "running", "missing"),
    (GHOST, "exited", "command", "start", "running", "exited"),
    (GHOST, "exited", "signal", "stop", "offline", "exited"),
    (GHOST, "exited", "command", "stop", "stopping", "exited"),
    (GHOST, "exited", "stop", "stop", "stopping", "exited"),
    (GHOST, "exited", "command", "restart", "running", "running"),
    (GHOST, "exited", "command", "kill", "offline", "exited"),
    (UNSEEN, "running", "command", "start", "running", "running"),
    (UNSEEN, "running", "command", "stop", "offline", "exited"),
    (UNSEEN, "running", "command", "restart", "running", "running"),
    (UNSEEN, "running", "command", "kill", "offline", "exited"),
    (UNSEEN, "missing", "command", "start", "running", "running"),
    (UNSEEN, "missing", "command", "stop", "offline", "missing"),
    (UNSEEN, "exited", "command", "restart", "running", "running"),
    (UNSEEN, "exited", "command", "kill", "offline", "exited"),
]


@pytest.mark.parametrize("action", ["start", "stop", "restart", "kill"])
def test_a_power_action_does_what_the_table_says(tmp_path: Path, action: str) -> None:
    for number, (arrange, container, stop, asked, state, after) in enumerate(row for row in TABLE if row[3] == action):
        with Stage(tmp_path / str(number)) as stage:
            arrange(stage, stop, container)
            status, _ = stage.send("POST", f"/api/client/servers/{stage.server.uuid}/power", {"signal": asked})
            stage.wings.join()
            assert status == 204
            found = stage.wings.servers[stage.server.uuid].state, stage.wings.containers.state(stage.server.uuid)
            assert found == (state, after), (arrange.__name__, container, stop, asked)
            if found == ("stopping", "exited"):
                stage.wings.servers[stage.server.uuid].power("kill")
                assert stage.wings.servers[stage.server.uuid].state == "offline", "a kill heals it then"


def test_a_dead_console_stream_lets_stop_and_restart_fail(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        server = stage.wings.servers[stage.server.uuid]
        server.power("start")
        server.lose_stream(held=True)
        stage.wings.containers.remove(stage.server.uuid)  # type: ignore[attr-defined]
        for action in ("stop", "restart"):
            server.power(action)
            assert server.state != "offline" and stage.wings.containers.state(stage.server.uuid) == "missing"


def test_a_crash_is_mended_once_a_minute(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        server = stage.wings.servers[stage.server.uuid]
        server.power("start")
        for passed, state in ((10, "running"), (10, "offline")):
            stage.wings.containers.die(stage.server.uuid)  # type: ignore[attr-defined]
            stage.pass_time(passed)
            assert server.state == state
        assert "occurred too soon after the last" in stage.log()


def test_a_suspended_server_is_stopped_by_a_sync(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        server = stage.wings.servers[stage.server.uuid]
        server.power("start")
        stage.server.status = "suspended"
        assert server.state == "running" and not server.suspended
        assert stage.send("POST", f"/api/servers/{stage.server.uuid}/sync", url=stage.wings.url, key=stage.wings.token)[0] == 204
        assert (server.state, server.suspended) == ("offline", True)
        assert (
            stage.send("POST", f"/api/servers/{stage.server.uuid}/power", {"action": "start"}, url=stage.wings.url, key=stage.wings.token)[
                0
            ]
            == 400
        )


# --- the websocket


class Socket:
    """A websocket's client, as little as is needed."""

    def __init__(self, stage: Stage, server: str, origin: str | None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", stage.node.port), timeout=60)
        self._file = self._socket.makefile("rwb")
        lines = [
            f"GET /api/servers/{server}/ws HTTP/1.1",
            "Host: x",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
        ]
        lines += [f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"] + ([f"Origin: {origin}"] if origin else [])
        self._file.write("\r\n".join([*lines, "", ""]).encode())
        self._file.flush()
        self.status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass

    def say(self, **message: object) -> None:
        content, mask = json.dumps(message).encode(), b"abcd"
        head = struct.pack(">BBH", 129, 254, len(content)) + mask
        self._file.write(head + bytes(byte ^ mask[at % 4] for at, byte in enumerate(content)))
        self._file.flush()

    def hear(self) -> dict[str, Any]:
        first, length = self._file.read(2)
        assert first == 129
        if length == 126:
            (length,) = struct.unpack(">H", self._file.read(2))
        content = self._file.read(length)
        assert content.endswith(b"\n")
        said: dict[str, Any] = json.loads(content)
        return said

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def credentials(stage: Stage) -> str:
    status, said = stage.send("GET", f"/api/client/servers/{stage.server.uuid}/websocket")
    assert status == 200
    assert said["data"]["socket"] == f"ws://127.0.0.1:{stage.node.port}/api/servers/{stage.server.uuid}/ws"
    return str(said["data"]["token"])


def test_the_websocket_lets_the_panels_token_in(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage, closing(Socket(stage, stage.server.uuid, stage.panel.url)) as talk:
        assert talk.status == 101
        talk.say(event="send stats")
        assert talk.hear() == {"event": "jwt error", "args": ["jwt: no jwt present"]}
        talk.say(event="auth", args=[credentials(stage)])
        assert [talk.hear(), talk.hear()] == [{"event": "auth success"}, {"event": "status", "args": ["offline"]}]


@pytest.mark.parametrize(("origin", "server", "status"), [("http://else.where", "", 403), (None, "", 403), ("right", "unknown", 404)])
def test_a_handshake_is_refused_as_the_real_one_refuses_it(tmp_path: Path, origin: str | None, server: str, status: int) -> None:
    with (
        Stage(tmp_path) as stage,
        closing(Socket(stage, server or stage.server.uuid, stage.panel.url if origin == "right" else origin)) as talk,
    ):
        assert talk.status == status


Spoil = Callable[[Stage, dict[str, Any]], dict[str, Any]]


def rotate_token(stage: Stage, claims: dict[str, Any]) -> dict[str, Any]:
    stage.wings._token = "rotated"
    return claims


@pytest.mark.parametrize(
    ("spoil", "event", "text"),
    [
        (lambda stage, claims: claims | {"exp": stage.clock.now().wall - 1}, "jwt error", "jwt: exp claim is invalid"),
        (lambda stage, claims: claims | {"iat": stage.wings.began - 5}, "jwt error", "jwt: created too far in past (denylist)"),
        (lambda _, claims: claims | {"permissions": ["control.start"]}, "jwt error", "jwt: missing connect permission"),
        (lambda _, claims: claims | {"server_uuid": "another"}, "auth success", "jwt: server uuid mismatch"),
        (rotate_token, "daemon error", "an unexpected error was encountered"),
    ],
    ids=["expired", "denied", "no-permission", "another-server", "wrong-key"],
)  # fmt: skip
def test_a_token_is_refused_as_the_real_one_refuses_it(tmp_path: Path, spoil: Spoil, event: str, text: str) -> None:
    with Stage(tmp_path) as stage, closing(Socket(stage, stage.server.uuid, stage.panel.url)) as talk:
        claims = tokens.read(credentials(stage), stage.node.token)
        assert claims is not None
        talk.say(event="auth", args=[tokens.signed(spoil(stage, claims), stage.node.token)])
        heard = talk.hear()
        assert heard["event"] == event
        if event == "auth success":
            heard = talk.hear()
            assert heard["event"] == "jwt error"
        assert text in heard["args"][0]


def test_a_download_goes_through_once(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        uuid = stage.create()
        stage.wings.join()
        status, said = stage.send("GET", f"/api/client/servers/{stage.server.uuid}/backups/{uuid}/download")
        assert status == 200
        url = said["attributes"]["url"]
        path = "/" + url.split("/", 3)[3]
        for expected in (200, 404):
            connection = HTTPConnection("127.0.0.1", stage.node.port, timeout=60)
            with closing(connection):
                connection.request("GET", path)
                answer = connection.getresponse()
                content = answer.read()
            assert answer.status == expected
            assert (content == stage.path(uuid).read_bytes()) is (expected == 200)


def test_a_rotated_log_stays_silent_until_wings_is_started_anew(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        moved = stage.wings.journal.rotate()
        stage.begin()[1].advance()
        assert (moved.name, stage.log()) == ("wings.log-20270115", "")
        stage.wings.restart()
        assert "writing log files to disk" in stage.log()
        stage.clock.advance(86_400)
        other = stage.wings.journal.rotate("moved")
        stage.begin()[1].advance()
        assert "created backup successfully" in other.read_text(encoding="utf-8") and not stage.wings.log_file.exists()
        assert moved.with_name(moved.name + ".gz").exists()
