"""The client over real HTTP: every release, every weather, and answers that nobody promised."""

import json
import string
import traceback
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.mcsmanager import DAEMON, Stage, uuid_of
from watchdog.errors import Blind, Forbidden, MalformedAnswer, ServerFault, Unreachable, WatchdogError
from watchdog.model.panels import Ports
from watchdog.panels.mcsmanager import PANEL, answers, client
from watchdog.panels.mcsmanager.fake import RELEASES, FakeDaemon, MemoryWorld
from watchdog.panels.mcsmanager.fake.panel import KEY, USER, Switches
from watchdog.panels.mcsmanager.fake.shapes import SECRET
from watchdog.panels.mcsmanager.view import Status
from watchdog.runtime.http import RESULTS

HOSTILE = {
    "html": b"<html><body>502 Bad Gateway</body></html>",
    "cut": b'{"status":200,"data":{"version":"10.18.2","remo',
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "no data": b'{"status":200}',
    "wrong data": b'{"status":200,"data":"text","time":1}',
    "wrong types": b'{"status":200,"data":{"version":3,"remote":[{"uuid":7}]},"time":1}',
    "not utf-8": b'{"status":200,"data":"\xff\xfe"}',
    "deep": b"[" * 100_000,
    "five megabytes": b'{"status":200,"data":{"version":"' + b"x" * 5_000_000 + b'"},"time":1}',
    "fifty megabytes": b'{"status":200,"data":"' + b"x" * 50_000_000 + b'"}',
    "a number with a thousand digits": b'{"status":200,"data":{"version":"1","remote":[{"uuid":"a","available":1' + b"0" * 1000 + b"}]}}",
}


def connected(stage):
    return client.connect(stage.settings, stage.ports.clock, stage.ports.instruments)


@pytest.mark.parametrize("version", RELEASES)
def test_a_view_of_every_release(version, tmp_path):
    with Stage(tmp_path, version, count=3) as stage:
        stage.start_all()
        view = stage.target.view()
    daemon = view.daemons[0]
    assert (view.version, daemon.version, daemon.available) == (version, RELEASES[version].daemon, True)
    assert [item.uuid for item in daemon.instances] == sorted(uuid_of(n) for n in (1, 2, 3))
    first = daemon.instances[0]
    assert (first.status, first.started, first.auto_start, first.image, first.process_type) == (Status.RUNNING, 1, True, "bb", "docker")
    assert first.auto_restarted == (0 if version == "10.18.2" else None)
    assert len(daemon.containers) == 3 and daemon.containers[0].state == "running"
    assert daemon.labels_containers is daemon.spares_instances is (version == "10.18.2")
    assert (view.operations is None) is (version != "10.18.2")


def test_what_goes_over_the_wire(tmp_path):
    with Stage(tmp_path, "10.4.0") as stage:
        stage.target.view()
        for seen in stage.panel.seen:
            assert seen.headers["x-request-api-key"] == KEY and KEY not in json.dumps(dict(seen.query))
            assert seen.headers["x-requested-with"] == "XMLHttpRequest"
            assert "cookie" not in seen.headers
        listing = stage.panel.sent("/api/service/remote_service_instances")[0]
        assert listing.query["instance_name"] == "" == listing.query["status"] and int(listing.query["page_size"]) <= 50


@pytest.mark.parametrize("version", RELEASES)
def test_one_instance_can_be_asked_for_and_started_in_every_release(version, tmp_path):
    with Stage(tmp_path, version) as stage:
        wire = connected(stage)  # that has never seen an overview
        assert wire.detail(DAEMON, uuid_of(1)).instance.status is Status.STOPPED
        assert wire.open(DAEMON, uuid_of(1))
        wire.detail(DAEMON, uuid_of(1))
        of_instance = [seen for seen in stage.panel.seen if seen.path != "/api/overview"]
        assert len(of_instance) == 3 and len(stage.panel.seen) == 4, "the panel's version is asked for once"
        for seen in of_instance:
            assert seen.headers["x-request-api-key"] == KEY
            assert seen.query.get("apikey") == (KEY if version != "10.18.2" else None), "only where the header does not do"


