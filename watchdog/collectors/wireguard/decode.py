"""The bytes of a kernel's WireGuard dump -> devices. Pure, and the only place that knows the attributes.

Source: include/uapi/linux/wireguard.h and drivers/net/wireguard/netlink.c. A dump is many datagrams of many messages; a device goes on
over several messages (only the first has its name), and so does a peer with many allowed-ips: its next message repeats only the
public key. Private and preshared keys are stepped over: no value is ever made of them.

Two paths to the same values: the layout that kernels really write is unpacked in one go, anything else is walked attribute by attribute.
"""

from __future__ import annotations

import struct
from binascii import b2a_base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, inet_ntop

from watchdog.errors import MalformedAnswer
from watchdog.model.wireguard import Device, Peer

Buffer = bytes | bytearray | memoryview

MESSAGE_HEADER = 16  # struct nlmsghdr
GENERIC_HEADER = 4  # struct genlmsghdr
FIRST_TYPE = 0x10  # below are NLMSG_NOOP, ERROR, DONE, OVERRUN
_TYPE = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

_IFNAME, _PUBLIC_KEY, _LISTEN_PORT, _FWMARK, _PEERS = 2, 4, 6, 7, 8
_P_PUBLIC_KEY, _P_ENDPOINT, _P_KEEPALIVE, _P_HANDSHAKE, _P_RX, _P_TX, _P_ALLOWED = 1, 4, 5, 6, 7, 8, 9
_A_FAMILY, _A_ADDRESS, _A_MASK = 1, 2, 3

_message = struct.Struct("=IHHII").unpack_from
_attribute = struct.Struct("=HH").unpack_from
_u16 = struct.Struct("=H").unpack_from
_u32 = struct.Struct("=I").unpack_from
_u64 = struct.Struct("=Q").unpack_from
_stamp = struct.Struct("=qq").unpack_from
_port = struct.Struct(">H").unpack_from

# the attributes of one peer as get_peer() of the kernel writes them, preshared key stepped over by the format itself
_PEER = struct.Struct("=HH 32s HH 32x HH qq HH H 2x HH Q HH Q HH I")
_PEER_HEADERS = (36, 1, 36, 2, 20, 6, 6, 5, 12, 8, 12, 7, 8, 10)
_peer = _PEER.unpack_from
# one allowed-ip as get_allowedips() writes it: nest, mask, family, address
_ALLOWED_4 = struct.Struct("=HH HH B 3x HH H 2x HH 4s")
_ALLOWED_6 = struct.Struct("=HH HH B 3x HH H 2x HH 16s")
_HEADERS_4 = (28, 5, 3, 6, 1, AF_INET, 8, 2)
_HEADERS_6 = (40, 5, 3, 6, 1, AF_INET6, 20, 2)


@dataclass(slots=True)
class _Growing:
    """One device while its messages come in."""

    name: str
    public_key: str = ""
    listen_port: int = 0
    fwmark: int = 0
    peers: dict[bytes, list[object]] = field(default_factory=dict)


def decode(datagrams: Iterable[Buffer], netns: str = "") -> tuple[Device, ...]:
    """Given the datagrams of one or several device dumps, return the kernel's devices in the order they came.

    Control messages (done, error) are stepped over: the socket's owner judges them. Raise MalformedAnswer when lengths do not add up.
    """
    growing: dict[str, _Growing] = {}
    try:
        for datagram in datagrams:
            _datagram(datagram, growing)
    except (struct.error, ValueError, IndexError) as error:
        raise MalformedAnswer(f"the kernel's WireGuard dump does not add up: {error}") from None
    return tuple(
        Device(d.name, "kernel", netns, d.public_key, d.listen_port, d.fwmark, tuple([_built(key, p) for key, p in d.peers.items()]))
        for d in growing.values()
    )


def _built(key: bytes, peer: list[object]) -> Peer:
    endpoint, allowed, handshake, rx, tx, keepalive = peer
    return Peer(_base64(key), endpoint, tuple(allowed), handshake, rx, tx, keepalive)  # type: ignore[arg-type]  # a list is cheaper than a class here


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


def _attributes(data: Buffer, offset: int, end: int) -> list[tuple[int, int, int]]:
    """Return (type, begin, end) of each attribute between ``offset`` and ``end``."""
    found = []
    while offset + 4 <= end:
        length, kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            raise ValueError(f"an attribute of {length} bytes at {offset} of {end}")
        found.append((kind & _TYPE, offset + 4, offset + length))
        offset += (length + 3) & ~3
    return found


def _device(data: Buffer, offset: int, end: int, growing: dict[str, _Growing]) -> None:
    attributes = _attributes(data, offset, end)
    name = next((_text(data, begin, stop) for kind, begin, stop in attributes if kind == _IFNAME), None)
    if name is None:
        if not growing:
            raise ValueError("a device without a name")
        # wg_get_device_dump() names a device in its first message only: this one goes on with the device before
        name = next(reversed(growing))
    device = growing.get(name) or growing.setdefault(name, _Growing(name))
    for kind, begin, stop in attributes:
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


