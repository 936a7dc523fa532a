"""Making peers fast: thousands of them are made anew at each look of a busy host."""

from __future__ import annotations

from watchdog.model.wireguard import Peer


class _Open:
    """A peer that can still be written: the same slots, and no frozen ``__setattr__`` in the way."""

    __slots__ = (
        "allowed_ips",
        "connected",
        "endpoint",
        "endpoint_changes",
        "handshake_trusted",
        "keepalive",
        "last_handshake",
        "public_key",
        "rx_bytes",
        "tx_bytes",
    )  # fmt: skip

    def __init__(  # as many as a peer has, and no more
        self, public_key: str, endpoint: str | None, allowed_ips: tuple[str, ...], last_handshake: float | None, rx_bytes: int,
        tx_bytes: int, keepalive: int, handshake_trusted: bool, connected: bool | None, endpoint_changes: int,
    ) -> None:  # fmt: skip
        self.public_key = public_key
        self.endpoint = endpoint
        self.allowed_ips = allowed_ips
        self.last_handshake = last_handshake
        self.rx_bytes = rx_bytes
        self.tx_bytes = tx_bytes
        self.keepalive = keepalive
        self.handshake_trusted = handshake_trusted
        self.connected = connected
        self.endpoint_changes = endpoint_changes


def make_peer(  # as many as a peer has, and no more
    public_key: str,
    endpoint: str | None,
    allowed_ips: tuple[str, ...],
    last_handshake: float | None,
    rx_bytes: int,
    tx_bytes: int,
    keepalive: int,
    handshake_trusted: bool = True,
    connected: bool | None = None,
    endpoint_changes: int = 0,
) -> Peer:
    """Return ``Peer(...)``, frozen as ever, in a quarter of the time: a frozen class sets each field by a call that looks its name up.

    Written while it is open, it becomes a ``Peer`` before anybody else has it; both have the same slots, or the interpreter refuses.
    """
    peer = _Open(
        public_key, endpoint, allowed_ips, last_handshake, rx_bytes, tx_bytes, keepalive, handshake_trusted, connected, endpoint_changes
    )
    peer.__class__ = Peer  # type: ignore[assignment]
    return peer  # type: ignore[return-value]


def moved(peer: Peer, last_handshake: float | None, rx_bytes: int, tx_bytes: int) -> Peer:
    """Return ``peer`` with another handshake and other counters; what was judged of it stays until it is judged again."""
    made = _Open(
        peer.public_key, peer.endpoint, peer.allowed_ips, last_handshake, rx_bytes, tx_bytes, peer.keepalive, peer.handshake_trusted,
        peer.connected, peer.endpoint_changes,
    )  # fmt: skip
    made.__class__ = Peer  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def judged(peer: Peer, trusted: bool, connected: bool | None, changes: int) -> Peer:
    """Return ``peer`` with what was judged of it: the same one, if it says so already."""
    if peer.connected is connected and peer.handshake_trusted is trusted and peer.endpoint_changes == changes:
        return peer
    made = _Open(
        peer.public_key, peer.endpoint, peer.allowed_ips, peer.last_handshake, peer.rx_bytes, peer.tx_bytes, peer.keepalive, trusted,
        connected, changes,
    )  # fmt: skip
    made.__class__ = Peer  # type: ignore[assignment]
    return made  # type: ignore[return-value]
