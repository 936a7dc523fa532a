"""The fake's threads, files and lives: what the contract's section 2 and 3 say of the real ones, played and not scripted."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.wgdashboard_panel import Stage, key_of
from watchdog.collectors.wireguard.fake import FakeWireguardWorld, fake_key
from watchdog.panels.wgdashboard.fake import RELEASES, DumpWorld, FakePanel, MemoryWorld, UapiWorld, WgFailed, WorldPeer
from watchdog.panels.wgdashboard.view import Configuration
from watchdog.runtime.clock import SimulatedClock, SystemClock


def wait(done: Callable[[], bool], seconds: float = 60.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if done():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come")


def samples(stage: Stage) -> dict[str, object]:
    return {each.name: each.sample for each in stage.client.view().configurations or ()}


def frozen(stage: Stage, rounds: int = 3) -> set[str]:
    """Names whose answers stay the same over some periods of the thread."""
    before, still = samples(stage), set(stage.names)
    for _ in range(rounds):
        stage.one_pass(20.0)
        now = samples(stage)
        still = {name for name in still if now.get(name) == before.get(name)}
    return still


@pytest.mark.parametrize("version", RELEASES)
def test_ages_change_in_every_pass_of_a_living_thread(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version) as stage:
        for name in stage.names:
            stage.shake_hands(name)
        stage.panel.sample()
        assert frozen(stage) == set()
        assert stage.panel.worker.passes == 4


def test_a_configuration_added_during_a_pass_ends_the_old_thread(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.2.3", count=5) as stage:
        for name in stage.names:
            stage.shake_hands(name)
        stage.panel.sample()
        stage.panel.add_during_pass("wg9", [(key_of("new"), "new", ("10.9.0.2/32",))])
        assert stage.one_pass() is False
        assert "RuntimeError: dictionary changed size during iteration" in stage.panel.store.error_log.read_text()
        stage.world.up("wg9", [WorldPeer(key_of("new"), "192.0.2.9:1", ("10.9.0.2/32",), stage.clock.now().wall)])
        assert frozen(stage) == set(stage.names)
        late = stage.client.view().configuration("wg9")
        assert late is not None
        assert [(peer.running, peer.handshake.text) for peer in late.peers] == [(False, "N/A")]
        assert all(peer.running for each in stage.names for peer in [configuration(stage, each).peer(key_of("a"))] if peer)
        assert stage.client.view().names_from == "files", "the panel answers everything, and nobody would know"
        stage.panel.restart()
        stage.one_pass()
        assert [(peer.running, peer.handshake.text) for peer in configuration(stage, "wg9").peers] == [(True, "0:01:10")]


def configuration(stage: Stage, name: str) -> Configuration:
    found = stage.connect().view().configuration(name)
    assert found is not None
    return found


def test_the_same_does_the_newer_thread_no_harm(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.3.3", count=5) as stage:
        stage.panel.add_during_pass("wg9")
        assert stage.one_pass() is True
        assert "Error" not in stage.panel.store.error_log.read_text()


@pytest.mark.parametrize("cause", ["file", "tun"])
def test_one_configuration_that_raises_blinds_all_behind_it_in_the_newer(cause: str, tmp_path: Path) -> None:
    with Stage(tmp_path, "4.3.3", count=5) as stage:
        for name in stage.names:
            stage.shake_hands(name)
        stage.panel.sample()
        if cause == "file":
            (stage.panel.conf_path / "wg2.conf").unlink()
        else:
            stage.world.down("wg2")
            stage.world.add_tun("wg2")
        assert frozen(stage) == {"wg2", "wg3", "wg4"}
        assert stage.panel.thread_lives
        text = stage.panel.store.error_log.read_text()
        assert "Message: '[WGDashboard] Background Thread #1 Error'" in text
        said = {
            "file": "Arguments: (FileNotFoundError(2, 'No such file or directory'),)",
            "tun": "Arguments: (CalledProcessError(1, ['wg', 'show', 'wg2', 'transfer']),)",
        }
        assert said[cause] in text
        if cause == "file":
            stage.client.reread(str(stage.panel.conf_path), 5.0)
            assert stage.one_pass()
            assert {name for name in ("wg3", "wg4") if stage.client.configuration(name).sample} == {"wg3", "wg4"}
            assert stage.client.configuration("wg2").unknown
            stage.names.remove("wg2")
            assert frozen(stage) == set()


def test_the_older_one_passes_it_by(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.2.3", count=4) as stage:
        for name in stage.names:
            stage.shake_hands(name)
        stage.panel.sample()
        stage.world.down("wg1")
        stage.world.add_tun("wg1")
        assert frozen(stage) == {"wg1"}


@pytest.mark.parametrize("version", RELEASES)
def test_the_threshold_is_the_releases(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version, count=1) as stage:
        stage.shake_hands("wg0")
        found = []
        for seconds in (119.0, 2.0, 58.0, 2.0):
            stage.one_pass(seconds)
            peer = stage.connect().configuration("wg0").peer(key_of("a"))
            assert peer is not None
            found.append((peer.handshake.age, peer.running))
    old = version == "4.2.3"
    assert found == [(119, True), (121, not old), (179, not old), (181, False)]


@pytest.mark.parametrize("version", RELEASES)
def test_counters_that_begin_anew_are_moved_aside(version: str, tmp_path: Path) -> None:
    """Contract section 1.4: on an interface restart the total moves to cumu_* and starts again."""
    with Stage(tmp_path, version, count=1) as stage:
        stage.shake_hands("wg0")
        stage.world.traffic("wg0", key_of("a"), rx=5000, tx=700)
        stage.one_pass()
        stage.world.down("wg0")
        stage.raise_device("wg0")
        stage.shake_hands("wg0")
        stage.world.traffic("wg0", key_of("a"), rx=10, tx=20)
        found = []
        for _ in range(2):
            stage.one_pass()
            peer = stage.connect().configuration("wg0").peer(key_of("a"))
            assert peer is not None
            found.append((peer.rx_bytes, peer.tx_bytes, peer.cumulative_rx_bytes, peer.cumulative_tx_bytes))
    assert found == [(0, 0, 5000, 700), (10, 20, 5000, 700)]


def test_what_the_panel_calls_up_is_an_interface_with_an_address(tmp_path: Path) -> None:
    with Stage(tmp_path, count=2) as stage:
        stage.world.flush_addresses("wg0")
        stage.world.down("wg1")
        stage.world.add_tun("wg1")
        assert [each.up for each in stage.client.view().configurations or ()] == [False, True]
        assert len(stage.world.show("wg0")) == 2
        with pytest.raises(WgFailed):
            stage.world.show("wg1")


def test_the_database_is_written_by_each_pass_that_has_something_to_say(tmp_path: Path) -> None:
    with Stage(tmp_path, count=1) as stage:
        stage.shake_hands("wg0")
        stage.panel.sample()
        before = stage.panel.store.database.stat().st_mtime_ns
        wait(lambda: stage.one_pass() and stage.panel.store.database.stat().st_mtime_ns > before)
        stage.panel.kill_thread()
        after = stage.panel.store.database.stat().st_mtime_ns
        for _ in range(3):
            stage.one_pass()
            stage.client.view()
        assert stage.panel.store.database.stat().st_mtime_ns == after
        with sqlite3.connect(f"file:{stage.panel.store.database}?mode=ro", uri=True) as database:
            names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        database.close()
    assert {"wg0", "wg0_restrict_access", "wg0_transfer", "wg0_deleted", "DashboardAPIKeys"} <= names


@pytest.mark.parametrize("version", RELEASES)
def test_a_pass_that_has_nothing_new_to_say_leaves_the_database_alone(version: str, tmp_path: Path) -> None:
    """Seen on a real v4.3.3: sqlite skips an UPDATE that changes nothing, so an old database alone proves no dead thread."""
    with Stage(tmp_path, version, count=2) as stage:
        stage.panel.sample()
        before = stage.panel.store.database.stat().st_mtime_ns
        for _ in range(3):
            assert stage.one_pass()
        assert stage.panel.store.database.stat().st_mtime_ns == before


def test_a_locked_database_costs_one_pass(tmp_path: Path) -> None:
    with Stage(tmp_path, count=2) as stage:
        for name in stage.names:
            stage.shake_hands(name)
        stage.panel.sample()
        with stage.panel.locked_database():
            assert stage.one_pass()
        assert "OperationalError('database is locked')" in stage.panel.store.error_log.read_text()
        assert frozen(stage) == set()


def test_a_start_brings_up_what_autostart_names_and_adds_what_is_up(tmp_path: Path) -> None:
    with Stage(tmp_path, count=3) as stage:
        assert stage.panel.store.settings()["WireGuardConfiguration"]["autostart"] == "wg0||wg1||wg2"
        stage.world.down("wg1")  # by hand, with wg-quick: the panel's list keeps it
        assert not stage.client.configuration("wg1").up
        stage.panel.restart()
        assert stage.client.configuration("wg1").up, "a restart raises what somebody took down (contract section 3.2)"


def test_a_toggle_is_a_flip_and_edits_autostart(tmp_path: Path) -> None:
    with Stage(tmp_path, count=2) as stage:
        for up, listed in ((False, "wg1"), (True, "wg1||wg0")):
            assert stage.send("GET", "/api/toggleWireguardConfiguration", {"configurationName": "wg0"}).json()["data"] is up
            assert stage.panel.store.settings()["WireGuardConfiguration"]["autostart"] == listed


def test_the_list_of_the_page_takes_in_what_is_new(tmp_path: Path) -> None:
    with Stage(tmp_path, count=2) as stage:
        stage.panel.define("wg00")
        assert stage.client.configuration("wg00").unknown
        names = [each["Name"] for each in stage.send("GET", "/api/getWireguardConfigurations").json()["data"]]
        assert names == ["wg0", "wg1", "wg00"]
        assert not stage.client.configuration("wg00").unknown


def test_one_wide_network_would_flood_the_panels_memory(tmp_path: Path) -> None:
    """The inventory that is never asked for: every host of every network is written out (dashboard.py:1279)."""
    with Stage(tmp_path, count=1) as stage:
        stage.panel.append_peer("wg0", key_of("wide"), "wide", ["fd00::/64"])
        stage.panel.sample()
        assert stage.send("GET", "/api/ping/getAllPeersIpAddress").status == 500


def test_threads_of_their_own_pass_by_themselves(tmp_path: Path) -> None:
    world = MemoryWorld()
    clock = SystemClock()
    world.up("wg0", [WorldPeer(key_of("a"), last_handshake=clock.now().wall)])
    panel = FakePanel(world, tmp_path, version="4.2.3", speed=200.0)
    panel.define("wg0", [(key_of("a"), "a", ("10.0.0.2/32",))])
    with panel:
        wait(lambda: panel.worker.passes >= 3)
        wait(lambda: panel.configuration("wg0").peers[0]["status"] == "running")
        panel.define("wg1")
        panel.worker.scan()
        panel.add_during_pass("wg2")
        wait(lambda: not panel.thread_lives)
        passes = panel.worker.passes
        panel.restart()
        wait(lambda: panel.worker.passes >= 2)
        assert panel.thread_lives
        assert passes >= 3
    ended = panel.worker.passes
    threading.Event().wait(0.3)
    assert panel.worker.passes <= ended + 1


def test_the_world_may_be_userspace_daemons_behind_unix_sockets() -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="wgd-") as short, FakeWireguardWorld(Path(short) / "wg", clock) as wireguard:
        wireguard.add_device("wg0", listen_port=51820)
        key = fake_key("laptop")
        wireguard.add_peer("wg0", key, allowed_ips=("10.7.0.2/32",), endpoint="192.0.2.1:51820")
        wireguard.handshake("wg0", key, at=clock.now().wall - 30.0)
        wireguard.traffic("wg0", key, rx=4096, tx=8192)
        world = UapiWorld(
            Path(short) / "wg", raise_device=lambda name: void(wireguard.add_device(name)), lower_device=wireguard.remove_device
        )
        panel = FakePanel(world, Path(short) / "src", background=False, speed=100.0)
        panel.define("wg0", [(key, "laptop", ("10.7.0.2/32",))])
        panel.define("wg1", [(key, "laptop", ("10.8.0.2/32",))])
        panel.set_autostart("wg1")
        with panel:
            assert panel.sample()
            row = panel.configuration("wg0").peers[0]
            assert (row["status"], row["endpoint"], round(row["total_receive"] * 2**30)) == ("running", "192.0.2.1:51820", 4096)
            assert wireguard.device("wg1").name == "wg1"
            wireguard.kill("wg0")
            assert panel.sample()
            assert "CalledProcessError(1, ['wg', 'show', 'wg0', 'transfer'])" in panel.store.error_log.read_text()


def test_the_world_may_be_told_by_a_real_dump(tmp_path: Path) -> None:
    """v423/bug_wg_show_all_dump.txt: what wg said while the panel said stopped."""
    dump = (Path(__file__).parent / "recordings/v423/bug_wg_show_all_dump.txt").read_text(encoding="utf-8")
    ran: list[str] = []

    def command(words: Sequence[str]) -> str:
        ran.append(" ".join(words))
        if words[0] == "wg-quick":
            raise WgFailed("Unable to access interface: Operation not permitted")
        return dump

    world = DumpWorld(command)
    assert sorted(world.interfaces()) == ["wgs00", "wgs24"]
    peers = world.show("wgs24")
    assert [(peer.endpoint, peer.allowed_ips, peer.rx_bytes, peer.tx_bytes) for peer in peers] == [
        ("127.0.0.1:51800", ("10.77.24.2/32",), 500, 92), ("127.0.0.1:51801", ("10.77.24.3/32",), 500, 92),
    ]  # fmt: skip
    assert {peer.last_handshake for peer in peers} == {1795199280.0}
    with pytest.raises(WgFailed):
        world.show("wgs99")
    world.set_peer("wgs24", peers[0])
    world.remove_peer("wgs24", peers[0].public_key)
    assert ran[-2:] == [f"wg set wgs24 peer {peers[0].public_key} {end}" for end in ("allowed-ips 10.77.24.2/32", "remove")]
    panel = FakePanel(world, tmp_path, version="4.2.3", background=False, clock=SimulatedClock(wall=1795199333.0))
    panel.define("wgs24", [(peer.public_key, "", peer.allowed_ips) for peer in peers])
    panel.define("wgs25")
    with panel:
        assert panel.sample()
        assert [row["latest_handshake"] for row in panel.configuration("wgs24").peers] == ["0:00:53"] * 2
        with pytest.raises(WgFailed):
            panel.worker.toggle("wgs25")


def void(_value: object) -> None:
    """Drop a value."""


def test_a_hook_restarts_it_by_its_second_port(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.client.view()
        stage.panel.kill_thread()
        stage.settings = stage.settings.model_copy(update={"url": stage.panel.control_url})
        from watchdog.demo.hook import main  # noqa: PLC0415

        assert main([f"{stage.panel.control_url}/restart"]) == 0
        assert (stage.panel.restarts, stage.panel.thread_lives) == (1, True)
        assert main([f"{stage.panel.control_url}/else"]) == 1
