"""The table of metrics: what a scrape says of given facts."""

from __future__ import annotations

import re

from tests.support.dashboards import FOLDER, load, queries
from watchdog.collectors.wireguard.metrics import ALL_SPECS, SPECS, specs
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.model.metrics import families
from watchdog.model.wireguard import Device, NameFile, Naming, Peer, PeerName, WireguardFacts
from watchdog.runtime.clock import SystemClock

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
    naming=Naming(
        {("", "wg0", KEY): PeerName("laptop", "panel"), ("", "wg0", "never"): PeerName("phone", "file")},
        frozenset({("", "wg0", KEY)}),
        (NameFile("/etc/wireguard/wg0.conf"), NameFile("/etc/wireguard/wg1.conf", "no_permission")),
        (("laptop", 1), ("printer", 0), ("wgdead/*", None)),
    ),
)  # fmt: skip


def rows(name: str, facts: WireguardFacts = FACTS) -> dict[tuple[str, ...], float]:
    (family,) = [family for family in families(ALL_SPECS, facts) if family.metric.name == P + name]
    found = dict(family.rows)
    assert len(found) == len(family.rows), "no label combination twice"
    return found


def test_names_and_labels_are_well_formed():
    for spec in ALL_SPECS:
        metric = spec.metric
        assert re.fullmatch(r"watchdog_wireguard_[a-z_]+", metric.name)
        assert (metric.type == "counter") == metric.name.endswith("_total")
        assert metric.help.endswith(".")
        for labels, _ in spec.rows(FACTS):
            assert len(labels) == len(metric.labels)
    assert len({spec.metric.name for spec in ALL_SPECS}) == len(ALL_SPECS)


def test_each_metric_is_shown_in_the_dashboard():
    asked = " ".join(expression for _, expression in queries(load(FOLDER / "wireguard.json")))
    assert [spec.metric.name for spec in ALL_SPECS if not re.search(rf"\b{spec.metric.name}\b", asked)] == []


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
    assert rows("peer_persistent_keepalive_seconds") == {here: 25}, "off is absent"
    assert rows("peer_endpoint_info") == {(*here, "192.0.2.1:1"): 1}, "and none for those whose endpoint is not known"
    assert rows("peer_allowed_ips_info") == {(*here, "10.0.0.0/24", "IPv4"): 1, (*here, "fd00::/64", "IPv6"): 1}


def test_names_are_in_one_info_and_the_same_key_in_two_devices_is_two_peers():
    assert rows("peer_info") == {
        ("wg0", "", KEY, "laptop"): 1,
        ("wg0", "", "never", "phone"): 1,
        ("wg0", "", "jumped", ""): 1,
        ("wg0", "/var/run/netns/x", KEY, ""): 1,
    }
    assert rows("device_peers_unnamed") == {("wg0", ""): 1, ("wg0", "/var/run/netns/x"): 1, ("wgdown", ""): 0}
    assert rows("peers_named") == {("panel",): 1, ("file",): 1, ("settings",): 0}
    assert rows("name_file_success") == {("/etc/wireguard/wg0.conf",): 1, ("/etc/wireguard/wg1.conf",): 0}


def test_expected_peers_have_a_metric_and_an_entry_that_means_nobody_is_seen_unless_it_cannot_be_known():
    assert rows("peer_expected") == {("wg0", "", KEY, "laptop"): 1}
    assert rows("expect_matches") == {("laptop",): 1, ("printer",): 0}


def test_where_peers_come_from_is_told_only_when_asked_for():
    clock = SystemClock()
    assert specs(WireguardSettings(), clock) == SPECS
    assert specs(WireguardSettings(endpoints=True), clock) == ALL_SPECS
    assert "endpoint" not in {label for spec in SPECS for label in spec.metric.labels}


def test_vanished_devices_and_peers_vanish():
    told = {family.metric.name.removeprefix(P): family.rows for family in families(ALL_SPECS, WireguardFacts()) if family.rows}
    assert told == {"peers_named": ((("panel",), 0), (("file",), 0), (("settings",), 0))}
