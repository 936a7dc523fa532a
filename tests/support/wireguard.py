"""Two real WireGuard devices with a live handshake, for any test that wants WireGuard to be true.

How to use it::

    from tests.support.wireguard import real_tunnel, wg_dump

    @pytest.mark.wireguard
    @pytest.mark.xdist_group("wireguard")   # wg removes dead sockets of others: one worker for all of these
    def test_...():
        with real_tunnel() as (left, right):          # skips (or fails under WATCHDOG_REQUIRE_REAL=1) when something is missing
            left.name, left.public_key, left.socket, left.pid
            wg_dump()[left.name].peers[right.public_key].rx_bytes
            left.kill()                               # SIGKILL: the socket stays behind, nobody answers

Each end is one ``wireguard-go -f NAME`` in the host's network namespace, with a key of its own and the other end as its only peer over
127.0.0.1, persistent keepalive 1 s. ``real_tunnel`` returns after both ends have shaken hands. ``real_device`` is one lonely device.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.conftest import require
from watchdog.model.wireguard import WireguardFacts

SOCKETS = Path("/var/run/wireguard")
PATIENCE = 90.0
_numbers = itertools.count()


def require_wireguard() -> None:
    """Skip or fail unless real userspace devices can be made here."""
    for program in ("wireguard-go", "wg", "ip"):
        require(shutil.which(program) is not None, program)
    require(os.geteuid() == 0, "root")
    require(Path("/dev/net/tun").exists(), "/dev/net/tun")


def run(*argv: str, stdin: str | None = None, seconds: float = PATIENCE) -> str:
    """Run a program to its end and return what it printed; fail with what it complained of, or after ``seconds``."""
    done = subprocess.run(argv, input=stdin, check=False, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}"
    return done.stdout


def poll(what: str, condition, seconds: float = PATIENCE) -> None:
    """Wait until ``condition()`` is true; fail naming ``what`` after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


def free_udp_port() -> int:
    """Return a UDP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))  # wireguard-go listens on every address
        return int(probe.getsockname()[1])


def new_key() -> tuple[str, str]:
    """Return a private key and its public key, by ``wg``."""
    private = run("wg", "genkey").strip()
    return private, run("wg", "pubkey", stdin=private + "\n").strip()


def freeze(pid: int) -> None:
    """SIGSTOP a process, and wait until each of its threads stands still: a signal is sent long before it is felt."""
    os.kill(pid, signal.SIGSTOP)
    stats = lambda: [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]  # noqa: E731
    poll(f"process {pid} stands still", lambda: all(stat.rpartition(")")[2].split()[0] in "Tt" for stat in stats()))


@dataclass
class RealDevice:
    """One running wireguard-go."""

    name: str
    port: int
    private_key: str = field(repr=False)
    public_key: str
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def socket(self) -> Path:
        return SOCKETS / f"{self.name}.sock"

    def set(self, *words: str, stdin: str | None = None) -> None:
        """``wg set NAME WORDS...``; a key can be given as /dev/stdin."""
        run("wg", "set", self.name, *words, stdin=stdin)

    def kill(self) -> None:
        """SIGKILL the daemon: its link vanishes, its socket file stays and refuses connections."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def pause(self) -> None:
        """SIGSTOP the daemon: its socket accepts connections and nobody answers."""
        freeze(self.pid)

    def resume(self) -> None:
        """SIGCONT the daemon."""
        self.process.send_signal(18)


