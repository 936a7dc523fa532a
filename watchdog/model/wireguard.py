"""What is true about WireGuard devices. Private and preshared keys never enter these values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

CONNECTED_WITHIN_SECONDS = 180.0

PeerKey = tuple[str, str, str]
"""One peer of all: (netns, device, public key). The same key in two devices is two peers."""
NameSource = Literal["panel", "file", "settings"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer of one device. ``public_key`` is base64 text as ``wg`` prints it.

    ``endpoint`` is ``host:port`` ("[v6]:port"), or None; ``allowed_ips`` are CIDR texts in the device's order.
    ``last_handshake`` is UNIX seconds, None = never. ``handshake_trusted`` is False after a wall clock jump, until the stamp changes:
    then the handshake's age is Unknown. Bytes count since the device began. ``keepalive`` is seconds, 0 = off.
    ``connected`` is whether the last handshake was young enough when it was read, None = Unknown. ``endpoint_changes`` counts the moves
    from one endpoint to another that we have seen ourselves.
    """

    public_key: str
    endpoint: str | None = None
    allowed_ips: tuple[str, ...] = ()
    last_handshake: float | None = None
    rx_bytes: int = 0
    tx_bytes: int = 0
    keepalive: int = 0
    handshake_trusted: bool = True
    connected: bool | None = None
    endpoint_changes: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """One WireGuard device.

    ``kind`` is ``kernel`` or ``userspace``; ``netns`` is "" for our own network namespace, else the configured path of another one, or
    ``container:NAME`` of the container whose namespace it is: stable over restarts of the container and of ours.
    ``up`` is whether its link is administratively up, None = its link is not in sight.
    ``error`` names the class of a failed read of this one device (a dead daemon's socket): then ``peers`` is empty and proves nothing.
    """

    name: str
    kind: str
    netns: str = ""
    public_key: str = ""
    listen_port: int = 0
    fwmark: int = 0
    peers: tuple[Peer, ...] = ()
    error: str | None = None
    up: bool | None = None


@dataclass(frozen=True, slots=True)
class Namespace:
    """One other network namespace that was configured. ``label`` is what ``Device.netns`` says, where it is the first way there.

    ``error`` names the class of what kept us out; then its devices are those last seen there, failed too.
    """

    label: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PeerName:
    """What people call a peer, and who told us. ``labels`` are the entries of a ``# friendly_json=`` comment, sorted by name."""

    text: str
    source: NameSource
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NameFile:
    """A configuration file (or its directory) that could hold names. ``error`` is a short stable word, None = read."""

    path: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """What the peers of one look are called, and which of them shall always be connected.

    ``matches`` tells for each ``always`` entry of the configuration how many peers it means; None = a device cannot be read, so it is
    not known that there is none.
    """

    names: Mapping[PeerKey, PeerName] = field(default_factory=dict)
    expected: frozenset[PeerKey] = frozenset()
    files: tuple[NameFile, ...] = ()
    matches: tuple[tuple[str, int | None], ...] = ()

    def text(self, peer: PeerKey) -> str:
        """Return what ``peer`` is called, "" = nobody told."""
        found = self.names.get(peer)
        return found.text if found is not None else ""


class PeerNames(Protocol):
    """Where panels say what they call peers. The panel's word comes before any file's."""

    def offer(self, source: str, names: Mapping[PeerKey, str]) -> None:
        """Take the names that ``source`` (a target's name) knows, in the place of all that it offered before. Any thread; memory only."""
        ...


class NoPeerNames:
    """Listens to nobody, for callers that have no WireGuard collector."""

    def offer(self, source: str, names: Mapping[PeerKey, str]) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class WireguardFacts:
    """All devices seen in one collection, sorted by (netns, name).

    ``kernel`` is whether this kernel knows WireGuard; without it only userspace devices can be. None = not asked.
    ``left_behind`` counts threads that were sent into another namespace and have not ended in time.
    """

    devices: tuple[Device, ...] = ()
    kernel: bool | None = None
    naming: Naming = field(default_factory=Naming)
    namespaces: tuple[Namespace, ...] = ()
    left_behind: int = 0

    def device(self, name: str, netns: str = "") -> Device | None:
        """Return the device called ``name`` in ``netns``, or None."""
        return next((d for d in self.devices if d.name == name and d.netns == netns), None)
