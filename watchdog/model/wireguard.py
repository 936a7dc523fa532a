"""What is true about WireGuard devices. Private and preshared keys never enter these values."""

from __future__ import annotations

from dataclasses import dataclass

CONNECTED_WITHIN_SECONDS = 180.0


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

    ``kind`` is ``kernel`` or ``userspace``; ``netns`` is "" for our own network namespace, else its configured path.
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
class WireguardFacts:
    """All devices seen in one collection, sorted by (netns, name).

    ``kernel`` is whether this kernel knows WireGuard; without it only userspace devices can be. None = not asked.
    """

    devices: tuple[Device, ...] = ()
    kernel: bool | None = None

    def device(self, name: str, netns: str = "") -> Device | None:
        """Return the device called ``name`` in ``netns``, or None."""
        return next((d for d in self.devices if d.name == name and d.netns == netns), None)
