"""A world told by ``wg show all dump``: real devices, whoever runs the command. The fake starts no program itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from watchdog.panels.wgdashboard.fake.world import WgFailed, WorldPeer

PEER_FIELDS = 9
"""Fields of a peer's line; a device's own line has 5 (contract section 4)."""
Command = Callable[[Sequence[str]], str]
"""Runs a command, such as ``["wg", "show", "all", "dump"]``, and returns its output. Raises WgFailed when it fails."""


class DumpWorld:
    """Satisfies ``World``. Every device counts as one with an address."""

    def __init__(self, command: Command) -> None:
        self._command = command

    def interfaces(self) -> Collection[str]:
        """Return the devices."""
        return list(dict.fromkeys(line[0] for line in self._lines()))

    def show(self, name: str) -> Sequence[WorldPeer]:
        """Return the peers."""
        lines = [line for line in self._lines() if line[0] == name]
        if not lines:
            raise WgFailed("Unable to access interface: No such device")
        return tuple(_peer(line) for line in lines if len(line) == PEER_FIELDS)

    def up(self, name: str, peers: Sequence[WorldPeer]) -> None:
        """Bring it up from its file."""
        del peers
        self._command(["wg-quick", "up", name])

    def down(self, name: str) -> None:
        """Take it down."""
        self._command(["wg-quick", "down", name])

    def set_peer(self, name: str, peer: WorldPeer) -> None:
        """Add or change a peer."""
        self._command(["wg", "set", name, "peer", peer.public_key, "allowed-ips", ",".join(peer.allowed_ips)])

    def remove_peer(self, name: str, public_key: str) -> None:
        """Remove a peer."""
        self._command(["wg", "set", name, "peer", public_key, "remove"])

    def _lines(self) -> list[list[str]]:
        return [line.split("\t") for line in self._command(["wg", "show", "all", "dump"]).splitlines() if line]


def _peer(line: list[str]) -> WorldPeer:
    _, key, _, endpoint, allowed, handshake, received, sent, _ = line
    networks = () if allowed == "(none)" else tuple(allowed.split(","))
    return WorldPeer(key, "" if endpoint == "(none)" else endpoint, networks, float(handshake), int(received), int(sent))