@pytest.mark.parametrize(("version", "shown"), [("10.8.2", True), ("10.8.3", False), ("10.9.0", False), ("Unknown", False), ("", False)])
def test_the_key_is_shown_in_an_address_only_to_panels_known_to_need_it(version, shown, tmp_path):
    with Stage(tmp_path) as stage:
        stage.panel.release = replace(stage.panel.release, panel=version)
        connected(stage).detail(DAEMON, uuid_of(1))
        assert ("apikey" in stage.panel.sent("/api/instance")[0].query) is shown


@pytest.mark.parametrize("version", ["10.4.0", "10.6.1"])
def test_an_error_of_a_call_with_the_key_in_its_address_does_not_tell_it(version, tmp_path):
    with Stage(tmp_path, version) as stage:
        wire = connected(stage)
        wire.overview()
        for break_it in ({"unreachable": True}, {"answer": b"\xff", "answer_path": "/api/instance"}):
            stage.panel.switches = Switches(**break_it)
            with pytest.raises(WatchdogError) as caught:
                wire.detail(DAEMON, uuid_of(1))
            assert KEY not in "".join(traceback.format_exception(caught.value))


def test_without_cookies_the_limiter_never_counts(tmp_path):
    with Stage(tmp_path) as stage:
        wire = connected(stage)
        for _ in range(20):
            wire.detail(DAEMON, uuid_of(1))


def test_the_limiter_of_the_fake_does_count_cookies(tmp_path):
    with Stage(tmp_path) as stage:
        assert [stage.panel.too_fast("a") for _ in range(9)] == [False] * 8 + [True]


@pytest.mark.parametrize("count", [0, 1, 50, 51, 230])
def test_paging_misses_none(count, tmp_path):
    with Stage(tmp_path, count=count) as stage:
        assert len(connected(stage).instances(DAEMON)) == count


def test_pages_that_shift_are_read_again(tmp_path):
    with Stage(tmp_path, count=120) as stage:
        stage.panel.switches.shifting_pages = 2
        assert len({item.uuid for item in connected(stage).instances(DAEMON)}) == 120


def test_pages_that_never_stop_shifting_are_not_seen(tmp_path):
    with Stage(tmp_path, count=120) as stage:
        stage.panel.switches.shifting_pages = 1000
        with pytest.raises(Blind):
            connected(stage).instances(DAEMON)
        assert stage.target.view().daemons[0].instances_error == "Blind"


def test_messages_in_any_language_make_no_difference(tmp_path):
    with Stage(tmp_path) as stage:
        stage.start_all()
        errors = []
        for language in ("en_us", "zh_cn"):
            stage.panel.switches.language = language
            with pytest.raises(ServerFault) as caught:
                connected(stage).open(DAEMON, uuid_of(1))
            errors.append(str(caught.value))
        assert errors[0] == errors[1]


def test_an_offline_daemon_does_not_spoil_the_view(tmp_path):
    with Stage(tmp_path) as stage:
        other = FakeDaemon(MemoryWorld("other"), "b" * 32, remarks="other", speed=50)
        stage.panel.daemons[other.uuid] = other
        stage.daemon.end(crash=True)
        view = stage.target.view()
    assert view.daemon(DAEMON).instances is None and not view.daemon(DAEMON).available
    assert view.daemon("b" * 32).instances == ()


def test_a_silent_docker_hangs_the_overview_of_10_18(tmp_path):
    with Stage(tmp_path) as stage:
        stage.world.weather = "silent"
        daemon = stage.target.view().daemons[0]
    assert daemon.overview_hung and daemon.version is None and daemon.containers is None and len(daemon.instances) == 1


@pytest.mark.parametrize("version", ["10.4.0", "10.6.1"])
def test_a_silent_docker_does_not_hang_older_overviews(version, tmp_path):
    with Stage(tmp_path, version) as stage:
        stage.world.weather = "silent"
        daemon = stage.target.view().daemons[0]
    assert not daemon.overview_hung and daemon.version and daemon.containers_error == "ServerFault"


def test_a_hung_daemon_is_blind_not_stopped(tmp_path):
    with Stage(tmp_path) as stage:
        stage.daemon.hung = True
        daemon = stage.target.view().daemons[0]
        assert daemon.instances is None and daemon.containers is None
        assert connected(stage).open(DAEMON, uuid_of(1)) is False, "200 {} means: not known"


