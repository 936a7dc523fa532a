"""The wire in every weather: servers and nodes that fail alone, the callback path, keys and tokens, and what is never sent."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_server import answer, raw_server, say
from tests.support.pterodactyl_wire import WireStage, recorded
from tests.support.websocket_server import conversation, frame, heard
from watchdog.errors import BadSettings, Blind, Forbidden, NotFound, Refused, ServerFault, Temporary, WatchdogError
from watchdog.panels.pterodactyl import console
from watchdog.panels.pterodactyl.credentials import LocalConfiguration, Token, parsed
from watchdog.panels.pterodactyl.fake import ADMIN_KEY, APPLICATION_KEY, OWNER_KEY, FakeWings
from watchdog.panels.pterodactyl.panel_api import OfOneServer, of_server
from watchdog.panels.pterodactyl.remote_api import verdict
from watchdog.runtime.answers import Answer
from watchdog.runtime.redaction import redact

SUCCESS = {"successful": True, "checksum": "a" * 40, "checksum_type": "sha1", "size": 5, "parts": None}


# -- servers that fail alone


@pytest.mark.parametrize(
    "state", [{"status": status} for status in ("suspended", "installing", "install_failed", "restoring_backup")] + [{"transferring": True}]
)
def test_a_409_makes_one_server_unknown_and_keeps_what_was_read(tmp_path: Path, state: dict[str, Any]) -> None:
    with WireStage(tmp_path) as stage:
        one, other = stage.world.add_server("one"), stage.world.add_server("other", **state)
        backup, client = stage.world.add_backup(one), stage.client()
        view = client.view()
        assert view.server(other.uuid).backups is None
        assert view.server(other.uuid).blind == "409 ServerStateConflictException"
        assert not view.complete
        assert view.records_since is None
        for name, value in state.items():
            setattr(one, name, value)
            setattr(other, name, type(value)())
        stage.clock.advance(15)
        read = view.server(one.uuid).backups_at
        view = client.view()
        assert view.complete
        assert view.server(other.uuid).backups == ()
        assert view.server(other.uuid).blind == ""
        assert [each.uuid for each in view.server(one.uuid).backups] == [backup.uuid]
        assert (view.server(one.uuid).backups_at, view.server(one.uuid).blind) == (read, "409 ServerStateConflictException")
        with pytest.raises(Blind, match="409"):
            client.record(one.uuid, backup.uuid)
        assert client.server(one.uuid).backups is None


def test_pelican_lets_an_administrator_look_into_a_suspended_server(tmp_path: Path) -> None:
    with WireStage(tmp_path, "pelican") as stage:
        backup = stage.world.add_backup(stage.world.add_server("one", status="suspended"))
        view = stage.client(flavour="pelican").view()
        assert view.complete
        assert view.backup(backup.uuid) is not None


@pytest.mark.parametrize("status", [500, 502, 404])
def test_one_server_that_fails_stands_alone(tmp_path: Path, status: int) -> None:
    with WireStage(tmp_path) as stage:
        servers = [stage.world.add_server(f"server {number}") for number in range(20)]
        stage.world.switches.proxy = {f"/api/client/servers/{servers[3].uuid}/backups": status}
        client = stage.client()
        view = client.view()
        assert [server.name for server in view.servers if server.backups is None] == ["server 3"]
        assert view.server(servers[3].uuid).blind
        stage.world.switches.proxy = {}
        stage.clock.advance(600)
        assert client.view().complete


def test_one_server_that_hangs_costs_the_others_no_turn(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        servers = [stage.world.add_server(f"server {number}") for number in range(20)]
        never = threading.Event()
        stage.world.switches.hold = {f"/api/client/servers/{servers[0].uuid}/backups": never}
        client = stage.client(timeout="4s", watch={"schedules": False})
        try:
            views = [client.view()]
            for _ in range(3):
                stage.clock.advance(15)
                views.append(client.view())
        finally:
            never.set()
        assert all(server.backups is not None for server in views[0].servers if server.uuid != servers[0].uuid)
        assert views[-1].server(servers[0].uuid).blind == "DeadlinePassed"
        assert stage.count()["backups deadline"] <= 2  # asked less and less often


def test_the_panels_own_failure_is_raised_and_never_half_a_view(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        client, switches = stage.client(), stage.world.switches
        for name, value, error in (
            ("maintenance", True, ServerFault), ("database_down", True, ServerFault), ("unreachable", True, Temporary),
            ("proxy", {"/api": 403}, Forbidden), ("two_factor", True, Refused), ("redirect", 301, Refused),
        ):  # fmt: skip
            before = getattr(switches, name)
            setattr(switches, name, value)
            stage.clock.advance(120)
            with pytest.raises(error):
                client.view()
            setattr(switches, name, before)
        stage.clock.advance(120)
        assert client.view().complete


@pytest.mark.parametrize("key", [OWNER_KEY, APPLICATION_KEY, "ptlc_wrong"])
def test_a_key_that_is_no_administrators_is_forbidden(tmp_path: Path, key: str) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        stage.token.write_text(key)
        with pytest.raises(Forbidden):
            stage.client().view()


# -- single questions


def test_a_record_is_read_anew_and_its_disk_is_told_by_its_address(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        here, away = stage.world.add_backup(server), stage.world.add_backup(server, disk="s3")
        client = stage.client()
        assert client.record(server.uuid, here.uuid).state == "pending"
        assert client.disk(server.uuid, here.uuid) == client.disk(server.uuid, here.uuid) == "wings"
        assert (
            len(stage.panel.sent(f"/api/client/servers/{server.uuid}/backups/{here.uuid}/download")) == 1
        )  # each leaves a line of activity
        assert client.disk(server.uuid, away.uuid) == "s3"
        stage.world.switches.s3_configured = True
        assert stage.client().disk(server.uuid, away.uuid) == "s3"
        assert stage.client(disk="wings").disk(server.uuid, away.uuid) == "wings"
        here.deleted = True
        with pytest.raises(NotFound):
            client.record(server.uuid, here.uuid)


def test_an_address_on_a_strange_node_is_no_proof_of_a_disk(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        backup, client = stage.world.add_backup(server), stage.client()
        client.view()
        stage.node.fqdn = "another.example.test"
        assert client.disk(server.uuid, backup.uuid) == "unknown"


def test_a_lock_is_turned_on_once_and_never_off(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        backup = stage.world.add_backup(server, successful=True, completed_at=stage.world.now(), checksum="sha1:" + "a" * 40)
        client = stage.client()
        for _ in range(2):
            assert client.lock(server.uuid, backup.uuid, 30).locked
            assert backup.locked
        assert len(stage.panel.sent(f"/api/client/servers/{server.uuid}/backups/{backup.uuid}/lock", "POST")) == 1


def test_power_signals_and_who_sent_the_newest(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock):
            client = stage.client()
            assert client.newest_power(server.uuid) is None
            stage.clock.advance(10)
            client.power(server.uuid, "start", 30)
            stage.clock.advance(10)
            client.power(server.uuid, "stop", 30)
            newest = client.newest_power(server.uuid)
            assert (newest.signal, newest.at) == ("stop", stage.world.now())
            with pytest.raises(Refused):
                client.power(server.uuid, "explode", 30)


# -- nodes


def test_what_wings_says_comes_with_the_view(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock) as wings:
            client = stage.client(node={"config": wings.config})
            view = client.view()
            assert view.local.uuid == stage.node.uuid
            assert (view.local.wings.version, view.local.wings.docker, view.local.wings.error) == ("1.11.11", True, "")
            assert view.wings_of(view.server(server.uuid)).state == "offline"
            assert view.local.panel_reaches is True
            assert view.callback.state == "healthy"
            assert [(each.state, each.node) for each in view.websockets] == [("works", stage.node.uuid)]
            assert [(each.uuid, each.stop) for each in view.remote] == [(server.uuid, "command")]
            stage.clock.advance(60)
            view = client.view()
            assert view.server(server.uuid).activity_at is not None  # it is offline: was it a person?
            wings.kill()
            stage.clock.advance(60)
            view = client.view()
            assert (view.local.wings.reachable, view.local.wings.servers, view.local.panel_reaches) == (False, None, False)
            assert view.complete


@pytest.mark.parametrize(
    ("system", "docker", "version"),
    [
        (say(answer(200, json.dumps(recorded("wings-system-v2")["body"]).encode())), True, "1.11.11"),
        (say(answer(500, json.dumps(recorded("wings-system-v2-docker-down")["body"]).encode())), False, ""),
        (say(answer(200, json.dumps(recorded("wings-system")["body"]).encode())), None, "1.11.11"),
    ],
)
def test_wings_whose_docker_is_gone_is_reachable(tmp_path: Path, system: Any, docker: bool | None, version: str) -> None:
    def play(connection: Any, request: bytes) -> None:
        assert b"Authorization: Bearer " in request
        (system if b"/api/system" in request else say(answer(200, json.dumps(recorded("wings-servers")["body"]).encode())))(
            connection, request
        )

    with WireStage(tmp_path) as stage, raw_server(play) as wings:
        stage.node.port = wings.port
        stage.write_config()
        local = stage.client().view().local
        assert (local.wings.docker, local.wings.version, local.wings.reachable) == (docker, version, True)
        assert local.wings.servers


def test_a_token_of_another_node_is_read_only_if_the_operator_allows_it(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        other = stage.world.add_node("node-b")
        server = stage.world.add_server("there", other)
        with FakeWings(tmp_path / "wings", stage.panel, other, stage.clock) as wings:
            view = stage.client().view()
            assert view.node(other.uuid).wings.reachable is True
            assert view.node(other.uuid).wings.servers is None
            assert stage.asked(f"/api/application/nodes/{other.id}/configuration") == 0
            client = stage.client(node_tokens=True)
            assert [each.uuid for each in client.view().node(other.uuid).wings.servers] == [server.uuid]
            client.wings_power(server.uuid, "start", 30)
            client.wings_sync(server.uuid, 30)
            stage.clock.advance(60)
            client.view()
            assert stage.asked(f"/api/application/nodes/{other.id}/configuration") == 1
            wings.kill()
            other.token = "n" * 64  # the panel's was reset, and Wings has got it
            wings.boot()
            for _ in range(3):
                stage.clock.advance(61)
                view = client.view()
            assert view.node(other.uuid).wings.servers is not None


def test_a_wrong_token_in_wings_configuration_is_named_on_both_paths(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage, FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock):
        stage.write_config(token="x" * 64)
        view = stage.client().view()
        assert view.callback.state == "token_drift"
        assert "refuses the token" in view.local.wings.error
        assert view.local.wings.reachable is True
        assert view.remote is None
        assert view.remote_error


def test_without_a_configuration_nothing_is_local_and_the_rest_is_read(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        stage.config.unlink()
        view = stage.client().view()
        assert view.local is None
        assert view.complete
        assert view.callback.state == "unknown"
        assert "cannot be read" in view.callback.message
        assert stage.client(node=None).view().callback.state == "not_asked"
        with pytest.raises(Blind):
            stage.client(node=None).complete("b", SUCCESS, 30)


# -- the callback path


@pytest.mark.parametrize(
    ("release", "switches", "state"),
    [
        *[(release, {}, "healthy") for release in ("1.11.5", "1.11.7", "1.11.8", "1.11.9", "pelican")],
        ("1.11.6", {}, "broken_by_1_11_6"),
        ("1.11.6", {"debug": True}, "broken_by_1_11_6"),
        ("1.11.6", {"database_down": True}, "database_down"),
        ("1.11.8", {"database_down": True}, "database_down"),
        ("1.11.8", {"maintenance": True}, "maintenance"),
        ("1.11.8", {"redirect": 301}, "wrong_url"),
        ("1.11.8", {"redirect": 302, "redirect_to": "/auth/login"}, "wrong_url"),
        ("1.11.8", {"proxy": {"/api/remote": 502}}, "unreachable"),
        ("1.11.8", {"proxy": {"/api/remote": 403}}, "unknown"),
        ("1.11.8", {"proxy": {"/api/remote": 404}}, "unknown"),
        ("1.11.6", {"proxy": {"/api/remote/servers": 502}}, "unknown"),
        ("1.11.8", {"unreachable": True}, "unreachable"),
    ],
)
def test_the_probe_names_what_is_wrong_with_the_callback_path(tmp_path: Path, release: str, switches: dict[str, Any], state: str) -> None:
    with WireStage(tmp_path, release) as stage:
        for name, value in switches.items():
            setattr(stage.world.switches, name, value)
        server = stage.world.add_server("one")
        backup = stage.world.add_backup(server)
        found = stage.client().probe()
        assert (found.state, found.at) == (state, stage.clock.now().wall), found.message
        assert found.message
        assert (backup.completed_at, backup.upload_id) == (None, None)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("remote-probe-random-1.11.8", "healthy"), ("remote-403-wrong-token-1.11.8", "token_drift"),
        ("remote-403-unknown-id-1.11.8", "token_drift"), ("remote-401-no-token-1.11.8", "token_drift"),
        ("remote-400-two-dots-1.11.8", "token_drift"), ("down-remote", "maintenance"),
        ("remote-probe-completed-1.11.8", "unknown"), ("remote-bad-types-1.11.8", "unknown"),
    ],
)  # fmt: skip
def test_the_recorded_answers_of_the_callback_path_are_told_apart(name: str, state: str) -> None:
    said = recorded(name)
    found = verdict(Answer(said["http_status"], {}, json.dumps(said["body"]).encode(), 0.0, "probe", "panel"))
    assert found[0] == state


def test_the_bug_is_named_within_a_minute_and_so_is_its_end(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        client = stage.client()
        assert client.view().callback.state == "healthy"
        for release, state in (("1.11.6", "broken_by_1_11_6"), ("1.11.8", "healthy")):
            stage.world.upgrade(release)
            for _ in range(4):
                stage.clock.advance(15)
                view = client.view()
            assert view.callback.state == state


def test_a_completion_is_sent_as_wings_would_and_answered_whatever_it_is(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        backup, client = stage.world.add_backup(server), stage.client()
        assert client.complete(backup.uuid, SUCCESS, 30).status == 204
        assert (backup.successful, backup.checksum, backup.bytes) == (True, "sha1:" + "a" * 40, 5)
        assert client.complete(backup.uuid, SUCCESS, 30).status == 400
        assert client.complete("00000000-0000-4000-8000-000000000000", SUCCESS, 30).status == 404
        stage.world.switches.redirect = 302
        assert client.complete(backup.uuid, SUCCESS, 30).status == 302
        sent = stage.panel.sent(f"/api/remote/backups/{backup.uuid}")
        assert {request.method for request in sent} == {"POST"}
        for body in ({**SUCCESS, "parts": []}, {**SUCCESS, "url": "x"}, {"successful": "yes"}, {}):
            with pytest.raises(Refused):
                client.complete(backup.uuid, body, 30)
        assert len(stage.panel.sent(f"/api/remote/backups/{backup.uuid}")) == len(sent)


def test_the_list_of_the_node_is_whole_or_none(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        other = stage.world.add_node("node-b", port=1)
        mine = {stage.world.add_server(f"mine {number}", stop_type="signal").uuid for number in range(120)}
        stage.world.add_server("another's", other)
        view = stage.client().view()
        assert {each.uuid for each in view.remote} == mine
        assert {each.stop for each in view.remote} == {"signal"}
        stage.world.switches.proxy = {"/api/remote": 502}
        view = stage.client().view()
        assert (view.remote, view.callback.state) == (None, "unreachable")
        assert "502" in view.remote_error


def test_one_lost_answer_of_the_callback_path_is_asked_anew_at_the_next_look(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        client = stage.client()
        stage.world.switches.proxy = {"/api/remote": 502}
        view = client.view()
        assert (view.remote, view.callback.state) == (None, "unreachable")
        stage.world.switches.proxy = {}
        stage.clock.advance(15)
        view = client.view()
        assert (view.remote, view.callback.state) == ((), "healthy")
        asked = stage.asked("/api/remote")
        stage.clock.advance(15)
        client.view()
        assert stage.asked("/api/remote") == asked, "what is well is asked once a minute"


# -- the console


def test_a_console_is_tried_anew_when_its_wings_is_back(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock) as wings:
            client = stage.client(node={"config": wings.config})
            assert [each.state for each in client.view().websockets] == ["works"]
            stage.clock.advance(301)
            wings.kill()
            for _ in range(4):
                (found,) = client.view().websockets
                stage.clock.advance(15)
            assert (found.state, stage.clock.now().wall - found.at) == ("unreachable", 45.0), "two tries, and then one in five minutes"
            wings.boot()
            assert [each.state for each in client.view().websockets] == ["works"]


def test_the_way_to_a_console_is_tried_once_in_five_minutes_and_told(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock) as wings:
            client = stage.client(node={"config": wings.config}, watch={"origin": "https://elsewhere.example.test"})
            (found,) = client.view().websockets
            assert (found.state, found.server) == ("origin", server.uuid)
            stage.clock.advance(15)
            (again,) = client.view().websockets
            assert again.at == found.at + 15, "what does not open is tried once more, so that no single try makes a drift"
            stage.clock.advance(60)
            assert client.view().websockets == (again,)
            wings.switches.no_websocket = True
            (found,) = stage.client(node={"config": wings.config}).view().websockets
            assert found.state == "refused"
            wings.kill()
            (found,) = stage.client(node={"config": wings.config}).view().websockets
            assert found.state == "unreachable"
            stage.world.switches.proxy = {f"/api/client/servers/{server.uuid}/websocket": 403}
            (found,) = stage.client(node={"config": wings.config}).view().websockets
            assert found.state == "no_credentials"
            assert stage.client(watch={"websocket": False}).view().websockets == ()


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (['{"event":"auth success"}\n'], "works"),
        (
            ['{"event":"jwt error","args":["jwt: no jwt present"]}', '{"event":"status","args":["running"]}', '{"event":"auth success"}'],
            "works",
        ),
        (['{"event":"jwt error","args":["Error Event [x]: jwt: exp claim is invalid"]}'], "refused"),
        (['{"event":"daemon error","args":["Error Event [x]: an unexpected error was encountered"]}'], "refused"),
        (['{"event":"token expired"}'], "refused"),
        (["no json", "[]", '{"event":7}'], "unreachable"),
    ],
)
def test_what_wings_says_to_the_panels_credentials_is_understood(tmp_path: Path, texts: list[str], state: str) -> None:
    said: list[bytes] = []

    def play(connection: Any) -> None:
        said.append(heard(connection)[1])
        connection.sendall(b"".join(frame(text.encode()) for text in texts))

    with WireStage(tmp_path) as stage, raw_server(conversation(play)) as wings:
        stage.node.port = wings.port
        stage.world.add_server("one")
        (found,) = stage.client(watch={"origin": "https://panel.example.test"}).view().websockets
        assert found.state == state, found.message
        token = json.loads(said[0])["args"][0]
        assert json.loads(said[0])["event"] == "auth"
        assert token not in repr(found)
        assert any(b"Origin: https://panel.example.test\r\n" in request for request in wings.requests)


def test_a_message_of_any_shape_is_heard() -> None:
    for text in ("", "null", "[1]", '"x"', '{"event":null}', '{"event":"auth success","args":null}', '{"event":["x"],"args":{}}'):
        assert console.heard(text) in {None, ""}


# -- keys, tokens, and what never leaves


def test_a_key_that_was_rotated_needs_no_restart(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        client = stage.client()
        stage.token.write_text("ptlc_old")
        with pytest.raises(Forbidden):
            client.view()
        stage.token.write_text(ADMIN_KEY)
        assert client.view().complete


def test_wings_configuration_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        configuration = LocalConfiguration(stage.config)
        first = configuration.node()
        assert configuration.node() is first
        stage.write_config(token="y" * 64, remote="https://panel.example.test/")
        assert configuration.node().token != first.token
        assert configuration.node().remote == "https://panel.example.test"


@pytest.mark.parametrize(
    ("api", "address"),
    [
        (b"", "http://127.0.0.1:8080"),
        (b"api: {host: 192.0.2.7, port: 8081}", "http://192.0.2.7:8081"),
        (b"api: {host: '::1', port: 8081}", "http://[::1]:8081"),
        (b"api: {host: 0.0.0.0, port: 443, ssl: {enabled: true}}", ""),
    ],
)
def test_how_wings_is_reached_on_its_own_host(api: bytes, address: str) -> None:
    assert parsed(b"uuid: u\ntoken_id: i\ntoken: secretsecret\nremote: http://p\n" + api, "config.yml").address == address


@pytest.mark.parametrize(
    "content",
    [
        b"uuid: u\ntoken_id: i\nremote: http://p", b"- token: topsecrettoken", b"token: topsecrettoken\n\t:", b"\xff\xfetopsecrettoken",
        b"token: topsecrettoken\ntoken: topsecrettoken", b"x" * (2 << 20),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_named_without_its_text(content: bytes) -> None:
    with pytest.raises(BadSettings, match=r"config\.yml") as refused:
        parsed(content, "config.yml")
    assert "topsecrettoken" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_no_secret_is_shown_by_anything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock) as wings:
            client = stage.client(node={"config": wings.config}, node_tokens=True)
            shown = [repr(client.view()), repr(LocalConfiguration(wings.config).node()), str(vars(client))]
            wings.switches.silent = True
            for name in ("maintenance", "database_down", "unreachable"):
                setattr(stage.world.switches, name, True)
                try:
                    client.view()
                except WatchdogError as error:
                    shown.append(repr(error))
                setattr(stage.world.switches, name, False)
        for secret in (stage.node.token, ADMIN_KEY):
            assert not any(secret in text for text in (*shown, caplog.text))
            assert secret not in redact(f"it was {secret} that I meant")
    assert repr(Token("id", "a secret")) == "Token(***)"


ALLOWED = (
    r"GET /api/client", r"GET /api/client/servers/U", r"GET /api/client/servers/U/(backups|schedules|activity|resources|websocket)",
    r"GET /api/client/servers/U/backups/U(/download)?", r"POST /api/client/servers/U/(backups|power)",
    r"POST /api/client/servers/U/backups/U/lock", r"GET /api/application/(nodes|servers)", r"GET /api/application/nodes/\d+/configuration",
    r"(GET|POST) /api/remote/backups/U", r"GET /api/remote/servers",
)  # fmt: skip


def test_nothing_is_sent_but_what_the_contract_allows(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        backup = stage.world.add_backup(server)
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock) as wings:
            booted = len(stage.panel.seen)
            client = stage.client(node={"config": wings.config}, node_tokens=True, watch={"resources": True})
            client.view()
            client.server(server.uuid)
            client.record(server.uuid, backup.uuid)
            client.disk(server.uuid, backup.uuid)
            client.complete(backup.uuid, {"successful": False, "parts": None}, 30)
            client.lock(server.uuid, backup.uuid, 30)
            client.create(server.uuid, "canary", 30)
            wings.join()
            client.power(server.uuid, "start", 30)
            client.wings_power(server.uuid, "stop", 30)
            client.wings_sync(server.uuid, 30)
            client.schedules(server.uuid)
            client.newest_power(server.uuid)
            client.probe()
            stage.clock.advance(60)
            client.view()
        ours = [request for request in stage.panel.seen[booted:] if request.headers.get("user-agent") == "panel-watchdog"]
        lines = {re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "U", f"{request.method} {request.path}") for request in ours}
        assert len(ours) > 20
        assert [line for line in sorted(lines) if not any(re.fullmatch(allowed, line) for allowed in ALLOWED)] == []
        assert all("cookie" not in request.headers for request in ours)


def test_a_redirect_is_never_followed_and_no_key_reaches_the_other_side(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage, raw_server(say(answer(302, b"", "Location: http://127.0.0.1:1/"))) as elsewhere:
        with pytest.raises(Refused, match="redirect"):
            stage.client(url=elsewhere.url).view()
        assert len(elsewhere.requests) == 1


# -- versions


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("<?php\nreturn [\n    'version' => '1.11.6',\n", ("1.11.6", "config")),
        ('"version" => "1.12.0-beta1"', ("1.12.0-beta1", "config")),
        ("'version' => 'canary',", ("canary", "config")),
        ("'version' => env('APP_VERSION')", ("1.11.8", "settings")),
        (None, ("1.11.8", "settings")),
    ],
)
def test_the_version_is_read_from_the_panels_file_before_the_operators_word(
    tmp_path: Path, content: str | None, found: tuple[str, str]
) -> None:  # fmt: skip
    with WireStage(tmp_path) as stage:
        file = tmp_path / "app.php"
        if content is not None:
            file.write_text(content)
        view = stage.client(panel_config=file, panel_version="v1.11.8").view()
        assert (view.version, view.version_source) == found
        assert (stage.client().view().version, stage.client().view().version_source) == ("", "")


# -- what must not blind the rest


def test_a_node_with_a_strange_address_stands_alone(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one", stage.world.add_node("node-b", fqdn="no host/at all", port=99))
        stage.world.add_node("node-c", port=99_999_999)
        view = stage.client(node_tokens=True).view()
        assert view.server(server.uuid).backups == ()
        assert [bool(node.wings.error) for node in view.nodes] == [True, True, True]


def test_a_server_of_one_list_only_makes_no_record_set_complete(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        gone = stage.world.add_server("gone")
        door, views = threading.Event(), []
        stage.world.switches.hold = {"/api/client": door}
        client = stage.client()
        look = threading.Thread(target=lambda: views.append(client.view()))
        look.start()
        deadline = time.monotonic() + 120
        while not stage.panel.sent("/api/client") and time.monotonic() < deadline:
            time.sleep(0.01)
        stage.world.delete_server(gone)  # the Application API has told of it, the Client API does not
        door.set()
        look.join(120)
        assert [server.name for server in views[0].servers] == ["one"]
        assert (views[0].complete, views[0].records_since) == (False, None)
        stage.clock.advance(61)
        assert client.view().complete


def test_two_looks_at_once_are_taken_one_after_the_other(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        client = stage.client()
        door = threading.Event()
        stage.world.switches.hold = {"/api/client": door}
        views: list[Any] = []
        threads = [threading.Thread(target=lambda: views.append(client.view())) for _ in range(2)]
        for thread in threads:
            thread.start()
        door.set()
        for thread in threads:
            thread.join(120)
        assert [view.complete for view in views] == [True, True]
        assert stage.asked("/api/application/nodes") == 1  # the second has it from the first


def test_the_activity_is_read_of_what_stopped_and_of_what_is_of_concern(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        one = stage.world.add_server("one")
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock) as wings:
            client = stage.client(node={"config": wings.config})
            client.power(one.uuid, "start", 30)
            wings.join()
            assert client.view().wings_of(client.view().server(one.uuid)).state in {"starting", "running"}
            assert client.view().server(one.uuid).activity_at is None
            client.concern(frozenset({one.uuid}))
            stage.clock.advance(15)
            seen = client.view().server(one.uuid)
            assert (seen.user_power, seen.activity_at) == ("start", stage.clock.now().wall)
            client.concern(frozenset())
            stage.clock.advance(15)
            client.view()
            client.power(one.uuid, "stop", 30)
            wings.join()
            stage.clock.advance(15)
            seen = client.view().server(one.uuid)  # it went offline: read at once, and not five minutes after the time before
            assert (seen.user_power, seen.activity_at) == ("stop", stage.clock.now().wall)


def test_a_wings_that_takes_calls_and_never_answers_is_not_reachable_and_holds_nobody_up(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        other = stage.world.add_node("node-b", port=1)
        stage.world.add_server("one")
        stage.world.add_server("there", other)
        with FakeWings(tmp_path / "wings", stage.panel, stage.node, stage.clock) as wings:
            client = stage.client(node={"config": wings.config}, wings_timeout="4s")
            assert client.view().local.wings.reachable is True
            wings.switches.silent = True
            stage.clock.advance(15)  # less than a minute: only Wings itself is asked
            view = client.view()
            wings.switches.silent = False
            assert (view.local.wings.reachable, view.local.wings.servers, view.local.wings.version) == (False, None, "1.11.11")
            assert view.complete
            assert view.node(other.uuid).wings.reachable is False


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NotFoundHttpException", OfOneServer), (409, "ServerStateConflictException", OfOneServer),
        (500, "QueryException", OfOneServer), (504, "DaemonConnectionException", OfOneServer),
        (503, "HttpException", ServerFault), (500, "", ServerFault), (502, "", ServerFault), (404, "", NotFound),
        (403, "AccessDeniedHttpException", Forbidden), (401, "AuthenticationException", Forbidden), (302, "", Refused),
    ],
)  # fmt: skip
def test_what_the_panel_says_of_one_server_is_that_servers_own(status: int, code: str, error: type[WatchdogError]) -> None:
    body = json.dumps({"errors": [{"code": code, "status": str(status), "detail": "x"}]}).encode() if code else b"<html>"
    with pytest.raises(error) as said:
        of_server(Answer(status, {}, body, 0.0, "backups", "panel"))
    assert type(said.value) is error
    assert not isinstance(said.value, OfOneServer) or said.value.word == f"{status} {code}"


def test_a_slice_ends_when_the_wire_fails_for_one_server_after_another(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        for number in range(20):
            stage.world.add_server(f"server {number}")
        client = stage.client(watch={"schedules": False, "websocket": False})
        stage.world.switches.proxy = {"/api/client/servers": 502}
        view = client.view()
        assert [server.blind for server in view.servers if server.blind] == ["ServerFault"] * 3
        stage.world.switches.proxy = {}
        stage.clock.advance(600)
        assert client.view().complete


def test_what_was_looked_at_by_a_repair_is_read_first_in_the_next_look(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        servers = [stage.world.add_server(f"server {number}") for number in range(60)]
        backup = stage.world.add_backup(
            servers[7], successful=True, checksum="sha1:" + "a" * 40, completed_at=stage.world.now(), created_at=stage.world.now() - 60
        )
        client = stage.client(watch={"schedules": False, "websocket": False})
        assert client.view().complete
        client.lock(servers[7].uuid, backup.uuid, 30)
        stage.clock.advance(15)
        view = client.view()
        assert view.backup(backup.uuid).locked
        assert [server.name for server in view.servers if server.backups_at == view.at] == ["server 7"]


def test_a_wings_that_fails_is_reachable_all_the_same(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage, raw_server(say(answer(500, b'{"error":"An unexpected error"}'))) as wings:
        stage.node.port = wings.port
        stage.write_config()
        local = stage.client().view().local
        assert (local.wings.reachable, local.wings.docker, local.wings.servers) == (True, None, None)


def test_of_hundreds_of_signals_the_newest_counts(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        for number in range(150):
            stage.clock.advance(60)
            stage.world.note(server.id, "server:power.start" if number < 149 else "server:power.kill", api=False)
        newest = stage.client().newest_power(server.uuid)
        assert (newest.signal, newest.at) == ("kill", stage.world.now())
