"""The client over real HTTP: both releases, every weather, answers that nobody promised, and what may never be sent or taken along."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.wgdashboard_panel import Stage, key_of
from watchdog.errors import Blind, DeadlinePassed, Forbidden, MalformedAnswer, NotFound, ServerFault, Unreachable, WatchdogError
from watchdog.model.moments import Moment
from watchdog.panels.wgdashboard import answers
from watchdog.panels.wgdashboard.fake import KEY, RELEASES, UapiWorld, WgFailed
from watchdog.panels.wgdashboard.fake.jobs import FakeJob
from watchdog.panels.wgdashboard.view import Access, Handshake, Job, Sampling, WgdashboardView, parse_version

RECORDINGS = Path(__file__).parent / "recordings"
THEN = Moment(1_795_199_333.0, 100.0)
INFO = "/api/getWireguardConfigurationInfo"
SIDE_EFFECTS = (
    "/api/getWireguardConfigurations", "/api/toggleWireguardConfiguration", "/api/addWireguardConfiguration", "/api/addPeers",
    "/api/restrictPeers", "/api/updateDashboardConfigurationItem", "/api/newDashboardAPIKey", "/api/ping/getAllPeersIpAddress",
)  # fmt: skip


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))["data"]


@pytest.mark.parametrize("version", RELEASES)
def test_a_view_of_each_release(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version) as stage:
        stage.shake_hands("wg0", ago=41.0)
        stage.world.traffic("wg0", key_of("a"), rx=3_000_000_007, tx=1)
        assert stage.panel.sample()
        view = stage.client.view()
    assert (view.version, view.access, view.threshold) == (f"v{version}", Access.GRANTED, RELEASES[version].threshold)
    assert view.names_from == ("panel" if version == "4.3.3" else "files")
    assert [each.name for each in view.configurations or ()] == stage.names
    first = view.configuration("wg0")
    assert first is not None
    assert (first.up, first.protocol, first.listen_port, first.save_config) == (True, "wg", 51820, True)
    assert (first.peers_total, first.peers_connected, first.error, first.unknown, first.tells_its_age) == (2, 1, "", False, True)
    assert first.read_at == stage.clock.now()
    a, b = (first.peer(key_of(who)) for who in "ab")
    assert a is not None and b is not None
    assert (a.name, a.running, a.handshake) == ("a-0", True, Handshake(Sampling.AGED, 41, "0:00:41"))
    assert (a.endpoint, a.allowed_ips, a.rx_bytes, a.tx_bytes) == ("192.0.2.2:51820", frozenset({"10.0.0.2/32"}), 3_000_000_007, 1)
    assert (b.running, b.handshake.sampling, b.restricted) == (False, Sampling.NO_HANDSHAKE, False)


def test_the_seed_bug_as_it_was_recorded() -> None:
    """v423/bug_*: the panel has never sampled the new configuration's peers, and the kernel shook hands 53 s ago."""
    found = answers.configuration(recorded("v423/bug_getWireguardConfigurationInfo_wgs24.json"), "wgs24", THEN)
    dump = (RECORDINGS / "v423/bug_wg_show_all_dump.txt").read_text(encoding="utf-8")
    kernel = {line.split("\t")[1]: line.split("\t") for line in dump.splitlines() if line.startswith("wgs24") and line.count("\t") == 8}
    assert {peer.public_key for peer in found.peers} == set(kernel)
    for peer in found.peers:
        assert (peer.running, peer.handshake.sampling, peer.endpoint) == (False, Sampling.NEVER_SAMPLED, None)
        assert peer.allowed_ips == {kernel[peer.public_key][4]}
        assert 0 < THEN.wall - int(kernel[peer.public_key][5]) < 60
    assert not found.tells_its_age
    healthy = answers.configuration(recorded("v423/getWireguardConfigurationInfo_wgs00.json"), "wgs00", THEN)
    assert [(peer.running, peer.handshake.age, peer.rx_bytes, peer.tx_bytes) for peer in healthy.peers] == [(True, 5, 1128, 184)] * 2
    assert healthy.tells_its_age


def test_the_inventory_as_it_was_recorded() -> None:
    assert answers.names(recorded("v433/allConfigurationsPeers.json")) == ("wgs00", "wgs01")
    assert answers.version(recorded("v433/getDashboardVersion.json")) == "v4.3.3"