def answers(path: Path) -> bool:
    """Return whether somebody takes connections at this socket; it stands a moment before its daemon listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _start_daemon(prefix: str, argv: tuple[str, ...]) -> tuple[str, subprocess.Popen[bytes]]:
    """Start a daemon that answers; any ``wg`` on this machine that meets its socket before it listens deletes it, then start another."""
    for _ in range(10):
        name = f"{prefix}{os.getpid() % 1_000_000}n{next(_numbers)}"
        process = subprocess.Popen(
            [*argv, "wireguard-go", "-f", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"LOG_LEVEL": "silent"},
        )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and process.poll() is None:
            if answers(SOCKETS / f"{name}.sock"):
                return name, process
            time.sleep(0.02)
        process.kill()
        process.wait(PATIENCE)
        (SOCKETS / f"{name}.sock").unlink(missing_ok=True)
    raise AssertionError("wireguard-go never answered")


@contextlib.contextmanager
def real_device(prefix: str = "wt", *, netns: str = "") -> Iterator[RealDevice]:
    """Start one wireguard-go with a key and a port, its link up; end it and remove its socket at the end.

    ``netns`` names the network namespace (of ``ip netns``) that its link and its traffic live in; its socket stands in ``SOCKETS`` anyhow.
    """
    require_wireguard()
    SOCKETS.mkdir(mode=0o755, parents=True, exist_ok=True)
    inside = ("ip", "netns", "exec", netns) if netns else ()
    private, public = new_key()
    port = free_udp_port()
    name, process = _start_daemon(prefix, inside)
    device = RealDevice(name, port, private, public, process)
    try:
        device.set("private-key", "/dev/stdin", "listen-port", str(port), stdin=private + "\n")
        run(*inside, "ip", "link", "set", name, "up")
        yield device
    finally:
        if process.poll() is None:
            device.resume()
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)
        device.socket.unlink(missing_ok=True)


@contextlib.contextmanager
def real_tunnel(*, keepalive: int = 1) -> Iterator[tuple[RealDevice, RealDevice]]:
    """Start two devices that are each other's only peer, and wait for the handshake on both ends."""
    with real_device("wl") as left, real_device("wr") as right:
        for here, there, allowed in ((left, right, "10.90.0.2/32,fd00:90::2/128"), (right, left, "10.90.0.1/32,fd00:90::1/128")):
            here.set(
                "peer", there.public_key, "endpoint", f"127.0.0.1:{there.port}",
                "persistent-keepalive", str(keepalive), "allowed-ips", allowed,
            )  # fmt: skip
        for end, other in ((left, right), (right, left)):
            poll(f"a handshake on {end.name}", lambda e=end, o=other: wg_dump(e.name)[e.name].peers[o.public_key].last_handshake > 0)
        yield left, right


@dataclass(frozen=True)
class DumpedPeer:
    """One peer line of ``wg show all dump``."""

    public_key: str
    endpoint: str | None
    allowed_ips: tuple[str, ...]
    last_handshake: int
    rx_bytes: int
    tx_bytes: int
    keepalive: int


@dataclass(frozen=True)
class DumpedDevice:
    """One device line of ``wg show all dump`` and its peers by public key. The private key is not kept."""

    name: str
    public_key: str
    listen_port: int
    fwmark: int
    peers: dict[str, DumpedPeer]


def parse_dump(text: str) -> dict[str, DumpedDevice]:
    """Given the output of ``wg show all dump``, return devices by name."""
    devices: dict[str, DumpedDevice] = {}
    for line in text.splitlines():
        words = line.split("\t")
        if len(words) == 5:
            name, _private, public, port, mark = words
            devices[name] = DumpedDevice(name, "" if public == "(none)" else public, int(port), 0 if mark == "off" else int(mark, 16), {})
            continue
        name, public, _preshared, endpoint, allowed, handshake, rx, tx, keepalive = words
        devices[name].peers[public] = DumpedPeer(
            public,
            None if endpoint == "(none)" else endpoint,
            () if allowed == "(none)" else tuple(allowed.split(",")),
            int(handshake),
            int(rx),
            int(tx),
            0 if keepalive == "off" else int(keepalive),
        )
    return devices


def wg_dump(name: str = "all") -> dict[str, DumpedDevice]:
    """Return what ``wg show all dump`` says now, by device name; with a name, of this device alone."""
    text = run("wg", "show", name, "dump")
    return parse_dump(text if name == "all" else "".join(f"{name}\t{line}" for line in text.splitlines(keepends=True)))


