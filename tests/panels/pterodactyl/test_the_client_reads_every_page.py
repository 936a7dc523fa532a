"""The lists of the panel: recordings, pages, hundreds of servers of which none is lost, and the panel's rate limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.pterodactyl_wire import WireStage, recorded
from watchdog.errors import Blind, MalformedAnswer, Throttled
from watchdog.panels.pterodactyl import activity, answers, node_answers
from watchdog.panels.pterodactyl.budget import Budget
from watchdog.panels.pterodactyl.paging import ROUNDS, Page, whole
from watchdog.panels.pterodactyl.view import Backup, RemoteServer, Resources, Schedule
from watchdog.runtime.clock import SimulatedClock

PAPER = "aae9e0c3-9d01-415f-99fb-fd4fa8d6f5fa"


# -- the recordings, without a wire


def test_the_recorded_lists_are_read() -> None:
    page = answers.servers(recorded("client-servers-admin-all-page1")["body"])
    assert page.total == 118
    assert page.items[0].uuid == PAPER
    assert (page.items[0].name, page.items[0].identifier, page.items[0].status) == ("Paper", "aae9e0c3", "")
    assert (page.items[0].memory_mib, page.items[0].disk_mib, page.items[0].io, page.items[0].backup_limit) == (2048, 5000, 500, 5)
    assert answers.servers(recorded("client-servers-admin-all-past-end")["body"]).items == ()
    nodes = answers.nodes(recorded("application-nodes")["body"])
    assert [(node.name, node.address, node.maintenance) for node in nodes.items] == [
        ("node-a", "http://127.0.0.1:8080", False), ("node-b", "http://127.0.0.1:8099", False), ("node-c", "http://127.0.0.1:8080", True),
    ]  # fmt: skip
    assert answers.places(recorded("application-servers")["body"]).items[0] == (PAPER, 1)
    remote = node_answers.remote_servers(recorded("remote-servers-1.11.8")["body"])
    assert remote.total == 116
    assert remote.items == (RemoteServer(PAPER, "command", suspended=False),)


def test_the_recorded_backups_are_read() -> None:
    page = answers.backups(recorded("client-backups-list")["body"], PAPER)
    assert page.items[0] == Backup(
        "454cedf1-a272-4c8f-b2c6-b9c06cbb2e3d", "ok", PAPER, successful=True, locked=False,
        checksum="sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", bytes=123456,
        created_at=1_795_133_184.0, completed_at=1_795_133_364.0, ignored=("logs",),
    )  # fmt: skip
    assert page.items[0].sha1 == "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    assert [backup.state for backup in page.items[:3]] == ["complete", "pending", "pending"]
    states = {
        "stuck": "pending", "ok": "complete", "pruned-locked": "failed", "pruned-then-repaired": "complete", "fresh": "pending",
        "failed-was-locked": "failed", "s3": "pending", "timezone-berlin": "complete",
    }  # fmt: skip
    for name, state in states.items():
        assert answers.one_backup(recorded(f"client-backup-one-{name}")["body"], PAPER).state == state, name
    berlin = answers.one_backup(recorded("client-backup-one-timezone-berlin")["body"], PAPER)
    utc = answers.one_backup(recorded("client-backup-one-ok")["body"], PAPER)
    assert replace(berlin, name=utc.name) == utc


def test_what_else_was_recorded_is_read() -> None:
    assert answers.resources(recorded("client-resources")["body"]) == Resources(
        "running", 588701696, 1.234, 130156361, 694220, 337090, 3600000
    )
    (daily,) = answers.schedules(recorded("client-schedules")["body"], PAPER)
    assert daily == Schedule(1, PAPER, "daily", True, False, daily.last_run_at, daily.next_run_at)
    body = recorded("client-schedules")["body"]
    body["data"][0]["attributes"]["relationships"]["tasks"]["data"][0]["attributes"] |= {"action": "power", "payload": "stop"}
    assert answers.schedules(body, PAPER)[0].powers == ("stop",)
    dead = answers.schedules(recorded("client-schedules-queue-dead")["body"], PAPER)
    assert [(each.processing, each.queued) for each in dead if each.processing] == [(True, ((1, 0.0),))]
    assert activity.newest_power(recorded("client-activity-backups")["body"]) is None
    view = answers.one_server(recorded("client-server-view-suspended")["body"])
    assert (view.status, view.suspended, view.conflicted) == ("suspended", True, True)
    assert answers.one_server(recorded("client-server-view-transferring")["body"]).transferring
    assert answers.one_server(recorded("client-server-view-maintenance")["body"]).maintenance
    assert [answers.one_server(recorded(f"client-server-view-{name}")["body"]).status for name in ("restoring", "installing")] == [
        "restoring_backup", "installing",
    ]  # fmt: skip


def test_what_the_real_wings_said_is_read() -> None:
    assert node_answers.system(recorded("wings-system-v2")["body"]) == node_answers.WingsSystem("1.11.11", docker=True)
    assert node_answers.system(recorded("wings-system")["body"]) == node_answers.WingsSystem("1.11.11", docker=None)
    servers = node_answers.wings_servers(recorded("wings-servers")["body"])
    assert servers
    assert "environment" not in repr(servers)


@pytest.mark.parametrize(
    ("said", "suspended", "status"),
    [(None, False, ""), (None, True, "suspended"), ("running", False, ""), ("missing", False, ""), ("offline", True, "suspended"),
     ("suspended", True, "suspended"), ("restoring_backup", False, "restoring_backup"), ("something new", False, "something new")],
)  # fmt: skip
def test_a_container_in_place_of_a_status_is_none_and_a_strange_one_is_kept(said: str | None, suspended: bool, status: str) -> None:
    body = recorded("client-server-view")["body"]
    body["attributes"] |= {"status": said, "is_suspended": suspended}
    assert answers.one_server(body).status == status


def test_a_node_is_reached_where_pelican_says() -> None:
    body = recorded("application-nodes")["body"]
    body["data"][0]["attributes"] |= {"daemon_listen": 8080, "daemon_connect": 443, "scheme": "https"}
    assert answers.nodes(body).items[0].address == "https://127.0.0.1:443"


@pytest.mark.parametrize("field", ["uuid", "created_at", "completed_at", "is_successful", "bytes"])
def test_a_record_that_lacks_a_field_is_malformed_and_never_pending(field: str) -> None:
    body = recorded("client-backup-one-ok")["body"]
    del body["attributes"][field]
    with pytest.raises(MalformedAnswer, match=field):
        answers.one_backup(body, PAPER)


@pytest.mark.parametrize("uuid", ["../../etc/passwd", "454CEDF1-A272-4C8F-B2C6-B9C06CBB2E3D", "454cedf1", "", 7])
def test_a_uuid_that_is_none_is_malformed(uuid: object) -> None:
    body = recorded("client-backup-one-ok")["body"]
    body["attributes"]["uuid"] = uuid
    with pytest.raises(MalformedAnswer):
        answers.one_backup(body, PAPER)


# -- pages


def served(pages: list[Page[int]]) -> Callable[[int], Page[int]]:
    return lambda number: pages[number - 1]


@pytest.mark.parametrize("pages", [[Page(0, ())], [Page(2, (1, 2))], [Page(3, (1, 2)), Page(3, (3,))]])
def test_pages_are_put_together(pages: list[Page[int]]) -> None:
    assert whole("it", served(pages), int) == tuple(item for page in pages for item in page.items)


@pytest.mark.parametrize(
    "pages",
    [
        [Page(3, (1, 2)), Page(3, (2,))],  # one twice, so another is missing
        [Page(3, (1, 2)), Page(4, (3,))],  # one came while we read
        [Page(3, (1, 2)), Page(3, ())],  # one went
        [Page(1, (1, 2))],
    ],
)
def test_pages_that_do_not_fit_are_read_again_and_then_blind(pages: list[Page[int]]) -> None:
    read: list[int] = []

    def fetch(number: int) -> Page[int]:
        read.append(number)
        return pages[number - 1]

    with pytest.raises(Blind, match="it: the list kept shifting"):
        whole("it", fetch, int)
    assert read.count(1) == ROUNDS


def test_a_list_that_comes_to_rest_is_read() -> None:
    rounds = [[Page(3, (1, 2)), Page(3, (2,))], [Page(3, (1, 2)), Page(3, (3,))]]
    current: list[list[Page[int]]] = []

    def fetch(number: int) -> Page[int]:
        if number == 1:
            current.append(rounds[len(current)])
        return current[-1][number - 1]

    assert whole("it", fetch, int) == (1, 2, 3)


# -- over real HTTP


def test_of_hundreds_of_servers_none_is_lost_and_none_of_their_backups(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        made = {stage.world.add_server(f"server {number}").uuid: set() for number in range(230)}
        for uuid in list(made)[::40]:
            for number in range(120):
                made[uuid].add(stage.world.add_backup(stage.world.server(uuid), name=f"nightly {number}").uuid)
        client = stage.client(watch={"schedules": False})
        view = client.view()
        for _ in range(20):
            if view.complete:
                break
            stage.clock.advance(15)
            view = client.view()
        assert view.complete
        assert {server.uuid: {backup.uuid for backup in server.backups or ()} for server in view.servers} == made
        assert {server.node for server in view.servers} == {stage.node.uuid}
        assert view.records_since == min(server.backups_at or 0 for server in view.servers)


def test_what_was_deleted_or_came_is_seen_in_the_next_look(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        old, client = stage.world.add_server("old"), stage.client()
        backup = stage.world.add_backup(old)
        assert client.view().backup(backup.uuid) is not None
        backup.deleted = True
        new = stage.world.add_server("new")
        stage.clock.advance(15)
        view = client.view()
        assert view.backup(backup.uuid) is None
        assert view.server(new.uuid).node == stage.node.uuid
        stage.world.delete_server(old)
        stage.clock.advance(15)
        assert [server.uuid for server in client.view().servers] == [new.uuid]


# -- the limit


def test_a_budget_is_spread_and_leaves_people_their_share() -> None:
    clock = SimulatedClock()
    budget = Budget("Client API", 720, 0.5, 15.0, clock)
    spent = 0
    for _ in range(4 * 60):
        clock.advance(0.25)
        while budget.has_room():
            budget.spend("it")
            spent += 1
    assert 360 <= spent <= 360 + 6 * 15 + 1
    budget.note({"x-ratelimit-limit": "720", "x-ratelimit-remaining": "288"})
    clock.advance(30)
    assert not budget.has_room()  # others have used the rest
    clock.advance(31)
    assert budget.has_room()  # that was said more than a minute ago
    budget.note({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "60"})
    assert budget.pace == 0.5


def test_a_budget_that_is_paused_refuses_everything_until_then() -> None:
    clock = SimulatedClock()
    budget = Budget("Client API", 720, 0.5, 15.0, clock)
    budget.pause(57)
    with pytest.raises(Throttled) as refused:
        budget.spend("it")
    assert refused.value.delay == 57
    clock.advance(57)
    budget.spend("it")


def test_six_hundred_servers_on_three_nodes_stay_inside_the_limit(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        nodes = [stage.node, stage.world.add_node("node-b", port=1), stage.world.add_node("node-c", port=1)]
        for number in range(600):
            server = stage.world.add_server(f"server {number}", nodes[number % 3])
            stage.world.add_backup(server, created_at=stage.world.now() - 7200, completed_at=stage.world.now() - 7000, successful=True)
        client = stage.client(watch={"schedules": False, "websocket": False})
        looks, when = 0, None
        for look in range(8):  # two minutes
            before = stage.asked("/api/client")
            view = client.view()
            looks = max(looks, stage.asked("/api/client") - before)
            if look == 0:
                first = {server.node for server in view.servers if server.backups is not None}
            if view.complete and when is None:
                when = look * 15
            stage.clock.advance(15)
        assert first == {stage.node.uuid}  # the node of this host comes first
        assert when is not None
        assert when <= 120
        assert stage.asked("/api/client") <= 2 * 360 + 180
        assert stage.asked("/api/application") <= 2 * 120
        assert looks <= 200  # spread over the minute, not all at once
        assert not {row: value for row, value in stage.count().items() if row.endswith(("throttled", "client_error"))}


def test_pending_backups_are_read_again_first(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        for number in range(100):
            stage.world.add_server(f"server {number}")
        pending = stage.world.add_backup(stage.world.add_server("pending"))
        client = stage.client(watch={"schedules": False}, interval="60s")
        stage.world.switches.throttle_after = 400
        while not client.view().complete:
            stage.clock.advance(60)
        for _ in range(3):
            stage.clock.advance(60)
            view = client.view()
            server = view.server(stage.world.server(view.backup(pending.uuid).server).uuid)
            assert server.backups_at == view.at
        pending.successful, pending.completed_at, pending.checksum = True, stage.world.now(), "sha1:" + "0" * 40
        stage.clock.advance(60)
        assert client.view().backup(pending.uuid).state == "complete"


def test_the_route_limit_pauses_that_api_until_the_panel_said(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        stage.world.add_server("one")
        client = stage.client()
        client.view()
        stage.world.switches.throttle_after = 1
        stage.panel.limits.forget()
        stage.clock.advance(15)
        with pytest.raises(Throttled):
            for _ in range(3):
                client.view()
        asked = stage.asked("/api/client")
        with pytest.raises(Throttled) as refused:
            client.view()
        assert stage.asked("/api/client") == asked  # nothing was sent
        assert 0 < (refused.value.delay or 0) <= 60
        stage.world.switches.throttle_after = None
        stage.clock.advance(61)
        assert client.view().servers


def test_too_many_backups_of_one_server_pause_nothing_else(tmp_path: Path) -> None:
    with WireStage(tmp_path) as stage:
        server = stage.world.add_server("one")
        for _ in range(2):
            stage.world.add_backup(server)
        client = stage.client()
        with pytest.raises(Throttled, match="TooManyRequestsHttpException") as refused:
            client.create(server.uuid, "canary", 30)
        assert (refused.value.delay or 0) > 500
        assert client.view().complete


@pytest.mark.parametrize("owner", [True, False])
def test_servers_elsewhere_are_read_often_by_the_agent_that_owns_them_only(tmp_path: Path, owner: bool) -> None:
    with WireStage(tmp_path) as stage:
        away = stage.world.add_node("node-b", port=1)
        here = stage.world.add_server("here", stage.node)
        elsewhere = [stage.world.add_server(f"server {number}", away) for number in range(50)]
        client = stage.client(owner=owner, watch={"schedules": False, "websocket": False})
        assert client.view().complete
        for _ in range(10):
            stage.clock.advance(15)
            client.view()
        assert len(stage.panel.sent(f"/api/client/servers/{here.uuid}/backups")) >= 3
        reads = {len(stage.panel.sent(f"/api/client/servers/{server.uuid}/backups")) for server in elsewhere}
        assert reads == ({2} if owner else {1})


# -- what the view makes of it


@pytest.mark.parametrize(
    ("successful", "completed", "state"), [(False, None, "pending"), (True, 5.0, "complete"), (False, 5.0, "failed"), (True, None, "odd")]
)
def test_a_record_has_one_of_four_states(successful: bool, completed: float | None, state: str) -> None:
    record = answers.one_backup(recorded("client-backup-one-ok")["body"], PAPER)
    assert replace(record, successful=successful, completed_at=completed).state == state


@pytest.mark.parametrize(
    ("checksum", "sha1"),
    [
        (None, None),
        ("sha1:", None),
        ("sha1:" + "Ab" * 20, "ab" * 20),
        ("sha256:" + "ab" * 32, None),
        ("sha1:sha1:" + "ab" * 20, "sha1:" + "ab" * 20),  # what a prefix that was sent leaves behind: no file has that
    ],
)
def test_only_a_sha1_is_a_checksum(checksum: str | None, sha1: str | None) -> None:
    record = answers.one_backup(recorded("client-backup-one-ok")["body"], PAPER)
    assert replace(record, checksum=checksum).sha1 == sha1


@pytest.mark.parametrize(
    ("more", "conflicted"), [({}, False), ({"status": "suspended"}, True), ({"transferring": True}, True), ({"maintenance": True}, True)]
)
def test_what_makes_the_panel_answer_409(more: dict[str, object], conflicted: bool) -> None:
    server = answers.one_server(recorded("client-server-view")["body"])
    assert replace(server, **more).conflicted is conflicted
