"""The table of WireGuard metrics: rows are made of the facts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import get_args

from watchdog.collectors.wireguard.compat import compat_specs
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row
from watchdog.model.moments import Clock
from watchdog.model.wireguard import Device, NameSource, Peer, WireguardFacts

_DEVICE = ("device", "netns")
_PEER = ("device", "netns", "public_key")
_NAMED = (*_PEER, "name")
_SOURCE = "WireGuard's netlink dump or UAPI answer"


def _of_devices(value: Callable[[Device], float]) -> Callable[[WireguardFacts], Iterator[Row]]:
    """One row for each device that could be read."""

    def rows(facts: WireguardFacts) -> Iterator[Row]:
        return (((d.name, d.netns), value(d)) for d in facts.devices if d.error is None)

    return rows


def _of_peers(value: Callable[[Peer], float | None]) -> Callable[[WireguardFacts], Iterator[Row]]:
    """One row for each peer that has this value."""

    def rows(facts: WireguardFacts) -> Iterator[Row]:
        for device in facts.devices:
            for peer in device.peers:
                found = value(peer)
                if found is not None:
                    yield (device.name, device.netns, peer.public_key), found

    return rows


def _success(facts: WireguardFacts) -> Iterator[Row]:
    return (((d.name, d.netns), float(d.error is None)) for d in facts.devices)


def _up(facts: WireguardFacts) -> Iterator[Row]:
    return (((d.name, d.netns), float(d.error is None and d.up is not False)) for d in facts.devices)


def _device_info(facts: WireguardFacts) -> Iterator[Row]:
    return (((d.name, d.netns, d.kind, d.public_key), 1.0) for d in facts.devices)


def _peer_info(facts: WireguardFacts) -> Iterator[Row]:
    names = facts.naming.names.get
    for device in facts.devices:
        for peer in device.peers:
            found = names((device.netns, device.name, peer.public_key))
            yield (device.name, device.netns, peer.public_key, found.text if found is not None else ""), 1.0


def _endpoints(facts: WireguardFacts) -> Iterator[Row]:
    return (((d.name, d.netns, p.public_key, p.endpoint), 1.0) for d in facts.devices for p in d.peers if p.endpoint)


def _unnamed(facts: WireguardFacts) -> Iterator[Row]:
    named = Counter((netns, device) for netns, device, _key in facts.naming.names)  # only peers that are there have names
    return (((d.name, d.netns), len(d.peers) - named[d.netns, d.name]) for d in facts.devices if d.error is None)


def _named_by(facts: WireguardFacts) -> Iterator[Row]:
    counts = dict.fromkeys(get_args(NameSource), 0)
    for name in facts.naming.names.values():
        counts[name.source] += 1
    return (((source,), count) for source, count in counts.items())


def _expected(facts: WireguardFacts) -> Iterator[Row]:
    text = facts.naming.text
    return (((device, netns, key, text((netns, device, key))), 1.0) for netns, device, key in facts.naming.expected)


def _files(facts: WireguardFacts) -> Iterator[Row]:
    return (((file.path,), float(file.error is None)) for file in facts.naming.files)


def _matches(facts: WireguardFacts) -> Iterator[Row]:
    return (((entry,), count) for entry, count in facts.naming.matches if count is not None)


def _allowed_ips(facts: WireguardFacts) -> Iterator[Row]:
    for device in facts.devices:
        for peer in device.peers:
            for cidr in peer.allowed_ips:
                yield (device.name, device.netns, peer.public_key, cidr, "IPv6" if ":" in cidr else "IPv4"), 1.0


def _kernel(facts: WireguardFacts) -> Iterator[Row]:
    if facts.kernel is not None:
        yield (), float(facts.kernel)


def _connected(peer: Peer) -> float | None:
    return None if peer.connected is None else float(peer.connected)


def _spec(name: str, kind: MetricType, text: str, labels: tuple[str, ...], rows: Callable[..., Iterator[Row]]) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_wireguard_{name}", kind, f"{text} From {_SOURCE}.", labels), rows)


def _own(name: str, text: str, labels: tuple[str, ...], rows: Callable[..., Iterator[Row]]) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_wireguard_{name}", "gauge", text, labels), rows)


SPECS: tuple[MetricSpec, ...] = (
    MetricSpec(
        Metric("watchdog_wireguard_kernel", "gauge", "Whether this kernel has WireGuard built in or loaded. From /sys/module/wireguard."),
        _kernel,
    ),
    _spec("device_success", "gauge", "Whether the device could be read in the last look; a dead or silent daemon is 0.", _DEVICE, _success),
    _spec("device_up", "gauge", "Whether the device answers and its link is not down; 0 while its daemon is dead or silent.", _DEVICE, _up),
    _spec("device_info", "gauge", "Always 1; kind is kernel or userspace.", (*_DEVICE, "kind", "public_key"), _device_info),
    _spec("device_listen_port", "gauge", "UDP port the device listens on; 0 = none.", _DEVICE, _of_devices(lambda d: d.listen_port)),
    _spec("device_fwmark", "gauge", "Mark of the packets the device sends; 0 = off.", _DEVICE, _of_devices(lambda d: d.fwmark)),
    _spec("device_peers", "gauge", "Peers of the device.", _DEVICE, _of_devices(lambda d: len(d.peers))),
    _spec(
        "device_peers_connected",
        "gauge",
        "Peers of the device that are connected; those whose handshake's age is unknown do not count.",
        _DEVICE,
        _of_devices(lambda d: sum(p.connected is True for p in d.peers)),
    ),
    _spec(
        "peer_connected",
        "gauge",
        "Whether the last handshake was younger than connected_within (default 180 s) when it was read; absent while that is unknown.",
        _PEER,
        _of_peers(_connected),
    ),
    _spec(
        "peer_handshake_trusted",
        "gauge",
        "0 after a jump of the wall clock until the handshake's stamp changes, and while it lies in the future: its age is unknown then.",
        _PEER,
        _of_peers(lambda p: float(p.handshake_trusted)),
    ),
    _spec(
        "peer_last_handshake_timestamp_seconds",
        "gauge",
        "UNIX time of the last handshake; absent when there never was one.",
        _PEER,
        _of_peers(lambda p: p.last_handshake),
    ),
    _spec(
        "peer_receive_bytes_total",
        "counter",
        "Bytes received from the peer since the device began.",
        _PEER,
        _of_peers(lambda p: p.rx_bytes),
    ),
    _spec("peer_transmit_bytes_total", "counter", "Bytes sent to the peer since the device began.", _PEER, _of_peers(lambda p: p.tx_bytes)),
    _spec(
        "peer_persistent_keepalive_seconds",
        "gauge",
        "How often we send the peer something when there is no traffic; absent = off (the peer itself may do it).",
        _PEER,
        _of_peers(lambda p: p.keepalive or None),
    ),
    _spec(
        "peer_endpoint_changes_total",
        "counter",
        "Moves of the peer from one endpoint to another, counted in memory between two looks since this program began.",
        _PEER,
        _of_peers(lambda p: p.endpoint_changes),
    ),
    _own(
        "peer_info",
        "Always 1; name is what people call the peer, empty when nobody told. From panels, files and settings.",
        _NAMED,
        _peer_info,
    ),
    _own("device_peers_unnamed", "Peers of the device that nobody gave a name. From panels, files and settings.", _DEVICE, _unnamed),
    _own("peers_named", "Peers by who told their name: panel, file or settings (of several the first counts).", ("source",), _named_by),
    _own(
        "name_file_success",
        "Whether a configuration file could be read for names, or the directory it would be in; 0 = not, and its last good content stands.",
        ("path",),
        _files,
    ),
    _own("peer_expected", "1 for each peer that shall be connected always. From the settings.", _NAMED, _expected),
    _own(
        "expect_matches",
        "Peers that an entry `always` of the settings means; absent when there are none but a device cannot be read.",
        ("entry",),
        _matches,
    ),
    _spec(
        "peer_allowed_ips_info",
        "gauge",
        "Always 1, one for each allowed range of the peer.",
        (*_PEER, "allowed_ips", "family"),
        _allowed_ips,
    ),
)
ENDPOINTS = _spec(
    "peer_endpoint_info", "gauge", "Always 1; where the peer comes from. Only with `endpoints: true`.", (*_PEER, "endpoint"), _endpoints
)
ALL_SPECS: tuple[MetricSpec, ...] = (*SPECS, ENDPOINTS)
"""Every table of ours that can occur."""


def specs(settings: WireguardSettings, clock: Clock) -> tuple[MetricSpec, ...]:
    """Return the tables that are exported with these settings."""
    return (*(ALL_SPECS if settings.endpoints else SPECS), *compat_specs(settings, lambda: clock.now().wall))
