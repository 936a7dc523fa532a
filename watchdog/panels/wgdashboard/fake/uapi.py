"""A world of userspace devices behind unix sockets: the fake WireGuard of the demo, or real wireguard-go. Standard library only."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from watchdog.panels.wgdashboard.fake.world import WgFailed, WorldPeer

SECONDS = 5.0


def _nothing(_name: str) -> None:
    raise WgFailed("this world's devices come and go by themselves")


class UapiWorld:
    """Satisfies ``World``. ``raise_device`` and ``lower_device`` start and end a device, where that can be done at all.

    Only devices whose socket answers have an interface: with a userspace daemon its interface goes too.
    """

    def __init__(
        self,
        directory: Path,
        *,
        raise_device: Callable[[str], None] = _nothing,
        lower_device: Callable[[str], None] = _nothing,
        remove: Callable[[str, str], None] | None = None,
    ) -> None:
        self._directory = directory
        self._raise = raise_device
        self._lower = lower_device
        self._remove = remove

    def interfaces(self) -> Collection[str]:
        """Return the devices that have a socket."""
        return sorted(path.stem for path in self._directory.glob("*.sock"))

    def show(self, name: str) -> Sequence[WorldPeer]:
        """Return the peers."""
        return _peers(self._ask(name, b"get=1\n\n"))

    def up(self, name: str, peers: Sequence[WorldPeer]) -> None:
        """Start the device; its peers are its own business."""
        del peers
        self._raise(name)

    def down(self, name: str) -> None:
        """End the device."""
        self._lower(name)

    def set_peer(self, name: str, peer: WorldPeer) -> None:
        """Add or change a peer, as ``wg set`` does."""
        lines = ["set=1", f"public_key={_digits(peer.public_key)}", "replace_allowed_ips=true"]
        self._ask(name, ("\n".join([*lines, *(f"allowed_ip={network}" for network in peer.allowed_ips)]) + "\n\n").encode())

    def remove_peer(self, name: str, public_key: str) -> None:
        """Remove a peer, as ``wg set`` does."""
        if self._remove is not None:
            self._remove(name, public_key)
            return
        self._ask(name, f"set=1\npublic_key={_digits(public_key)}\nremove=true\n\n".encode())

    def _ask(self, name: str, question: bytes) -> str:
        answer = bytearray()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.settimeout(SECONDS)
            try:
                asked.connect(str(self._directory / f"{name}.sock"))
                asked.sendall(question)
                while not answer.endswith(b"\n\n"):
                    piece = asked.recv(65536)
                    if not piece:
                        break
                    answer += piece
            except OSError as error:
                raise WgFailed(f"Unable to access interface: {error.strerror or 'timed out'}") from None
        text = answer.decode("ascii")
        if "errno=0" not in text:
            raise WgFailed("Unable to modify interface: Invalid argument")
        return text


def _digits(key: str) -> str:
    return base64.b64decode(key).hex()


def _peers(text: str) -> tuple[WorldPeer, ...]:
    found: list[dict[str, list[str]]] = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "public_key":
            found.append({})
        if found and value:
            found[-1].setdefault(key, []).append(value)

    def one(peer: dict[str, list[str]], key: str) -> str:
        return peer.get(key, ["0"])[0]

    return tuple(
        WorldPeer(
            public_key=base64.b64encode(bytes.fromhex(one(peer, "public_key"))).decode("ascii"),
            endpoint=peer.get("endpoint", [""])[0],
            allowed_ips=tuple(peer.get("allowed_ip", ())),
            last_handshake=float(one(peer, "last_handshake_time_sec")),
            rx_bytes=int(one(peer, "rx_bytes")),
            tx_bytes=int(one(peer, "tx_bytes")),
        )
        for peer in found
    )
