"""The conversation with the kernel over a scripted wire: errors, interruptions, silence. The real kernel is in test_kernel.py."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

import pytest

from tests.collectors.wireguard import encode as e
from tests.support.wireguard import run
from watchdog.collectors.wireguard import wire as w
from watchdog.collectors.wireguard.netlink import read_device, read_kernel, wireguard_links
from watchdog.errors import DeadlinePassed, Forbidden, MalformedAnswer, NotFound, ServerFault, Temporary, WatchdogError
from watchdog.runtime.clock import SystemClock

CLOCK = SystemClock()
WHOLE = e.Shape(parts=[1], fresh=[True], together=1, shuffled=False, padded=False, named=False)


class Script:
    """A wire that answers each request with the next prepared list of datagrams."""

    def __init__(self, *answers: Iterable[bytes]) -> None:
        self.answers = [list(answer) for answer in answers]
        self.asked: list[bytes] = []
        self.waiting: list[bytes] = []

    def send(self, request: bytes) -> None:
        self.asked.append(request)
        self.waiting = self.answers.pop(0)

    def receive(self, until: float) -> bytes:
        if not self.waiting:
            raise DeadlinePassed("nothing more was prepared")
        return self.waiting.pop(0)


def peers(count: int) -> list[e.WirePeer]:
    return [e.WirePeer(bytes([n + 1]) * 32, bytes(32), (0, 0), 0, 0, 0, None, []) for n in range(count)]


def renumbered(datagrams: list[bytes], sequence: int, flags: int = 2) -> list[bytes]:
    """The same datagrams (one message each) as answers to another question."""
    return [data[:6] + struct.pack("=HI", flags, sequence) + data[12:] for data in datagrams]


DEVICE = e.WireDevice("wg0", b"\1" * 32, bytes(32), 51820, 0, peers(3))


def test_a_device_is_asked_for_by_its_index_in_one_dump():
    wire = Script(e.encode(DEVICE, WHOLE))
    assert read_device(wire, 29, 7, 0.0) == DEVICE.expected()
    length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", wire.asked[0])
    assert (length, kind, flags, sequence) == (len(wire.asked[0]), 29, 0x301, 1)
    assert wire.asked[0][20:] == struct.pack("=HHI", 8, 1, 7)


def test_an_interrupted_dump_is_begun_anew():
    half = renumbered(e.encode(e.WireDevice("wg0", None, bytes(32), 0, 0, peers(2)), WHOLE), 1, flags=2 | 0x10)
    wire = Script(half, renumbered(e.encode(DEVICE, WHOLE), 2))
    assert read_device(wire, 29, 7, 0.0) == DEVICE.expected()
    assert len(wire.asked) == 2


def test_a_dump_that_is_always_interrupted_is_temporary():
    wire = Script(*[renumbered(e.encode(DEVICE, WHOLE), number, flags=0x12) for number in range(1, w.TRIES + 1)])
    with pytest.raises(Temporary, match="interrupted 5 times"):
        read_device(wire, 29, 7, 0.0)


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (e.error(errno.ENODEV), NotFound),
        (e.error(errno.EOPNOTSUPP), NotFound),
        (e.done(-errno.ENODEV), NotFound),
        (e.error(errno.EPERM), Forbidden),
        (e.error(errno.EBUSY), ServerFault),
        (e.done(sequence=99), MalformedAnswer),
        (e.message(29, bytes(4))[:-2], MalformedAnswer),
        (e.done(), NotFound),
    ],
)
def test_what_the_kernel_answers_instead_of_a_device(answer: bytes, raised: type[WatchdogError]):
    with pytest.raises(raised):
        read_device(Script([answer]), 29, 7, 0.0)


def test_the_missing_capability_is_named():
    with pytest.raises(Forbidden, match="CAP_NET_ADMIN"):
        read_device(Script([e.error(errno.EPERM)]), 29, 7, 0.0)


def test_a_kernel_that_falls_silent_passes_the_deadline():
    with pytest.raises(DeadlinePassed):
        read_device(Script(e.encode(DEVICE, WHOLE)[:1]), 29, 7, 0.0)


def link(index: int, name: str, kind: bytes | None, flags: int = 1) -> bytes:
    info = b"" if kind is None else e.attr(18 | e.NESTED, e.attr(1, kind))
    return e.message(16, struct.pack("=BxHiII", 0, 1, index, flags, 0) + e.attr(3, name.encode() + b"\0") + info)


def test_only_links_of_kind_wireguard_are_devices():
    answer = link(1, "lo", None) + link(2, "wg0", b"wireguard\0") + link(3, "wg1", b"wireguard", flags=0) + link(4, "tun0", b"tun\0")
    links = wireguard_links(Script([answer, e.done()]), 0.0)
    assert {index: (found.name, found.up) for index, found in links.items()} == {2: ("wg0", True), 3: ("wg1", False)}


def test_this_machines_links_can_be_listed_over_a_real_socket():
    until = CLOCK.now().mono + 30
    with w.route_wire(CLOCK) as wire:
        names = {found.name for found in wireguard_links(wire, until).values()}
    shown = run("ip", "-o", "link", "show", "type", "wireguard")
    assert names == {line.split(": ")[1] for line in shown.splitlines()}
    assert {device.name for device, _ in read_kernel(CLOCK, 30, 30)} == names


def test_a_passed_deadline_is_noticed_before_waiting():
    with w.route_wire(CLOCK) as wire, pytest.raises(DeadlinePassed):
        wireguard_links(wire, CLOCK.now().mono - 1)


def test_no_answer_passes_the_deadline_on_a_real_socket():
    with w.route_wire(CLOCK) as wire, pytest.raises(DeadlinePassed):
        wire.receive(CLOCK.now().mono + 0.05)
