"""The bytes of a kernel's WireGuard dump -> devices. Pure, and the only place that knows the attributes.

Source: include/uapi/linux/wireguard.h and drivers/net/wireguard/netlink.c. A dump is many datagrams of many messages; a device goes on
over several messages (only the first has its name), and so does a peer with many allowed-ips: its next message repeats only the
public key. Private and preshared keys are stepped over: no value is ever made of them.

Two paths to the same values: the layout that kernels really write is unpacked in one go, anything else is walked attribute by attribute.
"""

from __future__ import annotations

import operator
import struct
import sys
from binascii import b2a_base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from watchdog.collectors.wireguard.addresses import HEADER, TYPE, Buffer, allowed_texts, attributes, endpoint_text
from watchdog.collectors.wireguard.peers import make_peer
from watchdog.errors import MalformedAnswer
from watchdog.model.wireguard import Device, Peer

MESSAGE_HEADER = 16  # struct nlmsghdr
GENERIC_HEADER = 4  # struct genlmsghdr
FIRST_TYPE = 0x10  # below are NLMSG_NOOP, ERROR, DONE, OVERRUN

_IFNAME, _PUBLIC_KEY, _LISTEN_PORT, _FWMARK, _PEERS = 2, 4, 6, 7, 8
_P_PUBLIC_KEY, _P_ENDPOINT, _P_KEEPALIVE, _P_HANDSHAKE, _P_RX, _P_TX, _P_ALLOWED = 1, 4, 5, 6, 7, 8, 9

_message = struct.Struct("=IHHII").unpack_from
_attribute = HEADER.unpack_from
_u16 = struct.Struct("=H").unpack_from
_u32 = struct.Struct("=I").unpack_from
_u64 = struct.Struct("=Q").unpack_from
_stamp = struct.Struct("=qq").unpack_from

# the attributes of one peer as get_peer() writes them; each "I" is an attribute's header, the preshared key is stepped over
_PEER = struct.Struct("=I 32s I 32x I qq I H 2x I Q I Q I 4x")
_PEER_HEADERS = tuple(
    int.from_bytes(HEADER.pack(length, kind), sys.byteorder)
    for length, kind in ((36, 1), (36, 2), (20, 6), (6, 5), (12, 8), (12, 7), (8, 10))
)
_peer = _PEER.unpack_from


class _Raw(NamedTuple):
    """What the kernel told of one peer: bytes of the endpoint and of all its allowed-ips, and numbers."""

    endpoint: bytes = b""
    allowed: bytes = b""
    sec: int = 0
    nsec: int = 0
    rx: int = 0
    tx: int = 0
    keepalive: int = 0


@dataclass(slots=True)
class KnownPeers:
    """What one device's peers looked like in its last dump, so that what has not changed is not made anew. No secret is in it."""

    peers: dict[bytes, tuple[_Raw, Peer]] = field(default_factory=dict)
    last: tuple[Peer, ...] = ()


@dataclass(slots=True)
class _Growing:
    """One device while its messages come in."""

    name: str
    public_key: str = ""
    listen_port: int = 0
    fwmark: int = 0
    peers: dict[bytes, _Raw] = field(default_factory=dict)


def decode(datagrams: Iterable[Buffer], netns: str = "", known: KnownPeers | None = None) -> tuple[Device, ...]:
    """Given the datagrams of one or several device dumps, return the kernel's devices in the order they came.

    ``known`` is of the one device that is dumped: a peer that has not changed is the same object again. Control messages (done, error) are
    stepped over: the socket's owner judges them. Raise MalformedAnswer when lengths do not add up.
    """
    growing: dict[str, _Growing] = {}
    try:
        for datagram in datagrams:
            _datagram(datagram, growing)
        return tuple(
            Device(
                d.name, "kernel", netns, d.public_key, d.listen_port, d.fwmark, _built(d.peers, KnownPeers() if known is None else known)
            )
            for d in growing.values()
        )
    except (struct.error, ValueError, IndexError) as error:
        raise MalformedAnswer(f"the kernel's WireGuard dump does not add up: {error}") from None


def _built(raws: dict[bytes, _Raw], known: KnownPeers) -> tuple[Peer, ...]:
    before, now = known.peers, {}
    for key, raw in raws.items():
        entry = before.get(key)
        if entry is None:
            stamp = _handshake(raw.sec, raw.nsec)
            peer = make_peer(_base64(key), endpoint_text(raw.endpoint), allowed_texts(raw.allowed), stamp, raw.rx, raw.tx, raw.keepalive)
            entry = raw, peer
        elif entry[0] != raw:
            entry = raw, _changed(raw, *entry)
        now[key] = entry
    peers = tuple([entry[1] for entry in now.values()])
    if len(peers) != len(known.last) or not all(map(operator.is_, peers, known.last)):
        known.last = peers
    known.peers = now
    return known.last


def _changed(raw: _Raw, was: _Raw, peer: Peer) -> Peer:
    """Make a peer of parts of what it was before, where these are the same."""
    endpoint = peer.endpoint if raw.endpoint == was.endpoint else endpoint_text(raw.endpoint)
    allowed = peer.allowed_ips if raw.allowed == was.allowed else allowed_texts(raw.allowed)
    return make_peer(peer.public_key, endpoint, allowed, _handshake(raw.sec, raw.nsec), raw.rx, raw.tx, raw.keepalive)