def peers_config(count: int, *, seed: int = 1, allowed_ips: int = 2, endpoints: bool = True, start: int = 0) -> str:
    """Return text for ``wg setconf``: a key, a mark, and ``count`` peers of every sort (v4, v6 or no endpoint, preshared keys...).

    With ``start`` it is text for ``wg addconf``: more peers, whose numbers begin there.
    """
    rng = random.Random(f"{seed} {start}" if start else seed)
    key = lambda: base64.b64encode(rng.randbytes(32)).decode()  # noqa: E731
    lines = [] if start else ["[Interface]", f"PrivateKey = {key()}", "FwMark = 0x5117"]
    for number in range(start, start + count):
        lines += ["[Peer]", f"PublicKey = {key()}"]
        if number % 3 == 0:
            lines.append(f"PresharedKey = {key()}")
        if endpoints and number % 4 == 1:
            lines.append(f"Endpoint = 192.0.2.{number % 250 + 1}:{1024 + number}")
        if endpoints and number % 4 == 2:
            lines.append(f"Endpoint = [2001:db8::{number + 1:x}]:{1024 + number}")
        if number % 5 == 0:
            lines.append(f"PersistentKeepalive = {number % 60 + 1}")
        ranges = [
            f"10.{number // 256}.{number % 256}.{part // 2}/32" if part % 2 == 0 else f"fd00:{number:x}::{part:x}/128"
            for part in range(allowed_ips)
        ]
        if ranges and number % 7 != 3:
            lines.append(f"AllowedIPs = {', '.join(ranges)}")
    return "\n".join(lines) + "\n"


def differences(facts: WireguardFacts, dump: dict[str, DumpedDevice]) -> list[str]:
    """Return what differs between our facts and the devices ``wg`` showed; a device that is missing on either side differs."""
    ours = {device.name: device for device in facts.devices}
    found = [f"{name}: not in both" for name in sorted(ours.keys() ^ dump.keys())]
    for name in ours.keys() & dump.keys():
        device, shown = ours[name], dump[name]
        if (device.public_key, device.listen_port, device.fwmark) != (shown.public_key, shown.listen_port, shown.fwmark):
            found.append(
                f"{name}: {device.public_key, device.listen_port, device.fwmark} != {shown.public_key, shown.listen_port, shown.fwmark}"
            )
        if sorted(p.public_key for p in device.peers) != sorted(shown.peers):  # wireguard-go tells them in another order each time
            found.append(f"{name}: other peers, {len(device.peers)} != {len(shown.peers)}")
            continue
        for peer in device.peers:
            mine = DumpedPeer(
                peer.public_key,
                peer.endpoint,
                peer.allowed_ips,
                int(peer.last_handshake or 0),
                peer.rx_bytes,
                peer.tx_bytes,
                peer.keepalive,
            )
            if mine != shown.peers[peer.public_key]:
                found.append(f"{name}: {mine} != {shown.peers[peer.public_key]}")
    return found


def assert_equals_wg(
    collect: Callable[[], WireguardFacts],
    names: set[str] | None = None,
    dumped: Callable[[], dict[str, DumpedDevice]] = wg_dump,
) -> WireguardFacts:
    """Assert that our facts equal ``wg show all dump`` (or ``dumped``), and return them.

    Counters move, so the facts are taken between two equal dumps. ``names`` limits the comparison to these devices.
    """
    for _ in range(50):
        before, facts, after = dumped(), collect(), dumped()
        if names is not None:
            before, after = ({name: device for name, device in dump.items() if name in names} for dump in (before, after))
            facts = replace(facts, devices=tuple(device for device in facts.devices if device.name in names))
        if before == after:
            assert differences(facts, after) == []
            return facts
    raise AssertionError("wg never showed the same twice in a row")
