"""pyroute2's own decoder, as a second opinion on the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from pyroute2.netlink.generic.wireguard import wgmsg

from watchdog.model.wireguard import Device, Peer


def decode_by_pyroute2(datagrams: Iterable[bytes]) -> tuple[Device, ...]:
    """Decode by pyroute2's attribute tree; the merging of messages and peers is ours, for pyroute2 leaves it to its user."""
    devices: dict[str, dict] = {}
    for data in datagrams:
        offset = 0
        while offset < len(data):
            length, kind = struct.unpack_from("=IH", data, offset)
            if kind >= 0x10:
                message = wgmsg(data[offset : offset + length])
                message.decode()
                _merge(message, devices)
            offset += (length + 3) & ~3
    return tuple(
        Device(name, "kernel", "", d["key"], d["port"], d["mark"], tuple(Peer(key, **p) for key, p in d["peers"].items()))
        for name, d in devices.items()
    )


def _merge(message, devices: dict[str, dict]) -> None:
    name = message.get_attr("WGDEVICE_A_IFNAME") or next(reversed(devices))
    device = devices.setdefault(name, {"key": "", "port": 0, "mark": 0, "peers": {}})
    for name, attr in (("key", "WGDEVICE_A_PUBLIC_KEY"), ("port", "WGDEVICE_A_LISTEN_PORT"), ("mark", "WGDEVICE_A_FWMARK")):
        value = message.get_attr(attr)
        if value is not None:
            device[name] = value.decode() if name == "key" else value
    for peer in message.get_attr("WGDEVICE_A_PEERS") or ():
        key = peer.get_attr("WGPEER_A_PUBLIC_KEY").decode()
        known = device["peers"].setdefault(key, {"allowed_ips": ()})
        endpoint = peer.get_attr("WGPEER_A_ENDPOINT")
        if endpoint is not None:
            host = f"[{endpoint['addr']}]" if ":" in endpoint["addr"] else endpoint["addr"]
            known["endpoint"] = f"{host}:{endpoint['port']}"
        stamp = peer.get_attr("WGPEER_A_LAST_HANDSHAKE_TIME")
        if stamp is not None and (stamp["tv_sec"] or stamp["tv_nsec"]):
            known["last_handshake"] = stamp["tv_sec"] + stamp["tv_nsec"] * 1e-9
        for field, attr in (
            ("rx_bytes", "WGPEER_A_RX_BYTES"),
            ("tx_bytes", "WGPEER_A_TX_BYTES"),
            ("keepalive", "WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL"),
        ):
            value = peer.get_attr(attr)
            if value is not None:
                known[field] = value
        known["allowed_ips"] += tuple(allowed["addr"] for allowed in peer.get_attr("WGPEER_A_ALLOWEDIPS") or ())
