"""The collector: both kinds joined, failures with names, and devices that come and go while it looks."""

from __future__ import annotations

import base64
import functools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.collectors.wireguard.collector import WireguardCollector, build, join
from watchdog.collectors.wireguard.fake import FakeWireguardWorld, fake_key
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.errors import BadSettings, Forbidden, Stopping, Unreachable
from watchdog.model.wireguard import Device, Peer
from watchdog.runtime.clock import SystemClock

CLOCK = SystemClock()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FakeWireguardWorld]:
    with FakeWireguardWorld(tmp_path / "wg", CLOCK) as world:
        yield world


def settings_for(world: FakeWireguardWorld, **more: object) -> WireguardSettings:
    return WireguardSettings(sockets=(world.directory,), device_deadline=60.0, **more)


def nothing() -> tuple[()]:
    return ()


def test_settings_have_sane_defaults():
    settings = WireguardSettings()
    assert (settings.enabled, settings.interval, settings.connected_within) == ("auto", 15.0, 180.0)
    assert [str(path) for path in settings.sockets] == ["/var/run/wireguard", "/var/run/amneziawg"]
    assert issubclass(BadSettings, Exception)
    with pytest.raises(ValueError, match="not a duration"):
        WireguardSettings.model_validate({"interval": 15})


def test_both_kinds_are_joined_in_order_and_a_kernel_link_wins_over_a_leftover_socket():
    kernel = [(Device("wg1", "kernel"), None), (Device("b", "kernel"), None)]
    dead = Unreachable("dead")
    userspace = [(Device("wg1", "userspace", error="Unreachable"), dead), (Device("a", "userspace"), None)]
    assert [(device.name, device.kind) for device, _ in join(kernel, userspace)] == [("a", "userspace"), ("b", "kernel"), ("wg1", "kernel")]


def test_facts_of_a_world(world: FakeWireguardWorld):
    world.add_device("wg0")
    key = fake_key("laptop")
    world.add_peer("wg0", key, endpoint="192.0.2.1:1", allowed_ips=("10.0.0.2/32",))
    world.handshake("wg0", key)
    collector = WireguardCollector(settings_for(world), CLOCK, kernel=nothing)
    (peer,) = collector.collect().devices[0].peers
    assert (peer.connected, peer.handshake_trusted, peer.endpoint_changes) == (True, True, 0)
    world.roam("wg0", key, "192.0.2.2:2")
    assert collector.collect().devices[0].peers[0].endpoint_changes == 1
    world.remove_peer("wg0", key)
    assert collector.collect().devices[0].peers == ()


def test_a_dead_daemon_is_a_device_with_a_named_failure_and_no_failure_of_the_collection(world: FakeWireguardWorld):
    world.add_device("wg0")
    world.add_device("wg1")
    world.kill("wg0")
    facts = WireguardCollector(settings_for(world), CLOCK, kernel=nothing).collect()
    assert [(device.name, device.error) for device in facts.devices] == [("wg0", "Unreachable"), ("wg1", None)]


def test_one_forbidden_device_is_named_and_only_forbidden_ones_fail_the_collection():
    refused = (Device("wg0", "kernel", error="Forbidden"), Forbidden("lacks CAP_NET_ADMIN"))
    well = (Device("wg1", "userspace"), None)
    settings = WireguardSettings()
    facts = WireguardCollector(settings, CLOCK, kernel=lambda: [refused], userspace=lambda: [well]).collect()
    assert [device.error for device in facts.devices] == ["Forbidden", None]
    with pytest.raises(Forbidden, match="CAP_NET_ADMIN"):
        WireguardCollector(settings, CLOCK, kernel=lambda: [refused], userspace=nothing).collect()


def test_a_failure_and_a_recovery_are_said_once_each(
    world: FakeWireguardWorld, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []
    from watchdog.collectors.wireguard import collector as room  # noqa: PLC0415

    class Ear:
        def info(self, event: str, **facts: object) -> None:
            said.append(f"info {event} {facts.get('device', '')}".strip())

        def warning(self, event: str, **facts: object) -> None:
            said.append(f"warning {event} {facts['device']} {facts['error']}")

    monkeypatch.setattr(room, "log", Ear())
    world.add_device("wg0")
    collector = WireguardCollector(settings_for(world), CLOCK, kernel=lambda: [(Device("k", "kernel"), None)])
    for step in ("kill", "", "revive", ""):
        if step:
            getattr(world, step)("wg0")
        collector.collect()
    assert said == ["warning a WireGuard device cannot be read wg0 Unreachable", "info a WireGuard device is readable again, or gone wg0"]


def test_a_new_generation_inherits_the_memory_and_the_abandoned_one_cannot_touch_it(world: FakeWireguardWorld):
    world.add_device("wg0")
    key = fake_key("phone")
    world.add_peer("wg0", key, endpoint="192.0.2.1:1")
    spec = build(settings_for(world), CLOCK)
    assert (spec.name, spec.interval, spec.deadline) == ("wireguard", 15.0, 10.0)
    make = spec.factory
    old = make()
    old.collect()
    world.roam("wg0", key, "192.0.2.1:2")
    old.collect()
    new = make()
    assert new.collect().devices[0].peers[0].endpoint_changes == 1
    with pytest.raises(Stopping):
        old.collect()


@pytest.mark.timeout(300)
def test_fifty_devices_come_and_go_while_collecting_flat_out(world: FakeWireguardWorld):
    """No error, no stable device missed, no torn snapshot: every device that is there is whole."""
    stable = [f"stable{number}" for number in range(5)]
    for name in stable:
        fill(world, name)
    collector = WireguardCollector(settings_for(world), CLOCK, kernel=nothing)
    stop = threading.Event()
    rounds = 0

    def churn() -> None:
        nonlocal rounds
        while not stop.is_set():
            for number in range(50):
                with world._lock:  # a device and its peers in one step, so that less than all of them is torn
                    fill(world, f"wg{number:02}")
            stop.wait(0.005)  # some looks must meet all of them, however the threads are scheduled
            for number in range(50):
                world.remove_device(f"wg{number:02}")
            rounds += 1

    thread = threading.Thread(target=churn, daemon=True)
    thread.start()
    looks, passing, most = 0, 0, 0
    end = time.monotonic() + 120
    try:
        while (looks < 150 or passing < 500 or rounds < 3) and time.monotonic() < end:
            facts = collector.collect()
            looks += 1
            names = [device.name for device in facts.devices]
            assert names == sorted(set(names))
            assert set(stable) <= set(names)
            for device in facts.devices:
                assert device.error is None, device
                assert device.peers == expected_peers(device.name)
            passing += len(names) - len(stable)
            most = max(most, len(names) - len(stable))
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert most >= 10, "collecting must have met many of them at once"


PEERS = 8


def fill(world: FakeWireguardWorld, name: str) -> None:
    world.add_device(name, listen_port=sum(name.encode()))
    for number in range(PEERS):
        world.add_peer(name, fake_key(f"{name}/{number}"), allowed_ips=(f"10.0.0.{number}/32",))


@functools.cache
def expected_peers(name: str) -> tuple[Peer, ...]:
    peers = [Peer(fake_key(f"{name}/{n}"), allowed_ips=(f"10.0.0.{n}/32",), connected=False) for n in range(PEERS)]
    return tuple(sorted(peers, key=lambda peer: base64.b64decode(peer.public_key)))
