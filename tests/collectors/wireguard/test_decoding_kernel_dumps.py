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
from watchdog.collectors.wireguard.decode import decode
from watchdog.errors import MalformedAnswer

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
