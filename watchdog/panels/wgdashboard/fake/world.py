"""The WireGuard devices the fake panel looks at: a protocol, and one that lives in memory."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol


class WgFailed(Exception):
    """``wg`` or ``wg-quick`` ended with a code that is not 0; the argument is what it printed."""


@dataclass(frozen=True, slots=True)
class WorldPeer:
    """One peer as ``wg show`` prints it. ``last_handshake`` is UNIX seconds, 0 = never; ``endpoint`` "" = none."""

    public_key: str
    endpoint: str = ""
    allowed_ips: tuple[str, ...] = ()
    last_handshake: float = 0.0
    rx_bytes: int = 0
    tx_bytes: int = 0


class World(Protocol):
    """What the panel asks of the host."""

    def interfaces(self) -> Collection[str]:
        """Return the names of interfaces that have an address, WireGuard or not (psutil.net_if_addrs)."""
        ...

    def show(self, name: str) -> Sequence[WorldPeer]:
        """Return the peers of a device. Raises WgFailed when there is no WireGuard device of this name."""
        ...

    def up(self, name: str, peers: Sequence[WorldPeer]) -> None:
        """Bring a device up with the peers of its file. Raises WgFailed."""
        ...

    def down(self, name: str) -> None:
        """Take a device down. Raises WgFailed."""
        ...

    def set_peer(self, name: str, peer: WorldPeer) -> None:
        """Add a peer or change its allowed IPs (``wg set``). Raises WgFailed."""
        ...

    def remove_peer(self, name: str, public_key: str) -> None:
        """Remove a peer. Raises WgFailed."""
        ...


@dataclass(slots=True)
class _Device:
    peers: dict[str, WorldPeer] = field(default_factory=dict)
    addressed: bool = True
    wireguard: bool = True


class MemoryWorld:
    """Satisfies ``World``; every call is safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._devices: dict[str, _Device] = {}

    def interfaces(self) -> Collection[str]:
        """Return the addressed interfaces."""
        with self._lock:
            return [name for name, device in self._devices.items() if device.addressed]

    def show(self, name: str) -> Sequence[WorldPeer]:
        """Return the peers."""
        with self._lock:
            return tuple(self._wireguard(name).peers.values())

    def up(self, name: str, peers: Sequence[WorldPeer] = ()) -> None:
        """Bring a device up."""
        with self._lock:
            if name in self._devices:
                raise WgFailed(f"wg-quick: `{name}' already exists")
            self._devices[name] = _Device({peer.public_key: peer for peer in peers})

    def down(self, name: str) -> None:
        """Take it down."""
        with self._lock:
            if self._devices.pop(name, None) is None:
                raise WgFailed(f"wg-quick: `{name}' is not a WireGuard interface")

    def set_peer(self, name: str, peer: WorldPeer) -> None:
        """Add or change a peer; its counters and handshake stay."""
        with self._lock:
            peers = self._wireguard(name).peers
            before = peers.get(peer.public_key)
            peers[peer.public_key] = replace(before, allowed_ips=peer.allowed_ips) if before else peer

    def remove_peer(self, name: str, public_key: str) -> None:
        """Remove a peer."""
        with self._lock:
            self._wireguard(name).peers.pop(public_key, None)

    def add_tun(self, name: str) -> None:
        """Let something else own an interface of this name (contract section 1.4: the panel calls it up)."""
        with self._lock:
            self._devices[name] = _Device(wireguard=False)

    def flush_addresses(self, name: str) -> None:
        """Take the addresses away: WireGuard works on, the panel calls it down (contract section 1.4)."""
        with self._lock:
            self._devices[name].addressed = False

    def handshake(self, name: str, public_key: str, at: float) -> None:
        """Let a peer shake hands at ``at`` UNIX seconds."""
        self._change(name, public_key, last_handshake=at)

    def traffic(self, name: str, public_key: str, rx: int = 0, tx: int = 0) -> None:
        """Move bytes."""
        with self._lock:
            peer = self._wireguard(name).peers[public_key]
            self._change(name, public_key, rx_bytes=peer.rx_bytes + rx, tx_bytes=peer.tx_bytes + tx)

    def roam(self, name: str, public_key: str, endpoint: str) -> None:
        """Let a peer come from another endpoint."""
        self._change(name, public_key, endpoint=endpoint)

    def _change(self, name: str, public_key: str, **values: object) -> None:
        with self._lock:
            peers = self._wireguard(name).peers
            peers[public_key] = replace(peers[public_key], **values)  # type: ignore[arg-type]  # the callers above name its fields

    def _wireguard(self, name: str) -> _Device:
        device = self._devices.get(name)
        if device is None or not device.wireguard:
            raise WgFailed("Unable to access interface: No such device")
        return device