def _base64(key: bytes) -> str:
    return b2a_base64(key, newline=False).decode("ascii")


def _datagram(data: Buffer, growing: dict[str, _Growing]) -> None:
    offset, end = 0, len(data)
    while offset + MESSAGE_HEADER <= end:
        length, kind, _flags, _seq, _port_id = _message(data, offset)
        if length < MESSAGE_HEADER or offset + length > end:
            raise ValueError(f"a message of {length} bytes at {offset} of {end}")
        if kind >= FIRST_TYPE:
            _device(data, offset + MESSAGE_HEADER + GENERIC_HEADER, offset + length, growing)
        offset += (length + 3) & ~3
    if offset < end:
        raise ValueError(f"{end - offset} bytes left over")


def _device(data: Buffer, offset: int, end: int, growing: dict[str, _Growing]) -> None:
    found = attributes(data, offset, end)
    name = next((_text(data, begin, stop) for kind, begin, stop in found if kind == _IFNAME), None)
    if name is None:
        if not growing:
            raise ValueError("a device without a name")
        # wg_get_device_dump() names a device in its first message only: this one goes on with the device before
        name = next(reversed(growing))
    device = growing.get(name) or growing.setdefault(name, _Growing(name))
    for kind, begin, stop in found:
        if kind == _PEERS:
            _peers(data, begin, stop, device.peers)
        elif kind == _PUBLIC_KEY:
            device.public_key = _base64(_key(data, begin, stop))
        elif kind == _LISTEN_PORT:
            device.listen_port = _u16(data, begin)[0]
        elif kind == _FWMARK:
            device.fwmark = _u32(data, begin)[0]


def _text(data: Buffer, begin: int, end: int) -> str:
    return bytes(data[begin:end]).split(b"\0", 1)[0].decode("utf-8", "replace")


def _key(data: Buffer, begin: int, end: int) -> bytes:
    if end - begin != 32:  # noqa: PLR2004  # WG_KEY_LEN
        raise ValueError(f"a key of {end - begin} bytes")
    return bytes(data[begin:end])


def _peers(data: Buffer, offset: int, end: int, peers: dict[bytes, _Raw]) -> None:
    while offset + 4 <= end:
        length, _kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            raise ValueError(f"a peer of {length} bytes at {offset} of {end}")
        stop = offset + length
        if length < 4 + _PEER.size or not _usual_peer(data, offset + 4, stop, peers):
            _any_peer(data, offset + 4, stop, peers)
        offset += (length + 3) & ~3


def _usual_peer(data: Buffer, offset: int, end: int, peers: dict[bytes, _Raw]) -> bool:
    """Take in a peer in the kernel's own layout; return False, having done nothing, for any other."""
    a, key, b, c, sec, nsec, d, keepalive, e, tx, f, rx, g = _peer(data, offset)
    if (a, b, c, d, e, f, g) != _PEER_HEADERS or key in peers:
        return False
    offset += _PEER.size
    endpoint = allowed = b""
    while offset + 4 <= end:
        length, kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            return False
        kind &= TYPE
        if kind == _P_ALLOWED and not allowed:
            allowed = bytes(data[offset + 4 : offset + length])
        elif kind == _P_ENDPOINT:
            endpoint = bytes(data[offset + 4 : offset + length])
        elif kind:  # zero is padding
            return False
        offset += (length + 3) & ~3
    peers[key] = _Raw(endpoint, allowed, sec, nsec, rx, tx, keepalive)
    return True


def _handshake(sec: int, nsec: int) -> float | None:
    return sec + nsec * 1e-9 if sec or nsec else None


def _any_peer(data: Buffer, offset: int, end: int, peers: dict[bytes, _Raw]) -> None:
    found = attributes(data, offset, end)
    key = next((_key(data, begin, stop) for kind, begin, stop in found if kind == _P_PUBLIC_KEY), None)
    if key is None:
        raise ValueError("a peer without a public key")
    endpoint, allowed, sec, nsec, rx, tx, keepalive = peers.get(key) or _Raw()
    for kind, begin, stop in found:
        if kind == _P_ALLOWED:
            # the parts of a peer that was split follow each other, and so do their allowed-ips
            allowed += bytes(data[begin:stop])
        elif kind == _P_ENDPOINT:
            endpoint = bytes(data[begin:stop])
        elif kind == _P_HANDSHAKE:
            sec, nsec = _stamp(data, begin)
        elif kind == _P_RX:
            rx = _u64(data, begin)[0]
        elif kind == _P_TX:
            tx = _u64(data, begin)[0]
        elif kind == _P_KEEPALIVE:
            # amneziawg has a range: its shortest in the lower half of 32 bits
            keepalive = _u16(data, begin)[0] if stop - begin < 4 else _u32(data, begin)[0] & 0xFFFF  # noqa: PLR2004
    peers[key] = _Raw(endpoint, allowed, sec, nsec, rx, tx, keepalive)
