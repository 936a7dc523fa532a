"""The kernel's WireGuard devices, asked over netlink (``wire``); ``decode`` reads the answers.

Reading loads no kernel module: the family is asked for only when there is a link of kind wireguard. Devices are asked for by their
index, so a device that is deleted and made anew under its old name is never mixed up; one that vanishes while it is read is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from watchdog.collectors.wireguard.decode import decode
from watchdog.collectors.wireguard.wire import HEADER, Wire, attribute, dump, route_wire, walk, wireguard_wire
from watchdog.errors import NotFound, WatchdogError
from watchdog.model.moments import Clock
from watchdog.model.wireguard import Device

MODULE = Path("/sys/module/wireguard")

_KIND = b"wireguard"
_RTM_NEWLINK, _RTM_GETLINK = 16, 18
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_EXT_MASK, _IFLA_INFO_KIND = 3, 18, 29, 1
_SKIP_STATISTICS = 8  # RTEXT_FILTER_SKIP_STATS
_IFF_UP = 1
_WG_CMD_GET_DEVICE, _WGDEVICE_A_IFINDEX = 0, 1
_link = struct.Struct("=BxHiI")  # struct ifinfomsg without its change mask

Failed = tuple[Device, WatchdogError | None]


@dataclass(frozen=True, slots=True)
class Link:
    """One network link of kind wireguard."""

    index: int
    name: str
    up: bool


def wireguard_links(wire: Wire, until: float) -> dict[int, Link]:
    """Return the links of kind wireguard in this network namespace, by index."""
    kind = attribute(_IFLA_LINKINFO, attribute(_IFLA_INFO_KIND, _KIND))
    payload = bytes(16) + kind + attribute(_IFLA_EXT_MASK, struct.pack("=I", _SKIP_STATISTICS))
    return {link.index: link for data in dump(wire, _RTM_GETLINK, payload, until) for link in _links(data)}


def _links(data: bytes) -> Iterator[Link]:
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, offset)
        if kind == _RTM_NEWLINK:
            _family, _type, index, flags = _link.unpack_from(data, offset + HEADER.size)
            values = dict(walk(data, offset + 32, offset + length))
            info = values.get(_IFLA_LINKINFO, b"")
            # a kernel without this kind of link ignores the filter and lists all
            if dict(walk(info, 0, len(info))).get(_IFLA_INFO_KIND, b"").rstrip(b"\0") == _KIND:
                yield Link(index, values[_IFLA_IFNAME].rstrip(b"\0").decode("utf-8", "replace"), bool(flags & _IFF_UP))
        offset += (length + 3) & ~3


def read_device(wire: Wire, family: int, index: int, until: float) -> Device:
    """Read one device by its index. Raise NotFound when it vanished, and what ``dump`` raises."""
    payload = struct.pack("=BBH", _WG_CMD_GET_DEVICE, 1, 0) + attribute(_WGDEVICE_A_IFINDEX, struct.pack("=I", index))
    devices = decode(dump(wire, family, payload, until))
    if not devices:
        raise NotFound("the device vanished while it was read")
    return devices[0]


def kernel_knows() -> bool:
    """Return whether this kernel has WireGuard in it now (built in or loaded); asking loads nothing."""
    return MODULE.exists()


def read_kernel(clock: Clock, deadline: float, device_deadline: float) -> tuple[Failed, ...]:
    """Return each kernel device of our network namespace, and beside it why it could not be read, or None.

    ``deadline`` is for the whole, ``device_deadline`` for one device, in seconds. No device is returned that did not live through the
    whole look. Raise DeadlinePassed or ServerFault when not even the links can be listed.
    """
    until = clock.now().mono + deadline
    with route_wire(clock) as route:
        links = wireguard_links(route, until)
        if not links:
            return ()
        found = _Round(clock, until, device_deadline).read(links)
        # a device that is deleted under a dump ends it early and without an error, so only what still stands is whole
        after = wireguard_links(route, until)
    return tuple(entry for index, entry in found.items() if index in after)


@dataclass(slots=True)
class _Round:
    """Reading many devices, on as few sockets as possible."""

    clock: Clock
    until: float
    each: float
    found: dict[int, Failed] = field(default_factory=dict)

    def read(self, links: dict[int, Link]) -> dict[int, Failed]:
        waiting = [links[index] for index in sorted(links, reverse=True)]
        while waiting:
            try:
                with wireguard_wire(self.clock) as (wire, family):
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
                device = read_device(wire, family, link.index, min(self.until, self.clock.now().mono + self.each))
                self.found[link.index] = replace(device, up=link.up), None
            except NotFound:
                continue
            except WatchdogError as error:
                self.found[link.index] = _failed(link, error)
                return


def _failed(link: Link, error: WatchdogError) -> Failed:
    return Device(link.name, "kernel", up=link.up, error=type(error).__name__), error
