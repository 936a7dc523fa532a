"""The kernel's WireGuard devices, asked over netlink (``wire``); ``decode`` reads the answers.

AmneziaWG's module (out of the kernel's tree) speaks the same under its own name, with attributes of its own that are stepped over.
Reading loads no kernel module: links are listed only for modules that are there, the family asked for only when there is such a link.
Devices are asked for by their index, so a device that is deleted and made anew under its old name is never mixed up; one that vanishes
while it is read is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from watchdog.collectors.wireguard.decode import KnownPeers, decode
from watchdog.collectors.wireguard.wire import HEADER, Wire, attribute, dump, route_wire, walk, wireguard_wire
from watchdog.errors import NotFound, WatchdogError
from watchdog.model.moments import Clock
from watchdog.model.wireguard import Device

MODULES = Path("/sys/module")
KINDS = ("wireguard", "amneziawg")
"""Of links, and of the generic netlink families that tell of them; the modules are called so too."""

_RTM_NEWLINK, _RTM_GETLINK = 16, 18
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_EXT_MASK, _IFLA_INFO_KIND = 3, 18, 29, 1
_SKIP_STATISTICS = 8  # RTEXT_FILTER_SKIP_STATS
_IFF_UP = 1
_WG_CMD_GET_DEVICE, _WGDEVICE_A_IFINDEX = 0, 1
_link = struct.Struct("=BxHiI")  # struct ifinfomsg without its change mask

Failed = tuple[Device, WatchdogError | None]
KernelMemory = dict[int, KnownPeers]
"""What devices looked like in the last look, by the index of their link."""


@dataclass(frozen=True, slots=True)
class Link:
    """One network link of a WireGuard kind."""

    index: int
    name: str
    up: bool


def wireguard_links(wire: Wire, until: float, kind: str = KINDS[0]) -> dict[int, Link]:
    """Return the links of this kind in this network namespace, by index."""
    return {link.index: link for data in _listed(wire, until, kind) for link in _links(data, kind.encode())}


def _listed(wire: Wire, until: float, kind: str) -> list[bytes]:
    wanted = attribute(_IFLA_LINKINFO, attribute(_IFLA_INFO_KIND, kind.encode()))
    return dump(wire, _RTM_GETLINK, bytes(16) + wanted + attribute(_IFLA_EXT_MASK, struct.pack("=I", _SKIP_STATISTICS)), until)


def _messages(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (index, flags, begin and end of the attributes) of each link."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, offset)
        if kind == _RTM_NEWLINK:
            _family, _type, index, flags = _link.unpack_from(data, offset + HEADER.size)
            yield index, flags, offset + 32, offset + length
        offset += (length + 3) & ~3


def _links(data: bytes, wanted: bytes) -> Iterator[Link]:
    for index, flags, begin, end in _messages(data):
        name = info = b""
        for kind, value in walk(data, begin, end):
            if kind == _IFLA_IFNAME:
                name = value
            elif kind == _IFLA_LINKINFO:
                info = value
                if name:
                    break  # a link has dozens more
        # a kernel without this kind of link ignores the filter and lists all
        if dict(walk(info, 0, len(info))).get(_IFLA_INFO_KIND, b"").rstrip(b"\0") == wanted:
            yield Link(index, name.rstrip(b"\0").decode("utf-8", "replace"), bool(flags & _IFF_UP))


def read_device(wire: Wire, family: int, index: int, until: float, known: KnownPeers | None = None) -> Device:
    """Read one device by its index; ``known`` is what it was last time. Raise NotFound when it vanished, and what ``dump`` raises."""
    payload = struct.pack("=BBH", _WG_CMD_GET_DEVICE, 1, 0) + attribute(_WGDEVICE_A_IFINDEX, struct.pack("=I", index))
    devices = decode(dump(wire, family, payload, until), known=known)
    if not devices:
        raise NotFound("the device vanished while it was read")
    return devices[0]


def kernel_kinds() -> tuple[str, ...]:
    """Return the kinds that this kernel has in it now (built in or loaded); asking loads nothing. Without sysfs WireGuard is assumed."""
    kinds = tuple(kind for kind in KINDS if (MODULES / kind).exists())
    return kinds or (() if MODULES.exists() else KINDS[:1])


def kernel_knows() -> bool:
    """Return whether this kernel has WireGuard of any kind in it now."""
    return any((MODULES / kind).exists() for kind in KINDS)


def read_kernel(clock: Clock, deadline: float, device_deadline: float, memory: KernelMemory | None = None) -> tuple[Failed, ...]:
    """Return each kernel device of the thread's network namespace, and beside it why it could not be read, or None.

    ``deadline`` is for the whole, ``device_deadline`` for one device, in seconds; ``memory`` is of the last look. No device is returned
    that did not live through the whole look. Raise DeadlinePassed or ServerFault when not even the links can be listed.
    """
    kinds, until = kernel_kinds(), clock.now().mono + deadline
    if not kinds:
        return ()
    memory = {} if memory is None else memory
    with route_wire(clock) as route:
        links = {kind: wireguard_links(route, until, kind) for kind in kinds}
        found: dict[int, Failed] = {}
        for kind, of_kind in links.items():
            if of_kind:
                found |= _Round(clock, until, device_deadline, kind, memory).read(of_kind)
        # a device that is deleted under a dump ends it early and without an error, so only what still stands is whole
        lists = [data for kind, of_kind in links.items() if of_kind for data in _listed(route, until, kind)]
        after = {index for data in lists for index, _flags, _begin, _end in _messages(data)}
    for index in memory.keys() - after:
        del memory[index]
    return tuple(entry for index, entry in found.items() if index in after)


@dataclass(slots=True)
class _Round:
    """Reading many devices, on as few sockets as possible."""

    clock: Clock
    until: float
    each: float
    kind: str
    memory: KernelMemory
    found: dict[int, Failed] = field(default_factory=dict)

    def read(self, links: dict[int, Link]) -> dict[int, Failed]:
        waiting = [links[index] for index in sorted(links, reverse=True)]
        while waiting:
            try:
                with wireguard_wire(self.clock, self.kind) as (wire, family):
                    self._read_until_broken(wire, family, waiting)
            except NotFound:
                break  # the module was unloaded: no device is left
            except WatchdogError as error:
                self.found.update({link.index: _failed(link, error) for link in waiting})
                break
        return self.found

    def _read_until_broken(self, wire: Wire, family: int, waiting: list[Link]) -> None:
        """Read from the end of ``waiting``; return after a failure, for the rest of its answer may still come on this socket."""
        while waiting:
            link = waiting.pop()
            try:
                until = min(self.until, self.clock.now().mono + self.each)
                known = self.memory.setdefault(link.index, KnownPeers())
                device = read_device(wire, family, link.index, until, known)
                self.found[link.index] = replace(device, up=link.up), None
            except NotFound:
                continue
            except WatchdogError as error:
                self.found[link.index] = _failed(link, error)
                return


def _failed(link: Link, error: WatchdogError) -> Failed:
    return Device(link.name, "kernel", up=link.up, error=type(error).__name__), error
