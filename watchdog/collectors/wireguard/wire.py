"""Netlink by raw bytes: sockets that pyroute2 opens, requests and their answers with a deadline, error numbers as the house's errors."""

from __future__ import annotations

import errno
import os
import select
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from watchdog.collectors.wireguard.pyroute import (
    NETLINK_ROUTE,
    AsyncGenericNetlinkSocket,
    GenericNetlinkSocket,
    NetlinkError,
    NetlinkSocket,
    wgmsg,
)
from watchdog.errors import DeadlinePassed, Forbidden, MalformedAnswer, NotFound, ServerFault, Temporary, Unreachable, WatchdogError
from watchdog.model.moments import Clock

NEEDS_CAPABILITY = "the kernel refuses to show its WireGuard devices: this program lacks CAP_NET_ADMIN (AmbientCapabilities=CAP_NET_ADMIN)"
TRIES = 5  # of a dump that somebody's change interrupted

_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_INTERRUPTED = 0x10  # NLM_F_DUMP_INTR
_ERROR, _DONE = 2, 3
_VANISHED = (errno.ENODEV, errno.EOPNOTSUPP)  # deleted, or its index belongs to another kind of link by now
_LARGEST = 1 << 16  # the kernel fills at most 32 KiB

HEADER = struct.Struct("=IHHII")
_attribute = struct.Struct("=HH")
_code = struct.Struct("=i").unpack_from


class Wire(Protocol):
    """One open netlink socket."""

    def send(self, request: bytes) -> None:
        """Send one request. Raises Unreachable."""
        ...

    def receive(self, until: float) -> bytes:
        """Return the next datagram; raise DeadlinePassed when none came before ``until`` (monotonic seconds)."""
        ...


class SocketWire:
    """A pyroute2 socket, used for raw bytes with a deadline."""

    def __init__(self, socket: NetlinkSocket, clock: Clock) -> None:
        self._socket, self._clock = socket, clock
        self._poll = select.poll()
        self._poll.register(socket.fileno(), select.POLLIN)

    def send(self, request: bytes) -> None:
        """Send one request. Raises Unreachable."""
        try:
            self._socket.send(request)
        except OSError as error:
            raise Unreachable(f"cannot ask the kernel over netlink: {error.strerror}") from None

    def receive(self, until: float) -> bytes:
        """Return the next datagram, waiting until ``until`` (mono seconds). Raises DeadlinePassed or Unreachable."""
        left = until - self._clock.now().mono
        if left <= 0 or not self._poll.poll(left * 1000):
            raise DeadlinePassed("the kernel did not answer over netlink in time")
        try:
            data: bytes = self._socket.recv(_LARGEST)
        except OSError as error:  # ENOBUFS: we were too slow
            raise Unreachable(f"the kernel's answer over netlink was lost: {error.strerror}") from None
        return data


class _QuietSocket(AsyncGenericNetlinkSocket):  # type: ignore[misc]  # pyroute2 has no types
    module_err_level = "debug"  # a kernel without WireGuard is no error of ours


class _GenericSocket(GenericNetlinkSocket):  # type: ignore[misc]  # pyroute2 has no types
    async_class = _QuietSocket


@contextmanager
def route_wire(clock: Clock) -> Iterator[Wire]:
    """Open a routing netlink socket."""
    with NetlinkSocket(family=NETLINK_ROUTE) as socket:
        socket.bind()
        yield SocketWire(socket, clock)


@contextmanager
def wireguard_wire(clock: Clock, family: str = "wireguard") -> Iterator[tuple[Wire, int]]:
    """Open a generic netlink socket and resolve the number of WireGuard's family. Raise NotFound when the kernel has none of this name."""
    with _GenericSocket() as socket:
        try:
            socket.bind(family, wgmsg)
        except NetlinkError as error:
            if error.code == errno.ENOENT:
                raise NotFound(f"this kernel has no {family}") from None
            raise _refusal(error.code) from None
        yield SocketWire(socket, clock), socket.prid


def _refusal(code: int) -> WatchdogError:
    if code in (errno.EPERM, errno.EACCES):
        return Forbidden(NEEDS_CAPABILITY)
    if code in _VANISHED:
        return NotFound("the device vanished while it was read")
    return ServerFault(f"the kernel answered {errno.errorcode.get(code, code)}: {os.strerror(code)}")


def attribute(kind: int, value: bytes) -> bytes:
    """Return one netlink attribute, padded."""
    return _attribute.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def request(kind: int, sequence: int, payload: bytes) -> bytes:
    """Return one dump request."""
    return HEADER.pack(HEADER.size + len(payload), kind, _REQUEST_DUMP, sequence, 0) + payload


class _Interrupted(Temporary):
    """What was dumped changed in between, so the parts do not fit together."""


def dump(wire: Wire, kind: int, payload: bytes, until: float) -> list[bytes]:
    """Send a dump request and return its datagrams, begun anew when a change interrupted it.

    Raise DeadlinePassed, Forbidden, NotFound (the device vanished), ServerFault, MalformedAnswer; Temporary after too many interruptions.
    """
    for sequence in range(1, TRIES + 1):
        wire.send(request(kind, sequence, payload))
        try:
            return _answers(wire, sequence, until)
        except _Interrupted:
            continue
    raise Temporary(f"the kernel's dump was interrupted {TRIES} times by changes")


def _answers(wire: Wire, sequence: int, until: float) -> list[bytes]:
    datagrams: list[bytes] = []
    interrupted = False
    while True:
        data = wire.receive(until)
        ended, broken = _scan(data, sequence)
        interrupted |= broken
        datagrams.append(data)
        if ended:
            if interrupted:
                raise _Interrupted("the dump was interrupted")
            return datagrams


def _scan(data: bytes, sequence: int) -> tuple[bool, bool]:
    """Return whether the dump ends in this datagram and whether it was interrupted. Raise what an error message in it means."""
    offset, ended, interrupted = 0, False, False
    while offset + HEADER.size <= len(data):
        length, kind, flags, number, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            raise MalformedAnswer("a netlink message longer than its datagram")
        if number != sequence:
            raise MalformedAnswer("a netlink answer to another question")
        interrupted |= bool(flags & _INTERRUPTED)
        if kind in (_ERROR, _DONE):
            ended = True
            (code,) = _code(data, offset + HEADER.size)
            if code < 0:
                raise _refusal(-code)
        offset += (length + 3) & ~3
    return ended, interrupted


def walk(data: bytes, offset: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) of each attribute between ``offset`` and ``end``."""
    while offset + 4 <= end:
        length, kind = _attribute.unpack_from(data, offset)
        if length < 4:  # noqa: PLR2004  # the attribute's own header
            raise MalformedAnswer("a netlink attribute shorter than its header")
        yield kind & 0x3FFF, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
