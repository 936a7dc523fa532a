"""Making peers fast: thousands of them are made anew at each look of a busy host."""

from __future__ import annotations

from watchdog.model.wireguard import Peer

_new = object.__new__
(
    _public_key, _endpoint, _allowed_ips, _last_handshake, _rx_bytes, _tx_bytes, _keepalive, _trusted, _connected, _changes,
) = (vars(Peer)[name].__set__ for name in Peer.__slots__)  # fmt: skip


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
    """Return ``Peer(...)``, frozen as ever, in half the time: a frozen class sets each field by a call that looks its name up first."""
    peer = _new(Peer)
    _public_key(peer, public_key)
    _endpoint(peer, endpoint)
    _allowed_ips(peer, allowed_ips)
    _last_handshake(peer, last_handshake)
    _rx_bytes(peer, rx_bytes)
    _tx_bytes(peer, tx_bytes)
    _keepalive(peer, keepalive)
    _trusted(peer, handshake_trusted)
    _connected(peer, connected)
    _changes(peer, endpoint_changes)
    return peer