@pytest.mark.parametrize("key", ["some-wrong-key-77", "user-key"])
def test_a_wrong_or_weak_key_is_forbidden(key, tmp_path):
    with Stage(tmp_path) as stage:
        stage.panel.keys["user-key"] = USER
        stage.settings.api_key_file.write_text(key)
        with pytest.raises(Forbidden) as caught:
            stage.target.view()
        assert key not in str(caught.value)


def test_a_rotated_key_needs_no_restart(tmp_path):
    with Stage(tmp_path) as stage:
        stage.target.view()
        stage.panel.keys = {"new-key": 10}
        with pytest.raises(Forbidden):
            stage.target.view()
        stage.settings.api_key_file.write_text("new-key\n")
        assert stage.target.view().daemons


def test_a_panel_that_is_away_is_unreachable(tmp_path):
    with Stage(tmp_path) as stage:
        stage.panel.switches.unreachable = True
        with pytest.raises(Unreachable):
            stage.target.view()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_overview_is_a_malformed_answer(name, tmp_path):
    with Stage(tmp_path) as stage:
        stage.panel.switches.answer, stage.panel.switches.answer_path = HOSTILE[name], "/api/overview"
        if name == "five megabytes":
            with pytest.raises(MalformedAnswer, match="remote"):
                stage.target.view()
            return
        with pytest.raises(MalformedAnswer):
            stage.target.view()


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/api/service/remote_service_instances", "/api/environment/containers", "/api/overview/operation_logs"])
def test_a_hostile_answer_about_a_part_blinds_that_part_only(name, path, tmp_path):
    with Stage(tmp_path) as stage:
        stage.panel.switches.answer, stage.panel.switches.answer_path = HOSTILE[name], path
        view = stage.target.view()
    daemon = view.daemons[0]
    part = {"instances": daemon.instances, "containers": daemon.containers, "logs": view.operations}[path.rsplit("_", 1)[-1].split("/")[-1]]
    assert part is None
    assert "MalformedAnswer" in (daemon.instances_error, daemon.containers_error, view.operations_error)


def test_nothing_secret_comes_along(tmp_path):
    with Stage(tmp_path) as stage:
        stage.start_all()
        view = stage.target.view()
        judgement = stage.look()
    for value in (view, judgement):
        assert SECRET not in repr(value) and KEY not in repr(value)


def test_each_exchange_is_counted_once(tmp_path):
    counted = []

    class Counts:
        def count(self, name, *labels, by=1.0):
            counted.append((name, labels, by))

        def set(self, *_, **__): ...

        def drop(self, *_): ...

        def observe(self, *_, **__): ...

    with Stage(tmp_path) as stage:
        ports = Ports(stage.ports.clock, Counts(), stage.hooks)
        target = PANEL.connect(stage.settings, ports)
        born = [labels for name, labels, by in counted if by == 0.0]
        assert len(set(born)) == len(born) == len(client.OPERATIONS) * len(RESULTS)
        counted.clear()
        stage.panel.switches.answer, stage.panel.switches.answer_path = b"<html>", "/api/environment/containers"
        target.view()
    results = [labels[2:] for _, labels, _ in counted]
    assert sorted(results) == [("containers", "malformed"), ("instances", "ok"), ("operations", "ok"), ("overview", "ok")]


# -- shapes that nobody promised -----------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable, max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["instanceUuid", "status", "started", "config", "nickname", "processType", "docker", "eventTask", "uuid", "available", "remote",
        "version", "data", "maxPage", "Id", "Names", "Labels", "Mounts", "State", "type", "operation_time", "Source", "process",
        "endTime", "RepoTags"]
    ), inner, max_size=8),
    max_leaves=30,
)  # fmt: skip


@pytest.mark.parametrize(
    "parse",
    [answers.envelope, answers.services, answers.overview, answers.page, answers.instance, answers.detail, answers.containers,
     answers.operations, answers.images, answers.inspected, answers.says_something],
)  # fmt: skip
@given(body=anything)
def test_parsing_answers_or_names_what_is_wrong(parse, body):
    try:
        parse(body)
    except WatchdogError as error:
        assert isinstance(error, MalformedAnswer) and str(error)