@pytest.mark.parametrize("version", RELEASES)
def test_nothing_with_an_effect_is_ever_asked_for(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version) as stage:
        for _ in range(3):
            stage.client.view()
            stage.one_pass()
        stage.client.configuration("wg1")
        stage.client.configuration("no such name")
        stage.client.version()
        stage.panel.restart()
        stage.client.view()
        seen = stage.panel.seen
        assert not [each for each in seen if each.path.startswith(SIDE_EFFECTS) and not each.path.startswith(INFO)]
        assert {each.path for each in seen} <= {
            "/api/handshake", "/api/authenticate", "/api/getDashboardVersion", INFO, "/api/clients/allConfigurationsPeers",
        }  # fmt: skip
        assert stage.panel.worker.configurations.keys() == set(stage.names)


@pytest.mark.parametrize("version", RELEASES)
def test_no_secret_comes_along(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version, count=1) as stage:
        raw = stage.send("GET", INFO, {"configurationName": "wg0"}).body.decode()
        view = stage.client.view()
    private = stage.panel.configuration("wg0").interface["PrivateKey"]
    assert private in raw
    assert "fake-peer-private-key" in raw
    assert private not in repr(view)
    assert "private" not in repr(view).lower().replace("private of", "")
    assert "PostUp" not in repr(view)
    assert KEY not in repr(view)


def test_one_key_in_many_configurations_is_many_peers(tmp_path: Path) -> None:
    with Stage(tmp_path, count=3) as stage:
        stage.shake_hands("wg1")
        stage.panel.sample()
        view = stage.client.view()
    assert [each.peers_connected for each in view.configurations or ()] == [0, 1, 0]
    peers = [each.peer(key_of("a")) for each in view.configurations or ()]
    assert [peer.configuration for peer in peers if peer] == stage.names


