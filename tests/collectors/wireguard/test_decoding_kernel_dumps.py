"""The kernel's bytes become the devices they came from, however they are cut, and as pyroute2 reads them."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collectors.wireguard import encode as e
from tests.collectors.wireguard.by_pyroute2 import decode_by_pyroute2
from watchdog.collectors.wireguard.decode import KnownPeers, decode
from watchdog.errors import MalformedAnswer
from watchdog.model.wireguard import Peer

PLAIN = e.Shape(parts=[1], fresh=[False], together=1, shuffled=False, padded=False, named=False)


def a_peer(number: int, **changes) -> e.WirePeer:
    values = {
        "key": bytes([number]) * 32, "preshared": b"\xaa" * 32, "stamp": (1_700_000_000, 500_000_000), "keepalive": 25, "tx": 7, "rx": 9,
        "endpoint": None, "allowed": [],
    } | changes  # fmt: skip
    return e.WirePeer(**values)


def a_device(*peers: e.WirePeer) -> e.WireDevice:
    return e.WireDevice("wg0", b"\x01" * 32, b"\xbb" * 32, 51820, 0x5117, list(peers))


@given(e.devices, e.shapes)
@settings(max_examples=300, deadline=None)
def test_any_device_in_any_shape_comes_back(device: e.WireDevice, shape: e.Shape):
    assert decode(e.encode(device, shape)) == (device.expected(),)


@given(e.devices, e.shapes)
@settings(max_examples=150, deadline=None)
def test_pyroute2_reads_the_same_from_the_same_bytes(device: e.WireDevice, shape: e.Shape):
    datagrams = e.encode(device, shape)
    assert decode(datagrams) == decode_by_pyroute2(datagrams)


@given(st.lists(e.devices, max_size=4, unique_by=lambda device: device.name), e.shapes)
@settings(max_examples=80, deadline=None)
def test_several_dumps_in_a_row_are_several_devices(devices: list[e.WireDevice], shape: e.Shape):
    datagrams = [datagram for device in devices for datagram in e.encode(device, shape)]
    assert decode(datagrams) == tuple(device.expected() for device in devices)


@given(e.devices, e.shapes, st.data())
@settings(max_examples=200, deadline=None)
def test_cut_or_broken_bytes_are_named_and_never_another_exception(device: e.WireDevice, shape: e.Shape, data: st.DataObject):
    whole = bytearray(b"".join(e.encode(device, shape)))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        decode([cut])
    except MalformedAnswer:
        return


def test_a_peer_split_over_two_messages_is_one_peer():
    ranges = [(2, bytes([10, 0, number // 250, number % 250]), 32) for number in range(500)]
    device = a_device(a_peer(1, allowed=ranges), a_peer(2))
    shape = e.Shape(parts=[3], fresh=[False], together=1, shuffled=False, padded=False, named=False)
    datagrams = e.encode(device, shape)
    assert len(datagrams) == 4
    (found,) = decode(datagrams)
    assert [len(peer.allowed_ips) for peer in found.peers] == [500, 0]
    assert found == device.expected()


def test_both_paths_give_the_same():
    usual = a_device(a_peer(1, endpoint=(2, bytes([192, 0, 2, 1]), 4500), allowed=[(10, bytes(15) + b"\1", 128)]))
    datagrams = [
        b"".join(e.encode(usual, e.Shape([1], [False], 1, shuffled, padded, named=True))) for shuffled in (0, 1) for padded in (0, 1)
    ]
    assert {decode([data]) for data in datagrams} == {(usual.expected(),)}


def test_an_address_family_of_the_future_is_no_endpoint():
    device = a_device(a_peer(1))
    body = e.attr(8 | e.NESTED, e.attr(e.NESTED, e.attr(1, b"k" * 32) + e.attr(4, struct.pack("=HH", 99, 1) + bytes(12))))
    data = e.message(e.FAMILY_ID, bytes(4) + e.attr(2, b"wg0\0") + body)
    assert decode([data])[0].peers[0].endpoint is None
    assert device.name == "wg0"


def test_the_zone_of_a_link_local_endpoint_is_kept():
    address = struct.pack("=H", 10) + struct.pack(">HI", 4500, 0) + b"\xfe\x80" + bytes(13) + b"\1" + struct.pack("=I", 3)
    body = e.attr(8, e.attr(0, e.attr(1, b"k" * 32) + e.attr(4, address)))
    data = e.message(e.FAMILY_ID, bytes(4) + e.attr(2, b"wg0\0") + body)
    assert decode([data])[0].peers[0].endpoint == "[fe80::1%3]:4500"


@given(e.devices, e.devices, e.shapes, e.shapes)
@settings(max_examples=100, deadline=None)
def test_what_was_known_changes_no_fact(first: e.WireDevice, second: e.WireDevice, shape: e.Shape, other: e.Shape):
    known = KnownPeers()
    second.peers = [*first.peers[::2], *(peer for peer in second.peers if peer.key not in {each.key for each in first.peers})]
    for device, laid_out in ((first, shape), (second, other), (second, shape), (first, other)):
        assert decode(e.encode(device, laid_out), known=known) == (device.expected(),)
        assert len(known.peers) == len(device.peers), "what is no longer so is forgotten"


def test_a_peer_that_has_not_changed_is_not_made_again_and_one_that_has_is():
    known = KnownPeers()

    def look(*tx: int) -> tuple[Peer, ...]:
        ranges = [(2, bytes([10, 0, 0, 1]), 32)]
        device = a_device(*(a_peer(number, tx=sent, allowed=ranges) for number, sent in enumerate(tx, 1)))
        return decode(e.encode(device, PLAIN), known=known)[0].peers

    first = look(5, 6)
    assert look(5, 6) is first
    second = look(5, 7)
    assert second[0] is first[0]
    assert [peer.tx_bytes for peer in second] == [5, 7]
    assert second[1].allowed_ips is first[1].allowed_ips
    assert b"\xaa" * 32 not in {part for raw, _peer in known.peers.values() for part in raw if isinstance(part, bytes)}


def test_amneziawg_has_attributes_of_its_own():
    """src/netlink.c of amneziawg-linux-kernel-module: flags before a peer's key, a keepalive of 32 bits (a range), more of the device."""
    ranges = [(2, bytes([10, 0, 0, 1]), 32), (10, bytes(16), 0)]
    allowed = e.attr(
        9 | e.NESTED,
        b"".join(
            e.attr(0, e.attr(3, bytes([mask])) + e.attr(1, struct.pack("=H", family)) + e.attr(2, address))
            for family, address, mask in ranges
        ),
    )
    flags, key = e.attr(3, struct.pack("=I", 8)), e.attr(1, b"\2" * 32)
    first = (
        flags
        + key
        + e.attr(2, b"\xaa" * 32)
        + e.attr(6, struct.pack("=qq", 1_700_000_000, 0))
        + e.attr(5, struct.pack("=I", 30 << 16 | 20))
    )
    first += e.attr(8, struct.pack("=Q", 7)) + e.attr(7, struct.pack("=Q", 9)) + e.attr(10, struct.pack("=I", 1)) + allowed
    rest = (
        flags
        + key
        + e.attr(9 | e.NESTED, e.attr(0, e.attr(3, bytes([24])) + e.attr(1, struct.pack("=H", 2)) + e.attr(2, bytes([10, 9, 0, 0]))))
    )
    own = e.attr(6, struct.pack("=H", 5)) + e.attr(7, struct.pack("=I", 6)) + e.attr(2, b"awg0\0") + e.attr(9, struct.pack("=H", 4))
    own += e.attr(14, struct.pack("=I", 1020325451)) + e.attr(21, b"<b 0xf6><c>\0") + e.attr(26, b"\xcc" * 32) + e.attr(4, b"\1" * 32)
    data = [
        e.message(e.FAMILY_ID, bytes(4) + own + e.attr(8 | e.NESTED, e.attr(0, first))),
        e.message(e.FAMILY_ID, bytes(4) + e.attr(8 | e.NESTED, e.attr(0, rest))),
    ]
    (device,) = decode(data)
    assert (device.name, device.listen_port, device.fwmark) == ("awg0", 5, 6)
    (peer,) = device.peers
    assert (peer.keepalive, peer.tx_bytes, peer.rx_bytes, peer.last_handshake) == (20, 7, 9, 1_700_000_000)
    assert peer.allowed_ips == ("10.0.0.1/32", "::/0", "10.9.0.0/24")


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        e.message(e.FAMILY_ID, bytes(4)),
        e.message(e.FAMILY_ID, bytes(4) + e.attr(2, b"wg0\0") + e.attr(4, b"short")),
        e.message(e.FAMILY_ID, bytes(4) + e.attr(2, b"wg0\0") + e.attr(8, e.attr(0, e.attr(5, b"\1\0")))),
        e.message(e.FAMILY_ID, bytes(4) + struct.pack("=HH", 400, 2)),
        e.message(e.FAMILY_ID, bytes(4) + struct.pack("=HH", 3, 2)),
    ],
)
def test_what_cannot_be_is_malformed(data: bytes):
    with pytest.raises(MalformedAnswer):
        decode([data])


def values_seen(function: Callable[[], object]) -> set[bytes]:
    """Run ``function`` and return every bytes value that any of its frames ever held, in lists and tuples too."""
    seen: set[bytes] = set()

    def look(value: object) -> None:
        if isinstance(value, bytes):
            seen.add(value)
        elif isinstance(value, list | tuple):
            for part in value:
                look(part)

    def trace(frame, event, argument):
        for value in (*frame.f_locals.values(), argument):
            look(value)
        return trace

    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(None)
    return seen


@pytest.mark.parametrize("shape", [PLAIN, e.Shape([1], [False], 1, shuffled=True, padded=True, named=True)], ids=["usual", "any"])
def test_no_value_is_ever_made_of_a_private_or_preshared_key(shape: e.Shape):
    datagrams = e.encode(a_device(a_peer(1), a_peer(2)), shape)
    seen = values_seen(lambda: decode(datagrams))
    assert b"\2" * 32 in seen, "public keys are seen, so the look works"
    assert not seen & {b"\xaa" * 32, b"\xbb" * 32}
