"""Real wireguard-go: facts equal ``wg show all dump``, and what is seen when a daemon is killed or stopped."""

from __future__ import annotations

import pytest

from tests.support.wireguard import assert_equals_wg, peers_config, poll, real_device, real_tunnel, require_wireguard, run
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.runtime.clock import SystemClock

pytestmark = [pytest.mark.wireguard, pytest.mark.xdist_group("wireguard"), pytest.mark.timeout(300)]

CLOCK = SystemClock()
PATIENT = WireguardSettings(deadline=60.0, device_deadline=30.0)


@pytest.fixture(autouse=True)
def _here():
    require_wireguard()


def test_facts_of_a_live_tunnel_equal_wg():
    collector = WireguardCollector(PATIENT, CLOCK)
    # a slow keepalive, so that wg shows the same twice in a row
    with real_tunnel(keepalive=5) as (left, right):
        facts = assert_equals_wg(collector.collect, {left.name, right.name})
        for end, other in ((left, right), (right, left)):
            device = facts.device(end.name)
            assert device is not None
            assert (device.kind, device.up, device.error, device.public_key) == ("userspace", True, None, end.public_key)
            (peer,) = device.peers
            assert (peer.public_key, peer.endpoint) == (other.public_key, f"127.0.0.1:{other.port}")
            assert peer.connected is True
            assert peer.rx_bytes > 0
            assert peer.tx_bytes > 0
            assert len(peer.allowed_ips) == 2


@pytest.mark.parametrize(("count", "ranges"), [(1, 2), (21, 2), (90, 2), (1000, 2), (2000, 2), (2, 500)])
def test_facts_of_many_peers_equal_wg(count: int, ranges: int, tmp_path):
    config = tmp_path / "wg.conf"
    config.write_text(peers_config(count, allowed_ips=ranges))
    with real_device() as device:
        run("wg", "setconf", device.name, str(config))
        facts = assert_equals_wg(WireguardCollector(PATIENT, CLOCK).collect, {device.name})
        assert len(facts.devices[0].peers) == count


def test_a_killed_daemon_leaves_its_socket_and_is_a_named_failure():
    collector = WireguardCollector(PATIENT, CLOCK)
    for _ in range(5):
        with real_tunnel() as (left, right):
            left.kill()
            facts = collector.collect()
            if not left.socket.exists():
                continue  # a `wg` of somebody else on this machine has met the dead socket, and deletes such
            dead, well = facts.device(left.name), facts.device(right.name)
            assert dead is not None
            assert (dead.error, dead.peers, dead.up) == ("Unreachable", (), None)
            assert well is not None
            assert (well.error, len(well.peers)) == (None, 1)
            left.socket.unlink()
            assert collector.collect().device(left.name) is None
            return
    pytest.fail("a killed daemon's socket never stayed")


def test_a_stopped_daemon_is_silent_and_named_and_recovers():
    collector = WireguardCollector(WireguardSettings(device_deadline=1.0), CLOCK)
    with real_device() as device:
        device.pause()
        found = collector.collect().device(device.name)
        assert found is not None
        assert found.error == "DeadlinePassed"
        device.resume()
        poll("the daemon answers again", lambda: (d := collector.collect().device(device.name)) is not None and d.error is None)


def test_a_daemon_that_ends_in_order_vanishes():
    collector = WireguardCollector(PATIENT, CLOCK)
    with real_device() as device:
        assert collector.collect().device(device.name) is not None
        device.process.terminate()
        device.process.wait(30)
        assert collector.collect().device(device.name) is None
