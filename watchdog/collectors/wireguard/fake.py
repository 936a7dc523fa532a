"""Userspace WireGuard daemons made up: real unix sockets that speak the configuration protocol, for the demo and for tests.

``FakeWireguardWorld`` holds devices by name and serves each on ``DIRECTORY/NAME.sock``. They can do what real daemons do: appear and
vanish, gain and lose peers, shake hands, move bytes, roam, die and leave their socket behind, or fall silent. Answers have
wireguard-go's order of lines, private and preshared keys included, so that whoever reads them must skip them.
"""

from __future__ import annotations

import base64
import hashlib
import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.model.moments import Clock

QUESTION = b"get=1\n\n"
_PATIENCE = 5.0  # seconds a client may take to read an answer


def fake_key(word: str) -> str:
    """Return the base64 public key that stands for ``word``; always the same one."""
    return base64.b64encode(hashlib.sha256(word.encode()).digest()).decode("ascii")


def _digits(key: str) -> str:
    return base64.b64decode(key).hex()


@dataclass
class FakePeer:
    """One peer. Times are UNIX seconds, bytes count up."""

    public_key: str
    endpoint: str | None = None
    allowed_ips: tuple[str, ...] = ()
    last_handshake: float | None = None
    rx_bytes: int = 0
    tx_bytes: int = 0
    keepalive: int = 0
    preshared_key: str = field(default="00" * 32, repr=False)

    def lines(self) -> list[str]:
        """Return its lines of an answer."""
        stamp = self.last_handshake or 0.0
        seconds = int(stamp)
        return [
            f"public_key={_digits(self.public_key)}",
            f"preshared_key={self.preshared_key}",
            "protocol_version=1",
            *([f"endpoint={self.endpoint}"] if self.endpoint else []),
            f"last_handshake_time_sec={seconds}",
            f"last_handshake_time_nsec={round((stamp - seconds) * 1e9) % 10**9}",
            f"tx_bytes={self.tx_bytes}",
            f"rx_bytes={self.rx_bytes}",
            f"persistent_keepalive_interval={self.keepalive}",
            *[f"allowed_ip={cidr}" for cidr in self.allowed_ips],
        ]


@dataclass
class FakeDevice:
    """One daemon. ``mood`` is ``well``, ``silent`` (accepts and never answers) or ``dead`` (its socket refuses connections)."""

    name: str
    listen_port: int
    fwmark: int = 0
    private_key: str = field(default="", repr=False)
    peers: dict[str, FakePeer] = field(default_factory=dict)
    mood: str = "well"

    def answer(self) -> bytes:
        """Return the whole answer to ``get=1``."""
        own = [f"private_key={self.private_key}"] if self.private_key else []
        own.append(f"listen_port={self.listen_port}")
        if self.fwmark:
            own.append(f"fwmark={self.fwmark}")
        lines = [*own, *(line for peer in self.peers.values() for line in peer.lines()), "errno=0", "", ""]
        return "\n".join(lines).encode("ascii")


