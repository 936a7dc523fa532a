"""An encoder of kernel WireGuard dumps: random devices as hypothesis strategies, and their bytes in every shape a kernel may choose."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, inet_ntop

from hypothesis import strategies as st

from watchdog.model.wireguard import Device, Peer

FAMILY_ID = 29
NESTED = 0x8000


@dataclass
class WirePeer:
    key: bytes
    preshared: bytes
    stamp: tuple[int, int]
    keepalive: int
    tx: int
    rx: int
    endpoint: tuple[int, bytes, int] | None  # family, address, port
    allowed: list[tuple[int, bytes, int]]  # family, address, mask

    def expected(self) -> Peer:
        sec, nsec = self.stamp
        return Peer(
            public_key=base64.b64encode(self.key).decode(),
            endpoint=None if self.endpoint is None else _endpoint_text(*self.endpoint),
            allowed_ips=tuple(f"{inet_ntop(family, address)}/{mask}" for family, address, mask in self.allowed),
            last_handshake=sec + nsec * 1e-9 if sec or nsec else None,
            rx_bytes=self.rx,
            tx_bytes=self.tx,
            keepalive=self.keepalive,
        )


@dataclass
class WireDevice:
    name: str
    key: bytes | None
    private: bytes
    port: int
    mark: int
    peers: list[WirePeer] = field(default_factory=list)

    def expected(self) -> Device:
        public = "" if self.key is None else base64.b64encode(self.key).decode()
        return Device(self.name, "kernel", "", public, self.port, self.mark, tuple(peer.expected() for peer in self.peers))


@dataclass
class Shape:
    """How a kernel lays it out. ``parts`` and ``fresh`` are consumed one by one and begin anew when used up."""

    parts: list[int]  # into how many pieces each peer's allowed-ips go
    fresh: list[bool]  # whether a peer or a piece begins a new message
    together: int  # messages per datagram
    shuffled: bool  # another order of attributes than today's kernels
    padded: bool  # padding attributes in front of 64-bit numbers, as on machines that need alignment
    named: bool  # whether later messages repeat the device's name


def _endpoint_text(family: int, address: bytes, port: int) -> str:
    text = inet_ntop(family, address)
    return f"[{text}]:{port}" if family == AF_INET6 else f"{text}:{port}"


def attr(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, payload: bytes, flags: int = 2, sequence: int = 1) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0) + payload


def done(code: int = 0, flags: int = 2, sequence: int = 1) -> bytes:
    return message(3, struct.pack("=i", code), flags, sequence)


def error(code: int, sequence: int = 1) -> bytes:
    return message(2, struct.pack("=i", -code) + bytes(16), 0, sequence)


def _sockaddr(family: int, address: bytes, port: int) -> bytes:
    if family == AF_INET:
        return struct.pack("=H", family) + struct.pack(">H", port) + address + bytes(8)
    return struct.pack("=H", family) + struct.pack(">H", port) + bytes(4) + address + bytes(4)


def _allowed(entries: list[tuple[int, bytes, int]]) -> bytes:
    nests = [
        attr(0 | NESTED, attr(3, bytes([mask])) + attr(1, struct.pack("=H", family)) + attr(2, address))
        for family, address, mask in entries
    ]
    return attr(9 | NESTED, b"".join(nests))


def _number(kind: int, value: int, shape: Shape) -> bytes:
    return (attr(0, b"") if shape.padded else b"") + attr(kind, struct.pack("=Q", value))


def _first_piece(peer: WirePeer, allowed: list[tuple[int, bytes, int]], shape: Shape) -> bytes:
    attributes = [
        attr(1, peer.key),
        attr(2, peer.preshared),
        attr(6, struct.pack("=qq", *peer.stamp)),
        attr(5, struct.pack("=H", peer.keepalive)),
        _number(8, peer.tx, shape),
        _number(7, peer.rx, shape),
        attr(10, struct.pack("=I", 1)),
        *([attr(4, _sockaddr(*peer.endpoint))] if peer.endpoint else []),
        *([_allowed(allowed)] if allowed else []),
    ]
    if shape.shuffled:
        attributes.reverse()
    return attr(0 | NESTED, b"".join(attributes))


def _pieces(peer: WirePeer, shape: Shape, count: int) -> list[bytes]:
    size = max(1, -(-len(peer.allowed) // count))
    slices = [peer.allowed[start : start + size] for start in range(0, len(peer.allowed), size)] or [[]]
    return [_first_piece(peer, slices[0], shape), *(attr(0 | NESTED, attr(1, peer.key) + _allowed(rest)) for rest in slices[1:])]


def encode(device: WireDevice, shape: Shape) -> list[bytes]:
    """Return the datagrams of one device's dump, the last one with its end."""
    own = [
        attr(6, struct.pack("=H", device.port)),
        attr(7, struct.pack("=I", device.mark)),
        attr(1, struct.pack("=I", 7)),
        attr(2, device.name.encode() + b"\0"),
        *([attr(3, device.private), attr(4, device.key)] if device.key is not None else []),
    ]
    heads = [b"".join(own), attr(2, device.name.encode() + b"\0") if shape.named else b""]
    bodies: list[list[bytes]] = [[]]
    turn = 0
    for number, peer in enumerate(device.peers):
        for place, piece in enumerate(_pieces(peer, shape, shape.parts[number % len(shape.parts)])):
            # a peer that goes on does so in a new message: that is why it was split
            if bodies[-1] and (place or shape.fresh[turn % len(shape.fresh)]):
                bodies.append([])
            bodies[-1].append(piece)
            turn += 1
    messages = [
        message(FAMILY_ID, struct.pack("=BBH", 0, 1, 0) + heads[min(number, 1)] + (attr(8 | NESTED, b"".join(body)) if body else b""))
        for number, body in enumerate(bodies)
    ]
    messages.append(done())
    return [b"".join(messages[start : start + shape.together]) for start in range(0, len(messages), shape.together)]


keys = st.binary(min_size=32, max_size=32)
addresses = st.one_of(
    st.tuples(st.just(AF_INET), st.binary(min_size=4, max_size=4), st.integers(0, 32)),
    st.tuples(st.just(AF_INET6), st.binary(min_size=16, max_size=16), st.integers(0, 128)),
)
endpoints = addresses.flatmap(lambda found: st.tuples(st.just(found[0]), st.just(found[1]), st.integers(0, 65535)))
peers = st.builds(
    WirePeer,
    key=keys,
    preshared=keys,
    stamp=st.one_of(st.just((0, 0)), st.tuples(st.integers(0, 2**32), st.integers(0, 10**9 - 1))),
    keepalive=st.integers(0, 65535),
    tx=st.integers(0, 2**64 - 1),
    rx=st.integers(0, 2**64 - 1),
    endpoint=st.none() | endpoints,
    allowed=st.lists(addresses, max_size=6),
)
devices = st.builds(
    WireDevice,
    name=st.text("abcdefghijklmnopqrstuvwxyz0123456789_-.", min_size=1, max_size=15),
    key=st.none() | keys,
    private=keys,
    port=st.integers(0, 65535),
    mark=st.integers(0, 2**32 - 1),
    peers=st.lists(peers, max_size=6, unique_by=lambda peer: peer.key),
)
shapes = st.builds(
    Shape,
    parts=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    fresh=st.lists(st.booleans(), min_size=1, max_size=4),
    together=st.integers(1, 5),
    shuffled=st.booleans(),
    padded=st.booleans(),
    named=st.booleans(),
)