def test_jobs_and_restricted_peers_are_seen(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        job = FakeJob("j1", "wg0", key_of("a"), "total_data", "lgt", "2.5", "restrict")
        stage.panel.worker.jobs.append(job)
        before = stage.client.configuration("wg0")
        assert stage.panel.worker.restrict("wg0", key_of("b"))
        after = stage.client.configuration("wg0")
    assert [peer.jobs for peer in before.peers if peer.name == "a-0"] == [(Job("j1", "total_data", "lgt", "2.5", "restrict"),)]
    assert [peer.public_key for peer in after.peers] == [key_of("a")]
    assert [(peer.public_key, peer.restricted, peer.running) for peer in after.restricted] == [(key_of("b"), True, False)]


def test_a_job_that_is_due_takes_the_peer_out_of_the_kernel_unless_its_thread_is_dead(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        worker = stage.panel.worker
        worker.jobs += [
            FakeJob("late", "wg0", key_of("a"), "date", "lgt", "2020-01-01 00:00:00", "restrict"),
            FakeJob("early", "wg1", key_of("a"), "date", "lgt", "2099-01-01 00:00:00", "restrict"),
        ]
        worker.jobs_thread_lives = False
        worker.run_jobs()
        assert [peer.public_key for peer in stage.world.show("wg0")] == [key_of("a"), key_of("b")]
        worker.jobs_thread_lives = True
        worker.run_jobs()
        assert [peer.public_key for peer in stage.world.show("wg0")] == [key_of("b")]
        assert [job.id for job in worker.jobs] == ["early"]


@pytest.mark.parametrize("version", RELEASES)
def test_a_prefix_is_part_of_the_address(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version, fake={"prefix": "/wg"}) as stage:
        assert stage.settings.url.endswith("/wg")
        assert len(stage.client.view().configurations or ()) == 3
        stage.settings = stage.settings.model_copy(update={"url": stage.settings.url.removesuffix("/wg")})
        with pytest.raises((NotFound, Forbidden)):
            stage.connect().view()


# -- failures


def test_one_configuration_that_fails_stands_alone(tmp_path: Path) -> None:
    """v4.2.3 answers an HTML 500 for a configuration whose file is gone, for it reads the file anew."""
    with Stage(tmp_path, "4.2.3", configurations=["wg1"]) as stage:
        (stage.panel.conf_path / "wg1.conf").unlink()
        view = stage.client.view()
    assert [(each.name, each.error) for each in view.configurations or ()] == [("wg0", ""), ("wg1", "ServerFault"), ("wg2", "")]
    assert (view.configuration("wg1").peers) == ()


def test_a_panel_that_fails_for_all_is_a_panel_that_fails(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.panel.switches.failing = frozenset({INFO})
        with pytest.raises(ServerFault):
            stage.client.view()


def test_a_list_that_fails_once_is_the_last_one_known(tmp_path: Path) -> None:
    """The panel walks over a dictionary that a request is changing: HTML 500 once (contract section 2, gap 3)."""
    with Stage(tmp_path) as stage:
        stage.panel.switches.failing = frozenset({"/api/clients/allConfigurationsPeers"})
        with pytest.raises(ServerFault):
            stage.client.view()
        stage.panel.switches.failing = frozenset()
        before = stage.client.view()
        stage.panel.switches.failing = frozenset({"/api/clients/allConfigurationsPeers"})
        assert stage.client.view() == before


def test_a_panel_that_is_down_or_slow_is_named_so(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.client.view()
        stage.panel.end()
        with pytest.raises(Unreachable):
            stage.client.view()
        stage.panel.boot()
        assert stage.client.view().logins == 2
        stage.panel.switches.slow = 3.0
        stage.settings = stage.settings.model_copy(update={"timeout": 1.1})
        with pytest.raises(DeadlinePassed):
            stage.connect().view()


HOSTILE = {
    "html": b"<html><body>502 Bad Gateway</body></html>",
    "cut": b'{"data":{"configurationInfo":{"Name":"wg0","Sta',
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "no status": b'{"data":{}}',
    "no data": b'{"status":true}',
    "status is a number": b'{"status":1,"data":null,"message":null}',
    "wrong data": b'{"status":true,"data":"text","message":null}',
    "no peers": b'{"status":true,"data":{"configurationInfo":{"Name":"wg0"}}}',
    "not utf-8": b'{"status":true,"data":"\xff\xfe"}',
    "deep": b"[" * 100_000,
    "huge number": b'{"status":true,"data":1' + b"0" * 5000 + b"}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_an_answer_that_nobody_promised_is_unknown_and_nothing_else(body: bytes, tmp_path: Path) -> None:
    with Stage(tmp_path, count=1) as stage:
        stage.client.view()
        stage.panel.switches.answer = body
        with pytest.raises((MalformedAnswer, ServerFault)):
            stage.client.view()
        with pytest.raises(MalformedAnswer):
            stage.connect().view()
        with pytest.raises(MalformedAnswer):
            stage.client.configuration("wg0")


def whole() -> dict[str, Any]:
    return recorded("v433/getWireguardConfigurationInfo_wgs00.json")


SPOILED = [
    ("configurationInfo", "Name", "other"), ("configurationInfo", "Status", "true"), ("configurationInfo", "ListenPort", 51820),
    ("configurationInfo", "Protocol", None), ("peer", "id", ""), ("peer", "id", 7), ("peer", "status", "maybe"),
    ("peer", "latest_handshake", None), ("peer", "total_receive", "1"), ("peer", "total_receive", -1.0), ("peer", "total_sent", True),
    ("peer", "cumu_receive", float("nan")), ("peer", "jobs", "none"), ("peer", "jobs", [{"JobID": 1}]),
]  # fmt: skip


@pytest.mark.parametrize(("where", "key", "value"), SPOILED)
def test_each_field_that_counts_is_looked_at(where: str, key: str, value: object) -> None:
    data = whole()
    target = data["configurationInfo"] if where == "configurationInfo" else data["configurationPeers"][0]
    target[key] = value
    with pytest.raises(MalformedAnswer) as raised:
        answers.configuration(data, "wgs00", THEN)
    assert "other" in str(raised.value) or key.lower() in str(raised.value).lower() or "job" in str(raised.value)


def test_what_may_be_missing_may_be_missing() -> None:
    data = whole()
    data["configurationInfo"] |= {"PublicKey": None, "ListenPort": ""}
    data["configurationPeers"][0] |= {"total_sent": None, "name": None, "endpoint": "(none)", "allowed_ip": "N/A", "jobs": None}
    found = answers.configuration(data, "wgs00", THEN)
    assert (found.public_key, found.listen_port) == ("", None)
    peer = found.peer(data["configurationPeers"][0]["id"])
    assert peer is not None
    assert (peer.tx_bytes, peer.name, peer.endpoint, peer.allowed_ips, peer.jobs) == (0, "", None, frozenset(), ())


@pytest.mark.parametrize(
    ("text", "sampling", "age"),
    [
        ("N/A", Sampling.NEVER_SAMPLED, None), ("No Handshake", Sampling.NO_HANDSHAKE, None), ("0:01:47", Sampling.AGED, 107),
        ("23:59:59", Sampling.AGED, 86399), ("1 day, 2:03:04", Sampling.AGED, 93784), ("20 days, 0:00:05", Sampling.AGED, 1728005),
        ("-1 day, 23:59:50", Sampling.AGED, -10), ("", Sampling.UNREADABLE, None), ("soon", Sampling.UNREADABLE, None),
        ("0:01:47.5", Sampling.UNREADABLE, None), ("1 day", Sampling.UNREADABLE, None),
    ],
)  # fmt: skip
def test_a_handshake_is_an_age_as_text(text: str, sampling: Sampling, age: int | None) -> None:
    assert answers.handshake(text) == Handshake(sampling, age, text)


@given(st.timedeltas())
def test_every_age_python_can_write_is_read(age: Any) -> None:
    found = answers.handshake(str(age).split(".", maxsplit=1)[0])
    if abs(age.days) < 1_000_000:
        assert found.sampling is Sampling.AGED
        assert found.age == age.days * 86400 + age.seconds


@given(st.integers(0, 2**45), st.integers(0, 2**45))
def test_every_number_of_bytes_survives_the_panels_division(rx: int, tx: int) -> None:
    data = whole()
    data["configurationPeers"] = [data["configurationPeers"][0] | {"total_receive": rx / 1024**3, "total_sent": tx / (1024**3)}]
    peer = answers.configuration(data, "wgs00", THEN).peers[0]
    assert (peer.rx_bytes, peer.tx_bytes) == (rx, tx)


WORDS = st.sampled_from(["configurationInfo", "configurationPeers", "configurationRestrictedPeers", "Name", "id", "status", "data"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(LEAVES, lambda each: st.lists(each, max_size=3) | st.dictionaries(WORDS, each, max_size=4), max_leaves=12)


@given(ANYTHING)
def test_whatever_comes_only_the_houses_errors_are_raised(data: object) -> None:
    for parse in (lambda: answers.configuration(data, "wg0", THEN), lambda: answers.names(data), lambda: answers.envelope(data, "x")):
        try:
            parse()
        except WatchdogError:
            continue


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("v4.2.3", (4, 2, 3)), ("v4.3", (4, 3, 0)), ("v4.2.3.0.1", (4, 2, 3)), ("v4.0.beta1", None), ("", None), ("v4.3.0-rc1", (4, 3, 0))],
)
def test_versions(text: str, numbers: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == numbers


@pytest.mark.parametrize(
    ("version", "threshold", "buggy"),
    [
        ("v4.0", 120.0, True), ("v4.2.3", 120.0, True), ("v4.2.5", 120.0, False), ("v4.3", 180.0, False), ("v4.3.3", 180.0, False),
        ("v3.0", 120.0, False), ("strange", 180.0, True),
    ],
)  # fmt: skip
def test_what_a_version_means(version: str, threshold: float, buggy: bool) -> None:
    view = WgdashboardView(version)
    assert (view.threshold, view.may_lose_its_thread) == (threshold, buggy)


def test_exchanges_are_one_at_a_time_for_all_threads(tmp_path: Path) -> None:
    with Stage(tmp_path, count=4) as stage:
        stage.client.view()
        running, most = [0], [0]
        lock = threading.Lock()
        answer = stage.panel.worker.refresh

        def watched(name: str) -> Any:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            try:
                threading.Event().wait(0.02)
                return answer(name)
            finally:
                with lock:
                    running[0] -= 1

        stage.panel.worker.refresh = watched  # type: ignore[method-assign]
        threads = [threading.Thread(target=stage.client.view) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert most == [1]


def test_a_world_behind_unix_sockets_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    world = UapiWorld(tmp_path)
    assert list(world.interfaces()) == []
    with pytest.raises(WgFailed):
        world.show("wg0")


def test_a_blind_client_says_what_to_set(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.2.3") as stage:
        stage.settings = stage.settings.model_copy(update={"directory": None})
        with pytest.raises(Blind, match="configurations_directory"):
            stage.connect().view()