class FakeWireguardWorld:
    """Many fake daemons behind one thread. Use it as a context manager; all calls are safe from any thread."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self._clock = clock
        self._lock = threading.RLock()
        self._devices: dict[str, FakeDevice] = {}
        self._listeners: dict[str, socket.socket] = {}
        self._held: dict[str, list[socket.socket]] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._wakened = socket.socketpair()
        self._selector.register(self._wakened, selectors.EVENT_READ, None)
        self._ending = False
        self._thread = threading.Thread(target=self._serve, name="fake wireguard", daemon=True)

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ending = True
        self._wake.send(b"\0")
        self._thread.join()
        for name in list(self._devices):
            self.remove_device(name)
        self._selector.close()
        self._wake.close()
        self._wakened.close()

    def device(self, name: str) -> FakeDevice:
        """Return the device called ``name``. Raise KeyError when there is none."""
        return self._devices[name]

    def path(self, name: str) -> Path:
        """Return where the socket of ``name`` is."""
        return self.directory / f"{name}.sock"

    def add_device(self, name: str, *, listen_port: int = 51820, fwmark: int = 0) -> FakeDevice:
        """Start a daemon. Raise KeyError when there is one of this name."""
        with self._lock:
            if name in self._devices:
                raise KeyError(f"there is a device called {name}")
            secret = hashlib.sha256(b"private " + name.encode()).hexdigest()
            device = self._devices[name] = FakeDevice(name, listen_port, fwmark, secret)
            self._listen(name)
            return device

    def remove_device(self, name: str) -> None:
        """End a daemon in order: its socket goes first, as Go's listeners do it, then the daemon."""
        with self._lock:
            self.path(name).unlink(missing_ok=True)
            self._close(name)
            del self._devices[name]

    def add_peer(self, device: str, public_key: str, *, allowed_ips: tuple[str, ...] = (), endpoint: str | None = None) -> FakePeer:
        """Add a peer, or put another in the place of the one with this key."""
        with self._lock:
            peer = self._devices[device].peers[public_key] = FakePeer(public_key, endpoint, allowed_ips)
            return peer

    def remove_peer(self, device: str, public_key: str) -> None:
        """Remove a peer. Raise KeyError when there is none of this key."""
        with self._lock:
            del self._devices[device].peers[public_key]

    def handshake(self, device: str, public_key: str, *, at: float | None = None) -> None:
        """Let the peer shake hands now, or ``at`` UNIX seconds."""
        with self._lock:
            self._devices[device].peers[public_key].last_handshake = self._clock.now().wall if at is None else at

    def traffic(self, device: str, public_key: str, *, rx: int = 0, tx: int = 0) -> None:
        """Move bytes."""
        with self._lock:
            peer = self._devices[device].peers[public_key]
            peer.rx_bytes += rx
            peer.tx_bytes += tx

    def roam(self, device: str, public_key: str, endpoint: str) -> None:
        """Let the peer come from another endpoint."""
        with self._lock:
            self._devices[device].peers[public_key].endpoint = endpoint

    def kill(self, name: str) -> None:
        """Let the daemon die: its socket stays and refuses connections."""
        with self._lock:
            self._close(name)
            self._devices[name].mood = "dead"

    def silence(self, name: str) -> None:
        """Let the daemon accept connections and never answer."""
        with self._lock:
            self._devices[name].mood = "silent"

    def revive(self, name: str) -> None:
        """Let a dead or silent daemon be well again."""
        with self._lock:
            if name not in self._listeners:
                self.path(name).unlink(missing_ok=True)
                self._listen(name)
            self._devices[name].mood = "well"
            self._let_go(name)

    def _listen(self, name: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # bound under another name first: nobody may meet a socket that does not listen yet, which looks like a dead daemon
        path, early = self.path(name), self.path(name).with_suffix(".new")
        early.unlink(missing_ok=True)
        listener.bind(str(early))
        listener.listen(64)
        listener.setblocking(False)
        early.rename(path)
        self._listeners[name] = listener
        self._selector.register(listener, selectors.EVENT_READ, name)

    def _close(self, name: str) -> None:
        listener = self._listeners.pop(name, None)
        if listener is not None:
            self._selector.unregister(listener)
            listener.close()
        self._let_go(name)

    def _let_go(self, name: str) -> None:
        for connection in self._held.pop(name, []):
            connection.close()

    def _serve(self) -> None:
        while not self._ending:
            for key, _events in self._selector.select():
                if key.data is None:
                    self._wakened.recv(4096)
                else:
                    self._accept(key.data)

    def _accept(self, name: str) -> None:
        with self._lock:
            listener = self._listeners.get(name)
            if listener is None:
                return  # it died between the event and us
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            if self._devices[name].mood == "silent":
                self._held.setdefault(name, []).append(connection)
                return
            answer = self._devices[name].answer()
        with connection, suppress(OSError):
            connection.settimeout(_PATIENCE)
            asked = b""
            while not asked.endswith(b"\n\n"):
                piece = connection.recv(4096)
                if not piece:
                    return
                asked += piece
            connection.sendall(answer if asked == QUESTION else b"errno=22\n\n")
