"""Checks against a real kernel's WireGuard: a program that runs inside a guest, or natively in a network namespace of its own.

Usage: kernel_checks.py RESULTS. Writes one JSON line per check: {"check", "ok", "detail", "seconds"}. Each check makes its own devices
and removes them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.support.netns import netns, veth
from tests.support.wireguard import assert_equals_wg, new_key, parse_dump, peers_config, poll, run, wg_dump
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.decode import decode
from watchdog.collectors.wireguard.netlink import read_kernel, wireguard_links
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.collectors.wireguard.wire import attribute, dump, route_wire, wireguard_wire
from watchdog.errors import Forbidden
from watchdog.runtime.clock import SystemClock

CLOCK = SystemClock()
PATIENT = WireguardSettings(deadline=240.0, device_deadline=120.0, connected_within=3600.0)


def collector() -> WireguardCollector:
    return WireguardCollector(PATIENT, CLOCK)


@contextlib.contextmanager
def device(name: str, config: str | None = None, *, up: bool = False) -> Iterator[str]:
    run("ip", "link", "add", name, "type", "wireguard")
    try:
        if config is not None:
            configure(name, "setconf", config)
        if up:
            run("ip", "link", "set", name, "up")
        yield name
    finally:
        subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


def raw_dump(name: str) -> list[bytes]:
    until = CLOCK.now().mono + 60
    with route_wire(CLOCK) as route:
        (index,) = (link.index for link in wireguard_links(route, until).values() if link.name == name)
    with wireguard_wire(CLOCK) as (wire, family):
        return dump(wire, family, bytes((0, 1, 0, 0)) + attribute(1, index.to_bytes(4, sys.byteorder)), until)


def no_device_is_no_error():
    facts = collector().collect()
    assert facts.devices == ()
    assert facts.kernel is True


def configure(name: str, verb: str, config: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir="/run") as file:
        file.write(config)
        file.flush()
        run("wg", verb, name, file.name)


def equals_wg_while_it_grows():
    """1, 21, 90, 1,000 and 2,000 peers of every sort; what has not changed stays the same object."""
    seen = []
    with device("wg0", peers_config(1)):
        looker = collector()
        for count, before in ((1, 0), (21, 1), (90, 21), (1000, 90), (2000, 1000)):
            if before:
                configure("wg0", "addconf", peers_config(count - before, start=before))
            (found,) = assert_equals_wg(looker.collect).devices
            assert (len(found.peers), found.kind, found.error) == (count, "kernel", None)
            if count <= 90:  # everything takes ten times as long in here
                kept = {peer.public_key: peer for peer in found.peers}
                (again,) = looker.collect().devices
                assert all(kept[peer.public_key] is peer for peer in again.peers)
            seen.append(count)
    return seen


def two_namespaces_with_a_live_tunnel():
    """Devices of one name in two other namespaces, told by their paths."""
    with netns("a") as left, netns("b") as right, veth(left, right):
        ends = [(place, *new_key()) for place in (left, right)]
        for number, (place, private, _public) in enumerate(ends):
            other, address = ends[1 - number], f"10.77.0.{2 - number}"
            place.run("ip", "link", "add", "wg0", "type", "wireguard")
            place.run(
                "wg", "set", "wg0", "private-key", "/dev/stdin", "listen-port", "4000", "peer", other[2],
                "endpoint", f"{address}:4000", "persistent-keepalive", "5", "allowed-ips", "10.9.0.0/24",
                stdin=private + "\n",
            )  # fmt: skip
            place.run("ip", "link", "set", "wg0", "up")
        chosen = PATIENT.model_copy(update={"namespace_deadline": 120.0, "netns": (left.path, right.path)})
        looker = WireguardCollector(chosen, CLOCK)
        poll("both are connected", lambda: [d.peers[0].connected for d in looker.collect().devices] == [True, True], 240)
        for number, (place, _private, _public) in enumerate(ends):
            place.run("wg", "set", "wg0", "peer", ends[1 - number][2], "persistent-keepalive", "0")
        facts = looker.collect()
        assert [(d.name, d.netns, d.kind, d.up, d.error) for d in facts.devices] == [
            ("wg0", str(place.path), "kernel", True, None) for place in (left, right)
        ]
        for place, _private, public in ends:
            dumps = lambda p=place: parse_dump(p.run("wg", "show", "all", "dump"))  # noqa: E731
            mine = lambda p=place: replace(  # noqa: E731
                f := looker.collect(), devices=tuple(d for d in f.devices if d.netns == str(p.path))
            )
            assert_equals_wg(mine, dumped=dumps)
            assert dumps()["wg0"].public_key == public
        right.run("ip", "link", "del", "wg0")
        assert [d.netns for d in looker.collect().devices] == [str(left.path)]
    gone = looker.collect()
    assert [(n.label, n.error) for n in gone.namespaces] == [(str(place.path), "NotFound") for place in (left, right)]
    assert [(d.name, d.error) for d in gone.devices] == [("wg0", "NotFound")], "the device last seen there fails by name"


def peer_with_500_allowed_ips():
    with device("wg0", peers_config(3, seed=5, allowed_ips=500)):
        facts = assert_equals_wg(collector().collect)
        assert {len(peer.allowed_ips) for peer in facts.devices[0].peers} == {500}
        everything = b"".join(raw_dump("wg0"))
        split = [peer for peer in facts.devices[0].peers if everything.count(base64.b64decode(peer.public_key)) > 1]
        assert split, "a peer must be split over two messages for this check to mean anything"


def same_peer_in_two_devices():
    _, public = new_key()
    with device("wg0", up=True), device("wg1"):
        run("wg", "set", "wg0", "peer", public, "allowed-ips", "10.0.0.1/32")
        run("wg", "set", "wg1", "peer", public, "allowed-ips", "10.0.0.2/32", "persistent-keepalive", "7")
        facts = assert_equals_wg(collector().collect)
        assert [d.peers[0].public_key for d in facts.devices] == [public, public]
        assert [d.peers[0].allowed_ips for d in facts.devices] == [("10.0.0.1/32",), ("10.0.0.2/32",)]
        assert [d.up for d in facts.devices] == [True, False]


def device_without_key_or_port():
    with device("wg0"):
        assert_equals_wg(collector().collect)


def link_local_endpoint_keeps_its_zone():
    _, public = new_key()
    with device("wg0"):
        run("wg", "set", "wg0", "peer", public, "endpoint", "[fe80::1%lo]:4500")
        (found,) = collector().collect().devices
        assert found.peers[0].endpoint == "[fe80::1%1]:4500", found.peers[0].endpoint


def live_handshake():
    keys = {name: new_key() for name in ("wg0", "wg1")}
    ports = {"wg0": 40001, "wg1": 40002}
    with device("wg0"), device("wg1"):
        for here, there in (("wg0", "wg1"), ("wg1", "wg0")):
            run("wg", "set", here, "private-key", "/dev/stdin", "listen-port", str(ports[here]), stdin=keys[here][0] + "\n")
            run(
                "wg", "set", here, "peer", keys[there][1], "endpoint", f"127.0.0.1:{ports[there]}", "persistent-keepalive", "5",
                "allowed-ips", "10.9.0.0/24",
            )  # fmt: skip
        for name in keys:
            run("ip", "link", "set", name, "up")
        for here, there in (("wg0", "wg1"), ("wg1", "wg0")):
            poll(f"a handshake on {here}", lambda h=here, t=there: wg_dump(h)[h].peers[keys[t][1]].last_handshake > 0, 240)
        for here, there in (("wg0", "wg1"), ("wg1", "wg0")):
            # else counters move between two dumps of a slow guest
            run("wg", "set", here, "peer", keys[there][1], "persistent-keepalive", "0")
        facts = assert_equals_wg(collector().collect)
        for found in facts.devices:
            assert found.peers[0].connected is True
            assert found.peers[0].rx_bytes > 0
            assert abs(time.time() - found.peers[0].last_handshake) < 1200


def decoder_equals_pyroute2():
    from tests.collectors.wireguard.by_pyroute2 import decode_by_pyroute2  # noqa: PLC0415

    for count, options in ((1, {}), (40, {}), (2, {"allowed_ips": 400})):
        with device("wg0", peers_config(count, seed=count, **options)):
            datagrams = raw_dump("wg0")
            assert decode(datagrams) == decode_by_pyroute2(datagrams)
            assert len(decode(datagrams)[0].peers) == count


def devices_come_and_go_while_reading():
    """Others are added and removed flat out; the stable one is whole in every look and nothing is torn."""
    stop, rounds = threading.Event(), []
    config = peers_config(60, seed=9)
    passing = peers_config(15, seed=10)  # one message of wg's, so that the kernel itself never has a part of them

    def churn() -> None:
        with tempfile.NamedTemporaryFile("w", dir="/run") as file:
            file.write(passing)
            file.flush()
            while not stop.is_set():
                name = f"wgx{len(rounds) % 3}"
                run("ip", "link", "add", name, "type", "wireguard")
                run("wg", "setconf", name, file.name)
                run("ip", "link", "del", name)
                rounds.append(name)

    with device("wgstable", config):
        expected = assert_equals_wg(collector().collect).devices[0].peers
        thread = threading.Thread(target=churn)
        thread.start()
        seen_passing, looks, torn = 0, 0, []
        try:
            end = time.monotonic() + 240
            while (looks < 20 or seen_passing < 5 or len(rounds) < 6) and time.monotonic() < end:
                facts = collector().collect()
                looks += 1
                stable = facts.device("wgstable")
                assert stable is not None
                assert stable.error is None, stable
                assert stable.peers == expected
                for other in facts.devices:
                    if other.name != "wgstable":
                        seen_passing += 1
                        assert other.error is None, other
                        if len(other.peers) not in (0, 15):  # before its setconf, or after
                            torn.append(len(other.peers))
        finally:
            stop.set()
            thread.join()
        assert torn == []
        assert looks >= 20
        assert len(rounds) >= 6
        assert seen_passing >= 5
        return {"looks": looks, "seen_passing": seen_passing, "rounds": len(rounds)}


def peers_change_while_reading():
    """Peers are added and removed flat out; each look has all the stable peers, once, or names the interruption."""
    rng = random.Random(4)
    extra = [base64.b64encode(rng.randbytes(32)).decode() for _ in range(8)]
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for key in extra:
                run("wg", "set", "wg0", "peer", key, "allowed-ips", "")
            for key in extra:
                run("wg", "set", "wg0", "peer", key, "remove")

    with device("wg0", peers_config(150, seed=11)):
        stable = {peer.public_key for peer in collector().collect().devices[0].peers}
        thread = threading.Thread(target=churn)
        thread.start()
        interrupted = 0
        try:
            for _ in range(12):
                (found,) = collector().collect().devices
                if found.error is not None:
                    interrupted += 1
                    assert found.error == "Temporary"
                    continue
                keys = [peer.public_key for peer in found.peers]
                assert len(keys) == len(set(keys))
                assert stable <= set(keys)
                assert set(keys) <= stable | set(extra)
        finally:
            stop.set()
            thread.join()
        return {"interrupted": interrupted}


def deleted_device_is_left_out():
    with device("wg0", peers_config(5)), device("wg1", peers_config(5, seed=2)):
        until = CLOCK.now().mono + 60
        with route_wire(CLOCK) as route:
            links = wireguard_links(route, until)
        run("ip", "link", "del", "wg0")
        from watchdog.collectors.wireguard.netlink import _Round  # noqa: PLC0415

        found = _Round(CLOCK, until, 60, "wireguard", {}).read(links)
        assert [d.name for d, error in found.values() if error is None] == ["wg1"]
        assert all(error is None for _, error in found.values())


def without_capability_is_forbidden():
    with device("wg0", peers_config(3)):
        reader, writer = os.pipe()
        child = os.fork()  # one thread here: the checks run one after another
        if child == 0:
            os.setgid(65534)
            os.setuid(65534)
            ((found, error),) = read_kernel(CLOCK, 60, 60)
            try:
                collector().collect()
                raised = "nothing"
            except Forbidden as forbidden:
                raised = str(forbidden)
            os.write(writer, json.dumps([found.name, found.error, str(error), raised]).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            name, error, said, raised = json.loads(pipe.read())
        os.waitpid(child, 0)
        assert (name, error) == ("wg0", "Forbidden")
        assert "CAP_NET_ADMIN" in said
        assert "CAP_NET_ADMIN" in raised


CHECKS = (
    no_device_is_no_error,
    equals_wg_while_it_grows,
    peer_with_500_allowed_ips,
    same_peer_in_two_devices,
    device_without_key_or_port,
    link_local_endpoint_keeps_its_zone,
    live_handshake,
    two_namespaces_with_a_live_tunnel,
    decoder_equals_pyroute2,
    deleted_device_is_left_out,
    devices_come_and_go_while_reading,
    peers_change_while_reading,
    without_capability_is_forbidden,
)


def main(results: Path) -> None:
    with results.open("a", buffering=1) as file:
        for check in CHECKS:
            began = time.monotonic()
            try:
                detail, ok = check(), True
            except Exception:  # noqa: BLE001
                detail, ok = traceback.format_exc(), False
            file.write(
                json.dumps({"check": check.__name__, "ok": ok, "detail": detail, "seconds": round(time.monotonic() - began, 2)}) + "\n"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
