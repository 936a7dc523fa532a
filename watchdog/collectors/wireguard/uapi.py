"""Userspace devices, each asked over its UAPI socket: one short-lived connection a device, all at once, a deadline each.

One thread and one epoll: a silent daemon costs its own deadline and nobody else's. A socket that refuses connections belongs to a dead
daemon, and is that device's failure with a name. (``wg`` deletes such a socket when it meets one; we change nothing.)
"""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watchdog.collectors.wireguard.doors import Door, find_sockets, same_socket
from watchdog.collectors.wireguard.keys import PublicKeys
from watchdog.collectors.wireguard.parse import END, Known, parse
from watchdog.errors import DeadlinePassed, Forbidden, MalformedAnswer, NotFound, Unreachable, WatchdogError
from watchdog.model.moments import Clock
from watchdog.model.wireguard import Device

QUESTION = b"get=1\n\n"
AT_ONCE = 64
SECOND_LOOK = 0.05  # seconds
_PIECE = 1 << 16
_SIOCGIFFLAGS, _IFF_UP = 0x8913, 1

Failed = tuple[Device, WatchdogError | None]
Result = bytearray | WatchdogError


class _Exchange:
    """One connection: say the question, take the answer, be done by ``until``."""

    def __init__(self, door: Door, until: float, limit: int) -> None:
        self.door, self.until, self._limit = door, until, limit
        self.answer = bytearray()
        self._unsent = QUESTION  # a socket that has just been connected takes all of it
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.connect(door.path)
            self._unsent = QUESTION[self.socket.send(QUESTION) :]
        except OSError as error:
            self.socket.close()
            raise _unreachable(door, error) from None

    def go_on(self) -> bool:
        """Send or receive what is possible now; return whether the answer is complete. Raise what broke."""
        try:
            if self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
                return False
            piece = self.socket.recv(_PIECE)
        except BlockingIOError:
            return False
        except OSError as error:
            raise _unreachable(self.door, error) from None
        if not piece:
            raise Unreachable(f"'{self.door.shown}': the daemon hung up in the middle of its answer")
        self.answer += piece
        if len(self.answer) > self._limit:
            raise MalformedAnswer(f"'{self.door.shown}': an answer of more than {self._limit} bytes")
        return self.answer.endswith(END)

    @property
    def wants(self) -> int:
        return select.EPOLLOUT if self._unsent else select.EPOLLIN


def _unreachable(door: Door, error: OSError) -> WatchdogError:
    path = door.shown
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"'{path}' vanished")
        case errno.EACCES | errno.EPERM:
            return Forbidden(f"may not connect to '{path}': run as root or as the daemon's user")
        case errno.ECONNREFUSED:
            return Unreachable(f"'{path}' refuses connections: its daemon is dead and left its socket behind")
        case errno.EAGAIN:
            return Unreachable(f"'{path}' takes no more connections: its daemon is alive but does not answer")
    return Unreachable(f"'{path}': {error.strerror or type(error).__name__}")


def ask(doors: Sequence[Door], clock: Clock, deadline: float, limit: int) -> dict[Door, Result]:
    """Ask every socket at once (``AT_ONCE`` at a time); return each one's whole answer, or what broke.

    ``deadline`` is seconds for one device, ``limit`` the bytes an answer may have.
    """
    with select.epoll() as poll:
        asking = _Round(poll, clock, deadline, limit)
        try:
            return asking.ask(doors)
        finally:
            asking.close()


class _Round:
    """Many exchanges on one epoll, by their descriptors.

    A socket that is closed does not always leave it by itself: a child that is being started has a copy of it until its exec.
    """

    def __init__(self, poll: select.epoll, clock: Clock, deadline: float, limit: int) -> None:
        self._poll, self._clock, self._deadline, self._limit = poll, clock, deadline, limit
        self._running: dict[int, _Exchange] = {}
        self._results: dict[Door, Result] = {}

    def ask(self, doors: Sequence[Door]) -> dict[Door, Result]:
        waiting = list(reversed(doors))
        while waiting or self._running:
            while waiting and len(self._running) < AT_ONCE:
                self._begin(waiting.pop())
            if self._running:
                self._turn()
        return self._results

    def close(self) -> None:
        """Close what an exception left open."""
        for exchange in self._running.values():
            exchange.socket.close()

    def _begin(self, door: Door) -> None:
        try:
            exchange = _Exchange(door, self._clock.now().mono + self._deadline, self._limit)
        except WatchdogError as error:
            self._results[door] = error
            return
        descriptor = exchange.socket.fileno()
        self._running[descriptor] = exchange
        self._poll.register(descriptor, exchange.wants)

    def _end(self, descriptor: int, result: Result) -> None:
        exchange = self._running.pop(descriptor)
        self._poll.unregister(descriptor)
        exchange.socket.close()
        self._results[exchange.door] = result

    def _turn(self) -> None:
        nearest = next(iter(self._running.values())).until  # who began first ends first
        ready = self._poll.poll(max(0.0, nearest - self._clock.now().mono))
        for descriptor, _events in ready:
            self._serve(descriptor)
        # nothing ready means that the nearest one's time is over, whatever a simulated clock says
        now = self._clock.now().mono if ready else max(nearest, self._clock.now().mono)
        while self._running:
            descriptor, exchange = next(iter(self._running.items()))
            if exchange.until > now:
                return
            self._end(descriptor, DeadlinePassed(f"'{exchange.door.shown}': the daemon did not answer in time"))

    def _serve(self, descriptor: int) -> None:
        exchange = self._running[descriptor]
        wanted = exchange.wants
        try:
            if exchange.go_on():
                self._end(descriptor, exchange.answer)
            elif exchange.wants != wanted:
                self._poll.modify(descriptor, exchange.wants)
        except WatchdogError as error:
            self._end(descriptor, error)


