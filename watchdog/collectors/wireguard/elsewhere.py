"""Devices of other network namespaces: every configured place is looked into at once, each by a short-lived thread of its own.

A place that cannot be looked into is a named failure, and so are the devices last seen there: nothing disappears in silence. A thread that
does not end in time is left behind and counted, and its place is not looked into again before it has ended.

A device belongs to the network namespace where its link is, and is told once, however many places lead there. So a daemon whose socket is
ours and whose link was made in, or moved to, another namespace is a device of that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.wireguard.entering import Inode, doors_inside, open_way, own_inode
from watchdog.collectors.wireguard.keys import PublicKeys
from watchdog.collectors.wireguard.netlink import KernelMemory, read_kernel
from watchdog.collectors.wireguard.places import Place, places
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.collectors.wireguard.uapi import Failed, Memory, links_up, read_doors
from watchdog.errors import WatchdogError
from watchdog.model.docker import DockerFacts
from watchdog.model.moments import Clock
from watchdog.model.wireguard import Device, Namespace
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

Docker = Callable[[], DockerFacts | None]
_INSIDE = 0.9  # of a place's time is for its thread, the rest for its end


@dataclass(frozen=True, slots=True)
class Seen:
    """What one thread saw in one place: devices, and of the links asked for those that are there, and whether they are up."""

    inode: Inode
    kernel: tuple[Failed, ...]
    userspace: tuple[Failed, ...]
    links: Mapping[str, bool]


@dataclass(slots=True)
class Found:
    """What one look at all places brought. ``userspace`` includes the devices of our own sockets, each where its link is."""

    kernel: list[Failed] = field(default_factory=list)
    userspace: list[Failed] = field(default_factory=list)
    namespaces: list[Namespace] = field(default_factory=list)
    left_behind: int = 0


class Elsewhere:
    """Looks into other network namespaces. ``looks`` outlives a collector, so that what hangs is never started twice."""

    def __init__(
        self,
        settings: WireguardSettings,
        clock: Clock,
        docker: Docker | None = None,
        looks: HangingLooks[Seen] | None = None,
        keys: PublicKeys | None = None,
    ) -> None:
        """Given what to look into, and where Docker's containers are told (None = nowhere)."""
        self._settings, self._clock = settings, clock
        self._docker: Docker = docker or (lambda: None)
        self._looks = looks or new_looks(clock)
        self._keys = keys or PublicKeys()
        self._memories: dict[str, tuple[Memory, KernelMemory]] = {}
        self._last: dict[str, tuple[Device, ...]] = {}
        self._homes: dict[str, str] = {}
        self._broken: dict[str, str] = {}

    def look(self, ours: Iterable[Failed], seconds: float) -> Found:
        """Given the devices of our own sockets, look into all places at once, for ``seconds`` at most. Never raises the house's errors."""
        found, ours = Found(), tuple(ours)
        wanted = places(self._settings.netns, self._settings.containers, self._docker() if self._settings.containers else None)
        if not wanted:
            found.userspace += ours
            return found
        strays = frozenset(device.name for device, _error in ours if device.up is None)
        self._memories = {place.label: self._memories.get(place.label) or (Memory(self._keys), {}) for place in wanted}
        jobs = {place.label: partial(self._look_into, place, self._memories[place.label], strays, seconds) for place in wanted}
        answers = self._looks.look(jobs, seconds)
        self._join(found, answers)
        self._bring_home(found, ours, answers)
        found.left_behind = self._looks.hanging
        self._say(answers)
        return found

    def _look_into(self, place: Place, memory: tuple[Memory, KernelMemory], strays: frozenset[str], seconds: float) -> Seen:
        """Run in a thread of its own, that ends with it: it may stay in the other namespace."""
        until = self._clock.now().mono + seconds * _INSIDE
        settings = self._settings
        kernel: tuple[Failed, ...] = ()
        links: dict[str, bool] = {}
        with open_way(place) as way, ExitStack() as stack:
            doors = [] if way.root is None else doors_inside(way.root, settings.sockets, place.label, stack)
            if way.inode != own_inode():
                way.enter()
                links = {name: up for name, up in links_up(strays).items() if up is not None}
                kernel = read_kernel(self._clock, seconds * _INSIDE, min(settings.device_deadline, seconds * _INSIDE), memory[1])
            each = min(settings.device_deadline, max(0.0, until - self._clock.now().mono))
            return Seen(way.inode, kernel, read_doors(doors, self._clock, each, settings.max_answer, memory[0]), links)

    def _join(self, found: Found, answers: Mapping[str, Seen | WatchdogError]) -> None:
        owners: dict[Inode, str] = {own_inode(): ""}
        last: dict[str, tuple[Device, ...]] = {}
        for label, answer in answers.items():
            if isinstance(answer, WatchdogError):
                error = type(answer).__name__
                last[label] = self._last.get(label, ())
                # these first: what is seen by another way stands
                found.userspace[:0] = [(replace(device, error=error), answer) for device in last[label]]
                found.namespaces.append(Namespace(label, error))
                continue
            netns = owners.setdefault(answer.inode, label)
            kernel = [(replace(device, netns=netns), error) for device, error in answer.kernel] if netns == label else []
            userspace = [(replace(device, netns=netns), error) for device, error in answer.userspace]
            found.kernel += kernel
            found.userspace += userspace
            found.namespaces.append(Namespace(label))
            last[label] = tuple(Device(d.name, d.kind, d.netns, d.public_key) for d, _error in (*userspace, *kernel))
        self._last = last

    def _bring_home(self, found: Found, ours: tuple[Failed, ...], answers: Mapping[str, Seen | WatchdogError]) -> None:
        """Add the devices of our own sockets, each in the namespace where its link is, or was seen last (a dead daemon's link is gone)."""
        homes: dict[str, str] = {}
        for device, error in ours:
            seen = next((label for label, answer in answers.items() if isinstance(answer, Seen) and device.name in answer.links), None)
            home = seen or self._homes.get(device.name, "")
            if device.up is not None or not home or home not in answers:
                found.userspace.append((device, error))
                continue
            homes[device.name] = home
            answer = answers[home]
            up = answer.links.get(device.name) if isinstance(answer, Seen) else None
            found.userspace.append((replace(device, netns=home, up=up), error))
        self._homes = homes

    def _say(self, answers: Mapping[str, Seen | WatchdogError]) -> None:
        """Log once when a place cannot be looked into and once when it can again."""
        broken = {label: type(answer).__name__ for label, answer in answers.items() if isinstance(answer, WatchdogError)}
        for label in sorted(broken):
            if self._broken.get(label) != broken[label]:
                log.warning("a network namespace cannot be looked into", netns=label, error=broken[label], reason=str(answers[label]))
        for label in sorted(self._broken.keys() - broken.keys()):
            log.info("a network namespace can be looked into again, or is no longer wanted", netns=label)
        self._broken = broken


def new_looks(clock: Clock) -> HangingLooks[Seen]:
    """Return the threads of all looks, for all generations of collectors."""
    return HangingLooks(clock, "wireguard elsewhere")
