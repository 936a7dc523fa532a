"""The WireGuard collector: kernel and userspace devices of one look, joined and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from watchdog.collectors.runner import CollectorSpec
from watchdog.collectors.wireguard.elsewhere import Docker, Elsewhere, new_looks
from watchdog.collectors.wireguard.keys import PublicKeys
from watchdog.collectors.wireguard.naming import Namer, OfferedNames
from watchdog.collectors.wireguard.netlink import kernel_knows, read_kernel
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.collectors.wireguard.trust import DeviceKey, Trust
from watchdog.collectors.wireguard.uapi import Memory, read_userspace
from watchdog.errors import Forbidden, Stopping, WatchdogError
from watchdog.model.moments import Clock, Moment
from watchdog.model.wireguard import Device, WireguardFacts
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

_MOST = 0.9  # of the whole deadline; the rest is for judging

Failed = tuple[Device, WatchdogError | None]
Reader = Callable[[], Iterable[Failed]]


class WireguardCollector:
    """Reads all devices. ``kernel`` and ``userspace`` are where devices come from; each pairs a device with why it could not be read.

    Devices may appear and vanish during a look: a device is in the facts if it stood from the list until its answer's end.
    """

    name = "wireguard"

    def __init__(
        self,
        settings: WireguardSettings,
        clock: Clock,
        *,
        kernel: Reader | None = None,
        userspace: Reader | None = None,
        trust: Trust | None = None,
        keys: PublicKeys | None = None,
        namer: Namer | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._clock, self._settings = clock, settings
        self._kernel = kernel or partial(read_kernel, clock, settings.deadline / 2, settings.device_deadline, {})
        self._memory = Memory(keys or PublicKeys())
        self._userspace = userspace or partial(
            read_userspace, settings.sockets, clock, settings.device_deadline, settings.max_answer, self._memory
        )
        self._trust = trust or Trust(settings.connected_within)
        self._trust.owner = self
        self._elsewhere = elsewhere or Elsewhere(settings, clock)
        self._namer = namer or Namer(settings, OfferedNames())
        self._broken: dict[DeviceKey, str] = {}
        self._said_no_kernel = False

    def collect(self) -> WireguardFacts:
        """Look once.

        Raise Forbidden when devices are there and not one may be read, Stopping when another collector has taken over the memory, and what
        the readers raise when they cannot look at all.
        """
        began = self._clock.now()
        kernel = tuple(self._kernel())
        found = self._elsewhere.look(self._userspace(), self._time_for_others(began))
        entries = join((*kernel, *found.kernel), found.userspace)
        self._say(entries)
        refused = [error for _device, error in entries if isinstance(error, Forbidden)]
        if refused and len(refused) == len(entries):
            raise refused[0]
        if self._trust.owner is not self:
            raise Stopping("this collector was abandoned, and another has taken over")
        devices = self._trust.look(tuple(device for device, _error in entries), self._clock.now())
        self._memory.keep(devices)
        knows = bool(kernel or found.kernel) or kernel_knows()
        if not knows and not self._said_no_kernel:
            log.info("this kernel has no WireGuard loaded, so only userspace devices are looked for")
        self._said_no_kernel = not knows
        return WireguardFacts(devices, knows, self._namer.look(devices), tuple(found.namespaces), found.left_behind)

    def _time_for_others(self, began: Moment) -> float:
        """Return the seconds that other namespaces may take: their own deadline, or what is left of the whole look."""
        left = self._settings.deadline * _MOST - self._clock.now().since(began)
        return max(0.0, min(self._settings.namespace_deadline, left))

    def close(self) -> None:
        """Give back nothing: every socket lives for one look."""

    def _say(self, entries: tuple[Failed, ...]) -> None:
        """Log once when a device breaks and once when it recovers or vanishes."""
        broken: dict[DeviceKey, str] = {}
        for device, error in entries:
            key = (device.netns, device.name)
            if error is None:
                continue
            broken[key] = type(error).__name__
            if self._broken.get(key) != broken[key]:
                log.warning(
                    "a WireGuard device cannot be read", device=device.name, netns=device.netns, error=broken[key], reason=str(error)
                )
        for netns, name in sorted(self._broken.keys() - broken.keys()):
            log.info("a WireGuard device is readable again, or gone", device=name, netns=netns)
        self._broken = broken


def build(settings: WireguardSettings, clock: Clock, offered: OfferedNames | None = None, docker: Docker | None = None) -> CollectorSpec:
    """Return what the runner runs: each new collector inherits the memory of clock jumps, endpoint changes and names from the one before.

    ``offered`` is where panels say what they call peers, ``docker`` where the containers are told.
    """
    trust, keys, namer = Trust(settings.connected_within), PublicKeys(), Namer(settings, offered or OfferedNames())
    looks = new_looks(clock)
    return CollectorSpec(
        WireguardCollector.name,
        lambda: WireguardCollector(
            settings, clock, trust=trust, keys=keys, namer=namer, elsewhere=Elsewhere(settings, clock, docker, looks, keys)
        ),
        settings.interval,
        settings.deadline,
    )


def join(kernel: Iterable[Failed], userspace: Iterable[Failed]) -> tuple[Failed, ...]:
    """Join both kinds, sorted by (netns, name).

    A name that is a kernel link is a kernel device, whatever a socket of that name says: a userspace daemon's link is a tun, and two
    links cannot share a name, so the socket is a leftover.
    """
    joined = {(device.netns, device.name): (device, error) for device, error in userspace}
    joined.update({(device.netns, device.name): (device, error) for device, error in kernel})
    return tuple(joined[key] for key in sorted(joined))