@dataclass(slots=True)
class Memory:
    """What makes the next look cheaper: public keys worked out, and peers as they looked last, by where their socket is.

    ``devices`` are those of the last look, by name.
    """

    keys: PublicKeys = field(default_factory=PublicKeys)
    peers: dict[str, Known] = field(default_factory=dict)
    devices: dict[str, Known] = field(default_factory=dict)

    def keep(self, judged: Iterable[Device]) -> None:
        """Take what was made of the devices of the last look."""
        for device in judged:
            known = self.devices.get(device.name)
            if known is not None and device.kind == "userspace" and not device.netns and device.error is None:
                known.keep(device.peers)


def read_userspace(directories: Iterable[Path], clock: Clock, deadline: float, limit: int, memory: Memory) -> tuple[Failed, ...]:
    """Return each userspace device of these directories, and beside it why it could not be read, or None (see ``read_doors``)."""
    return read_doors(find_sockets(directories), clock, deadline, limit, memory)


def read_doors(doors: Sequence[Door], clock: Clock, deadline: float, limit: int, memory: Memory) -> tuple[Failed, ...]:
    """Return each device behind these doors, and beside it why it could not be read, or None. Sockets that vanish while asked are left out.

    Of two sockets with one name (a leftover in another directory) the first that answers is the device. Whether links are up is told by the
    network namespace of the calling thread.
    """
    if not doors:
        memory.peers, memory.devices = {}, {}
        return ()
    identities = {door: door.identity() for door in doors}
    answers = ask(doors, clock, deadline, limit)
    broken = [door for door, answer in answers.items() if isinstance(answer, Unreachable)]
    if broken:
        # a daemon that ends in order refuses, or hangs up, just before its socket is gone: only the same socket failing twice is a failure
        clock.wait(threading.Event(), SECOND_LOOK)
        answers.update(ask(broken, clock, deadline, limit))
        for door in broken:
            if isinstance(answers[door], Unreachable) and not same_socket(identities[door], door.identity()):
                answers[door] = NotFound(f"'{door.shown}' vanished")
    best: dict[str, Failed] = {}
    memory.peers, memory.devices = {door.shown: memory.peers.get(door.shown) or Known() for door in doors}, {}
    wall = clock.now().wall
    for door in doors:
        entry = _judged(door.device, answers[door], memory, memory.peers[door.shown], wall)
        if entry is not None and (door.device not in best or (best[door.device][1] is not None and entry[1] is None)):
            best[door.device] = entry
            memory.devices[door.device] = memory.peers[door.shown]
    up = links_up(best)
    return tuple((_with_link(device, up[name]), error) for name, (device, error) in best.items())


def _with_link(device: Device, up: bool | None) -> Device:
    """Return ``replace(device, up=up)`` in half the time."""
    d = device
    return Device(d.name, d.kind, d.netns, d.public_key, d.listen_port, d.fwmark, d.peers, d.error, up)


def links_up(names: Iterable[str]) -> dict[str, bool | None]:
    """Return whether the links of these names are administratively up, None when no such link is in this thread's network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return {name: _link_up(any_socket, name) for name in names}


def _link_up(any_socket: socket.socket, name: str) -> bool | None:
    question = struct.pack("16sh14x", name.encode()[:15], 0)  # struct ifreq
    try:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, question)
    except OSError:
        return None
    return bool(struct.unpack_from("16sh", answer)[1] & _IFF_UP)


def _judged(name: str, result: Result, memory: Memory, known: Known, wall: float) -> Failed | None:
    try:
        if isinstance(result, bytearray):
            return parse(name, result, memory.keys.of, known=known, wall=wall), None
    except WatchdogError as error:
        result = error
    if isinstance(result, NotFound):
        return None
    return Device(name, "userspace", error=type(result).__name__), result
