"""Everything we say of 10 000 named peers, from facts to bytes, against client_python for the same families; and what naming them costs."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import generate_latest

from benchmarks import Ratio
from tests.support.exposition import ReferenceRegistry
from watchdog.collectors.wireguard import metrics
from watchdog.collectors.wireguard.fake import fake_key
from watchdog.collectors.wireguard.naming import Namer, OfferedNames
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.exposition.render import render
from watchdog.model.metrics import MetricSpec, families
from watchdog.model.wireguard import Device, Peer, WireguardFacts
from watchdog.runtime.clock import SystemClock

PEERS = 10_000
ROUNDS = 5


def cpu(what: Callable[[], object]) -> float:
    """Return the median CPU seconds of ``what``."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        what()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def device() -> Device:
    ranges = ("10.0.0.2/32", "fd00::2/128")
    peers = [Peer(fake_key(str(n)), "192.0.2.1:51820", ranges, 1.7e9 + n, n * 99, n * 77, 25, connected=True) for n in range(PEERS)]
    return Device("wg0", "kernel", public_key=fake_key("own"), listen_port=51820, peers=tuple(peers), up=True)


def rendered(specs: tuple[MetricSpec, ...], facts: WireguardFacts) -> list[object]:
    return [render(family) for family in families(specs, facts)]


def run() -> list[Ratio]:
    """Measure the tables and the naming."""
    one, clock = device(), SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        blocks = [f"[Peer]\n# friendly_name = peer {n}\nPublicKey = {peer.public_key}\n" for n, peer in enumerate(one.peers)]
        Path(folder, "wg0.conf").write_text("[Interface]\n" + "\n".join(blocks), encoding="utf-8")
        settings = WireguardSettings.model_validate({"names": {"files": [f"{folder}/*.conf"]}, "compat": ["mindflavor", "mdlayher"]})
        namer = Namer(settings, OfferedNames())
        first = cpu(lambda: Namer(settings, OfferedNames()).look((one,)))
        namer.look((one,))
        again = cpu(lambda: namer.look((one,)))
        facts = WireguardFacts((one,), kernel=True, naming=namer.look((one,)))
    own, both = metrics.SPECS, metrics.specs(settings, clock)
    theirs = cpu(lambda: generate_latest(ReferenceRegistry(families(own, facts))))
    reference = f"client_python, our families, {PEERS} peers"
    return [
        Ratio("our own table", cpu(lambda: rendered(own, facts)), reference, theirs),
        Ratio("and both compatibility sets", cpu(lambda: rendered(both, facts)), reference, theirs),
        Ratio("read all names for the first time", first, reference, theirs),
        Ratio("look whether a name has changed", again, reference, theirs),
    ]
