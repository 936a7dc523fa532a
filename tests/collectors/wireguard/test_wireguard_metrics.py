"""The table of metrics: what a scrape says of given facts."""

from __future__ import annotations

import re

from watchdog.collectors.wireguard.metrics import SPECS
from watchdog.model.metrics import families
from watchdog.model.wireguard import Device, Peer, WireguardFacts

KEY = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="
P = "watchdog_wireguard_"
FACTS = WireguardFacts(
    (
        Device(
            "wg0", "kernel", "", "pub0", 51820, 7, up=True,
            peers=(
                Peer(KEY, "192.0.2.1:1", ("10.0.0.0/24", "fd00::/64"), 1_700_000_000.5, 5, 6, 25, True, True, 3),
                Peer("never", connected=False),
                Peer("jumped", last_handshake=9.0, handshake_trusted=False, connected=None),
            ),
        ),
        Device("wg0", "userspace", "/var/run/netns/x", peers=(Peer(KEY, connected=False),)),
        Device("wgdead", "userspace", error="Unreachable"),
        Device("wgdown", "kernel", up=False),
    ),
    kernel=True,
)  # fmt: skip


def rows(name: str, facts: WireguardFacts = FACTS) -> dict[tuple[str, ...], float]:
    (family,) = [family for family in families(SPECS, facts) if family.metric.name == P + name]
    found = dict(family.rows)
    assert len(found) == len(family.rows), "no label combination twice"
    return found


def test_names_and_labels_are_well_formed():
    for spec in SPECS:
        metric = spec.metric
        assert re.fullmatch(r"watchdog_wireguard_[a-z_]+", metric.name)
        assert (metric.type == "counter") == metric.name.endswith("_total")
        assert metric.help.endswith(".")
        for labels, _ in spec.rows(FACTS):
            assert len(labels) == len(metric.labels)
    assert len({spec.metric.name for spec in SPECS}) == len(SPECS)


def test_devices():
    assert rows("kernel") == {(): 1}
    assert rows("device_success") == {("wg0", ""): 1, ("wg0", "/var/run/netns/x"): 1, ("wgdead", ""): 0, ("wgdown", ""): 1}
    assert rows("device_up") == {("wg0", ""): 1, ("wg0", "/var/run/netns/x"): 1, ("wgdead", ""): 0, ("wgdown", ""): 0}
    assert rows("device_info")[("wg0", "", "kernel", "pub0")] == 1
    assert rows("device_listen_port")[("wg0", "")] == 51820
    assert rows("device_fwmark")[("wg0", "")] == 7
    assert rows("device_peers") == {("wg0", ""): 3, ("wg0", "/var/run/netns/x"): 1, ("wgdown", ""): 0}
    assert rows("device_peers_connected") == {("wg0", ""): 1, ("wg0", "/var/run/netns/x"): 0, ("wgdown", ""): 0}


def test_peers():
    here, there = ("wg0", "", KEY), ("wg0", "/var/run/netns/x", KEY)
    assert rows("peer_connected") == {here: 1, ("wg0", "", "never"): 0, there: 0}
    assert rows("peer_handshake_trusted")[("wg0", "", "jumped")] == 0
    assert rows("peer_last_handshake_timestamp_seconds") == {here: 1_700_000_000.5, ("wg0", "", "jumped"): 9.0}
    assert (rows("peer_receive_bytes_total")[here], rows("peer_transmit_bytes_total")[here]) == (5, 6)
    assert rows("peer_endpoint_changes_total")[here] == 3
    assert rows("peer_info")[(*here, "192.0.2.1:1")] == 1
    assert rows("peer_info")[(*there, "")] == 1
    assert rows("peer_allowed_ips_info") == {(*here, "10.0.0.0/24", "IPv4"): 1, (*here, "fd00::/64", "IPv6"): 1}


def test_vanished_devices_and_peers_vanish():
    assert all(not family.rows for family in families(SPECS, WireguardFacts()))