def _peers(data: Buffer, offset: int, end: int, peers: dict[bytes, list[object]]) -> None:
    while offset + 4 <= end:
        length, _kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            raise ValueError(f"a peer of {length} bytes at {offset} of {end}")
        stop = offset + length
        if length < 4 + _PEER.size or not _usual_peer(data, offset + 4, stop, peers):
            _any_peer(data, offset + 4, stop, peers)
        offset += (length + 3) & ~3


def _usual_peer(data: Buffer, offset: int, end: int, peers: dict[bytes, list[object]]) -> bool:
    """Take in a peer in the kernel's own layout; return False, having done nothing, for any other."""
    a, b, key, c, d, e, f, sec, nsec, g, h, keepalive, i, j, tx, k, m, rx, n, o, _version = _peer(data, offset)
    if (a, b, c, d, e, f, g, h, i, j, k, m, n, o) != _PEER_HEADERS or key in peers:
        return False
    offset += _PEER.size
    endpoint: str | None = None
    allowed: list[str] = []
    while offset + 4 <= end:
        length, kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            return False
        kind &= _TYPE
        if kind == _P_ALLOWED:
            _allowed(data, offset + 4, offset + length, allowed)
        elif kind == _P_ENDPOINT:
            endpoint = _endpoint(data, offset + 4, offset + length)
        elif kind:  # zero is padding
            return False
        offset += (length + 3) & ~3
    peers[key] = [endpoint, allowed, _handshake(sec, nsec), rx, tx, keepalive]
    return True


def _handshake(sec: int, nsec: int) -> float | None:
    return sec + nsec * 1e-9 if sec or nsec else None


def _any_peer(data: Buffer, offset: int, end: int, peers: dict[bytes, list[object]]) -> None:
    attributes = _attributes(data, offset, end)
    key = next((_key(data, begin, stop) for kind, begin, stop in attributes if kind == _P_PUBLIC_KEY), None)
    if key is None:
        raise ValueError("a peer without a public key")
    peer = peers.get(key) or peers.setdefault(key, [None, [], None, 0, 0, 0])
    for kind, begin, stop in attributes:
        if kind == _P_ALLOWED:
            _allowed(data, begin, stop, peer[1])  # type: ignore[arg-type]  # see _built
        elif kind == _P_ENDPOINT:
            peer[0] = _endpoint(data, begin, stop)
        elif kind == _P_HANDSHAKE:
            peer[2] = _handshake(*_stamp(data, begin))
        elif kind == _P_RX:
            peer[3] = _u64(data, begin)[0]
        elif kind == _P_TX:
            peer[4] = _u64(data, begin)[0]
        elif kind == _P_KEEPALIVE:
            peer[5] = _u16(data, begin)[0]


def _endpoint(data: Buffer, begin: int, end: int) -> str | None:
    """Return ``host:port`` of a sockaddr_in or sockaddr_in6, None for another family."""
    family = _u16(data, begin)[0]
    port = _port(data, begin + 2)[0]
    if family == AF_INET and end - begin >= 8:  # noqa: PLR2004  # family, port, address
        return f"{inet_ntop(AF_INET, data[begin + 4 : begin + 8])}:{port}"
    if family == AF_INET6 and end - begin >= 28:  # noqa: PLR2004  # sockaddr_in6
        scope = _u32(data, begin + 24)[0]
        zone = f"%{scope}" if scope else ""
        return f"[{inet_ntop(AF_INET6, data[begin + 8 : begin + 24])}{zone}]:{port}"
    return None


def _allowed(data: Buffer, offset: int, end: int, into: list[str]) -> None:
    while offset + 4 <= end:
        length, _kind = _attribute(data, offset)
        if length < 4 or offset + length > end:  # noqa: PLR2004  # the attribute's own header
            raise ValueError(f"an allowed-ip of {length} bytes at {offset} of {end}")
        if length == 28:  # noqa: PLR2004  # _ALLOWED_4
            size, _nest, a, b, mask, c, d, family, e, f, address = _ALLOWED_4.unpack_from(data, offset)
            usual = (size, a, b, c, d, family, e, f) == _HEADERS_4
        elif length == 40:  # noqa: PLR2004  # _ALLOWED_6
            size, _nest, a, b, mask, c, d, family, e, f, address = _ALLOWED_6.unpack_from(data, offset)
            usual = (size, a, b, c, d, family, e, f) == _HEADERS_6
        else:
            usual = False
        into.append(f"{inet_ntop(family, address)}/{mask}" if usual else _any_allowed(data, offset + 4, offset + length))
        offset += (length + 3) & ~3


def _any_allowed(data: Buffer, offset: int, end: int) -> str:
    family, address, mask = 0, b"", 0
    for kind, begin, stop in _attributes(data, offset, end):
        if kind == _A_FAMILY:
            family = _u16(data, begin)[0]
        elif kind == _A_ADDRESS:
            address = bytes(data[begin:stop])
        elif kind == _A_MASK:
            mask = data[begin]
    if family not in (AF_INET, AF_INET6):
        raise ValueError(f"an allowed-ip of family {family}")
    return f"{inet_ntop(family, address)}/{mask}"
