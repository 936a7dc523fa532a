"""Real network namespaces, for tests that need more than one network.

How to use it::

    from tests.support.netns import container_like, netns, veth

    with netns("a") as left, netns("b") as right, veth(left, right):     # 10.77.0.1 and 10.77.0.2
        left.name, left.path                                             # of ``ip netns``
        left.run("ip", "addr")

    with container_like("wireguard-go", "-f", "wg0") as process:         # own network, own /run/wireguard; one process, as a container's
        process.pid

Root and ``ip`` are needed (``require_netns``). Nothing of the host's own network is touched.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import require
from tests.support.wireguard import PATIENCE, run

_numbers = itertools.count()
_OWN_PLACE = 'mkdir -p /run/wireguard && mount -t tmpfs tmpfs /run/wireguard && ip link set lo up && exec "$@"'


def require_netns() -> None:
    """Skip or fail unless network namespaces can be made here."""
    for program in ("ip", "unshare", "mount"):
        require(shutil.which(program) is not None, program)
    require(os.geteuid() == 0, "root")


@dataclass(frozen=True)
class Netns:
    """One network namespace of ``ip netns``."""

    name: str

    @property
    def path(self) -> Path:
        return Path("/var/run/netns") / self.name

    def run(self, *argv: str, stdin: str | None = None) -> str:
        """Run a program in it and return what it printed."""
        return run("ip", "netns", "exec", self.name, *argv, stdin=stdin)


@contextlib.contextmanager
def netns(word: str = "") -> Iterator[Netns]:
    """Make a network namespace with its loopback up, and delete it at the end."""
    require_netns()
    made = Netns(f"wd{os.getpid()}n{next(_numbers)}{word}")
    run("ip", "netns", "add", made.name)
    try:
        made.run("ip", "link", "set", "lo", "up")
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", made.name], check=False, capture_output=True)


@contextlib.contextmanager
def veth(left: Netns, right: Netns) -> Iterator[None]:
    """Connect two namespaces: 10.77.0.1 in ``left``, 10.77.0.2 in ``right``. The link ends with either of them."""
    run("ip", "link", "add", "v0", "netns", left.name, "type", "veth", "peer", "name", "v0", "netns", right.name)
    for end, address in ((left, "10.77.0.1/24"), (right, "10.77.0.2/24")):
        end.run("ip", "addr", "add", address, "dev", "v0")
        end.run("ip", "link", "set", "v0", "up")
    yield


@contextlib.contextmanager
def container_like(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with a network and a /run/wireguard of its own, as a container would; kill it at the end."""
    require_netns()
    process = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-ec", _OWN_PLACE, "sh", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"LOG_LEVEL": "silent"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
