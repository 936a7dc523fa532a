"""The names, types, help and labels of two other exporters, so that their dashboards work unchanged. Off by default.

Sources: MindFlavor/prometheus_wireguard_exporter 3.6.6 (2d82a9c, ``src/wireguard.rs``), mdlayher/wireguard_exporter (c67c6d6,
``collector.go``). Both see one network namespace and leave out what they cannot read; so do these tables. Where those exporters break (a
peer without allowed-ips under ``-s``, a handshake in the future or none under ``-d``, a label no Prometheus takes) the row is left out
or bounded instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from watchdog.collectors.wireguard.settings import CompatSet, MindflavorSettings, WireguardSettings
from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row
from watchdog.model.wireguard import Device, Peer, PeerName, WireguardFacts

Rows = Callable[[WireguardFacts], Iterator[Row]]
_NO_KEY = "A" * 43 + "="  # how wgctrl prints the key of a device that has none


def _seen(facts: WireguardFacts) -> Iterator[Device]:
    return (device for device in facts.devices if device.netns == "" and device.error is None)


def _stamp(peer: Peer) -> float:
    return float(int(peer.last_handshake or 0))


# ---- MindFlavor --------------------------------------------------------------------------------------------------------------------------

_MINDFLAVOR_LABELS = ("interface", "public_key", "allowed_ips", "friendly_name")


def _mindflavor_labels(device: Device, peer: Peer, name: PeerName | None, switches: MindflavorSettings) -> tuple[str, ...]:
    """Return the label values of one peer, and after them the pairs of what only some peers have."""
    more: list[str] = []
    allowed = ",".join(peer.allowed_ips) or "(none)"
    if switches.separate_allowed_ips:
        allowed = ""
        for number, cidr in enumerate(peer.allowed_ips):
            address, _, subnet = cidr.partition("/")
            more += [f"allowed_ip_{number}", address, f"allowed_subnet_{number}", subnet]
    if name is not None:
        more += [word for pair in name.labels for word in pair]
    if switches.remote_ip_and_port and peer.endpoint:
        host, _, port = peer.endpoint.rpartition(":")
        more += ["remote_ip", host.strip("[]").partition("%")[0], "remote_port", port]
    friendly = name.text if name is not None and not name.labels else ""
    return (device.name, peer.public_key, allowed, friendly, *more)


def _mindflavor(switches: MindflavorSettings, wall: Callable[[], float]) -> tuple[MetricSpec, ...]:
    def rows(value: Callable[[Peer], float | None]) -> Rows:
        def of(facts: WireguardFacts) -> Iterator[Row]:
            names = facts.naming.names
            for device in _seen(facts):
                for peer in device.peers:
                    found = value(peer)
                    if found is not None:
                        yield _mindflavor_labels(device, peer, names.get(("", device.name, peer.public_key)), switches), found

        return of

    def delay(peer: Peer) -> float | None:
        return max(0.0, float(int(wall() - _stamp(peer)))) if peer.last_handshake else None

    specs = [
        _ragged("sent_bytes_total", "counter", "Bytes sent to the peer", rows(lambda peer: peer.tx_bytes)),
        _ragged("received_bytes_total", "counter", "Bytes received from the peer", rows(lambda peer: peer.rx_bytes)),
        _ragged("latest_handshake_seconds", "gauge", "UNIX timestamp seconds of the last handshake", rows(_stamp)),
        _ragged("latest_handshake_delay_seconds", "gauge", "Seconds from the last handshake", rows(delay)),
    ]
    return tuple(specs if switches.latest_handshake_delay else specs[:-1])


def _ragged(name: str, kind: MetricType, text: str, rows: Rows) -> MetricSpec:
    return MetricSpec(Metric(f"wireguard_{name}", kind, text, _MINDFLAVOR_LABELS, ragged=True), rows)


# ---- mdlayher ----------------------------------------------------------------------------------------------------------------------------

_LABELS = ("device", "public_key")


def _of_each_peer(more: Callable[[WireguardFacts, Device, Peer], Iterable[tuple[tuple[str, ...], float]]]) -> Rows:
    def rows(facts: WireguardFacts) -> Iterator[Row]:
        for device in _seen(facts):
            for peer in device.peers:
                for labels, value in more(facts, device, peer):
                    yield (device.name, peer.public_key, *labels), value

    return rows


def _mdlayher_device(facts: WireguardFacts) -> Iterator[Row]:
    return (((device.name, device.public_key or _NO_KEY), 1.0) for device in _seen(facts))


def _mdlayher_info(facts: WireguardFacts, device: Device, peer: Peer) -> Iterable[tuple[tuple[str, ...], float]]:
    yield (peer.endpoint or "", facts.naming.text(("", device.name, peer.public_key))), 1.0


def _mdlayher_ranges(_facts: WireguardFacts, _device: Device, peer: Peer) -> Iterable[tuple[tuple[str, ...], float]]:
    return (((cidr, "IPv6" if ":" in cidr else "IPv4"), 1.0) for cidr in peer.allowed_ips)


def _number(value: Callable[[Peer], float]) -> Rows:
    return _of_each_peer(lambda _facts, _device, peer: (((), value(peer)),))


def _plain(name: str, kind: MetricType, text: str, rows: Rows, *more: str) -> MetricSpec:
    return MetricSpec(Metric(f"wireguard_{name}", kind, text, (*_LABELS, *more)), rows)


_MDLAYHER = (
    _plain("device_info", "gauge", "Metadata about a device.", _mdlayher_device),
    _plain(
        "peer_info",
        "gauge",
        "Metadata about a peer. The public_key label on peer metrics refers to the peer's public key; not the device's public key.",
        _of_each_peer(_mdlayher_info),
        "endpoint",
        "name",
    ),
    _plain(
        "peer_allowed_ips_info",
        "gauge",
        "Metadata about each of a peer's allowed IP subnets for a given device.",
        _of_each_peer(_mdlayher_ranges),
        "allowed_ips",
        "family",
    ),
    _plain("peer_receive_bytes_total", "counter", "Number of bytes received from a given peer.", _number(lambda peer: peer.rx_bytes)),
    _plain("peer_transmit_bytes_total", "counter", "Number of bytes transmitted to a given peer.", _number(lambda peer: peer.tx_bytes)),
    _plain("peer_last_handshake_seconds", "gauge", "UNIX timestamp for the last handshake with a given peer.", _number(_stamp)),
)


def compat_specs(settings: WireguardSettings, wall: Callable[[], float]) -> tuple[MetricSpec, ...]:
    """Return the tables of the sets that are switched on. ``wall`` tells the wall clock's UNIX seconds."""
    chosen: dict[CompatSet, Callable[[], tuple[MetricSpec, ...]]] = {
        "mindflavor": lambda: _mindflavor(settings.mindflavor, wall),
        "mdlayher": lambda: _MDLAYHER,
    }
    return tuple(spec for name in dict.fromkeys(settings.compat) for spec in chosen[name]())


def compat_metrics() -> dict[CompatSet, tuple[Metric, ...]]:
    """Return every metric of each set, whatever the switches."""
    every = MindflavorSettings(latest_handshake_delay=True)
    sets = {name: WireguardSettings(compat=(name,), mindflavor=every) for name in get_args(CompatSet)}
    return {name: tuple(spec.metric for spec in compat_specs(settings, lambda: 0.0)) for name, settings in sets.items()}
