"""Half an hour of the real program with 1,000 containers and 1,000 peers that move, scraped each 5 s, faults now and then: nothing grows.

``make soak`` runs it whole; WATCHDOG_SOAK_SECONDS=120 is for trying it out.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from contextlib import contextmanager

import pytest

from tests.support.flatness import ALLOWED, MIB, Look, grown, table, taken
from tests.support.program import run_program
from tests.support.small_world import rewrite, samples, wait_until
from watchdog.collectors.wireguard.fake import fake_key
from watchdog.demo.script import FAULTS, settled
from watchdog.demo.world import demo_world

SECONDS = float(os.environ.get("WATCHDOG_SOAK_SECONDS", "1800"))
MANY, DEVICES = 1000, 10
EVERY, FAULT_EVERY = 5.0, 30.0


# ---- the measure itself ------------------------------------------------------------------------------------------------------------


def look(at, rss=80 * MIB, threads=30, descriptors=50):
    return Look(at, int(rss), threads, descriptors, cpu=at / 10)


def test_what_is_flat_but_restless_has_not_grown():
    dice = random.Random(5)
    looks = [look(5.0 * n, (80 + dice.random() * 4) * MIB, 30 + dice.randrange(4), 50 + dice.randrange(8)) for n in range(360)]
    assert grown(looks) == {}
    assert len(table(looks, 60.0).splitlines()) == 31


def test_what_grew_at_first_and_then_stayed_is_flat():
    assert grown([look(5.0 * n, min(80 + n, 140) * MIB) for n in range(360)]) == {}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_grows_slowly_to_the_end_is_named(name):
    dice = random.Random(6)
    step = {"rss": 10 * MIB, "threads": 4, "descriptors": 4}[name]
    start = {"rss": 80 * MIB, "threads": 30, "descriptors": 50}[name]
    looks = [look(5.0 * n, **{name: int(start + step * n / 360 + step / 5 * dice.random())}) for n in range(360)]
    assert list(grown(looks)) == [name]


# ---- half an hour ------------------------------------------------------------------------------------------------------------------


class Crowd:
    """A thousand containers and a thousand peers of a demo's world, which move and come and go."""

    def __init__(self, world):
        self.world = world
        self._dice = random.Random(8)
        self._numbers = itertools.count(MANY)
        self._boxes = [self._run(number) for number in range(MANY)]
        self._peers = {}
        for device in range(DEVICES):
            name = f"soak{device}"
            world.wireguard.add_device(name)
            self._peers[name] = [self._add(name, number) for number in range(MANY // DEVICES)]

    def _run(self, number):
        return self.world.engine.run(f"box-{number}", "busybox:1", labels={"number": str(number)}, restart_policy="always")

    def _add(self, device, number):
        key = fake_key(f"{device}-{number}")
        self.world.wireguard.add_peer(device, key, allowed_ips=(f"10.{number % 250}.{number // 250}.0/24",), endpoint="192.0.2.9:51820")
        return key

    def move(self):
        """Let every peer move bytes, a tenth shake hands, and a few come from somewhere else."""
        tunnels, dice = self.world.wireguard, self._dice
        for device, keys in self._peers.items():
            for key in keys:
                tunnels.traffic(device, key, rx=dice.randrange(9000), tx=dice.randrange(9000))
                if dice.random() < 0.1:
                    tunnels.handshake(device, key)
            tunnels.roam(device, dice.choice(keys), f"198.51.100.{dice.randrange(250)}:{dice.randrange(1024, 65000)}")

    def come_and_go(self):
        """Replace twenty containers and twenty peers by others with other names."""
        for _ in range(20):
            self.world.engine.remove(self._boxes.pop(0), force=True)
            self._boxes.append(self._run(next(self._numbers)))
            device = self._dice.choice(sorted(self._peers))
            self.world.wireguard.remove_peer(device, self._peers[device].pop(0))
            self._peers[device].append(self._add(device, next(self._numbers)))


@contextmanager
def moving(crowd):
    """Let the crowd move until the end."""
    stop = threading.Event()

    def live():
        while not stop.wait(EVERY):
            crowd.move()

    thread = threading.Thread(target=live, name="crowd", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def as_in_earnest(document):
    """Look each 5 s, as nobody does more often, and write no other exporter's names."""
    for collector in ("docker", "wireguard"):
        document["collectors"][collector]["interval"] = f"{EVERY:g}s"
    document["collectors"]["docker"]["deadline"] = "30s"
    document["collectors"]["wireguard"].pop("compat")
    document["log"]["level"] = "info"
    for targets in document["panels"].values():
        for target in targets:
            target["interval"] = f"{EVERY:g}s"


def mishaps(world, crowd):
    """What befalls the world, in turn."""
    by_name = {fault.name: fault for fault in FAULTS}
    dead = itertools.cycle(f"soak{number}" for number in range(DEVICES))
    killed = []

    def daemon():
        for name in killed:
            world.wireguard.revive(name)
        killed[:] = [next(dead)]
        world.wireguard.kill(killed[0])

    return itertools.cycle([
        crowd.come_and_go, world.shop.hang, daemon, world.reports.cut_command, crowd.come_and_go, world.hosting.haunt,
        lambda: by_name["dead consoles (C2)"].inject(world), lambda: by_name["ghosts (C)"].inject(world),
    ])  # fmt: skip


def scraped(running):
    began = time.monotonic()
    status, text = running.get("/metrics", {"Accept-Encoding": "identity"})
    assert status == 200
    return time.monotonic() - began, text


def verified(text):
    return sum(value for name, value in samples(text).items() if name.startswith("watchdog_repairs_total") and 'result="verified"' in name)


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 900)
def test_half_an_hour_of_a_thousand_containers_and_peers_leaves_nothing_behind(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    with demo_world(folder, "127.0.0.1:0") as world:
        rewrite(world.config, as_in_earnest)
        crowd = Crowd(world)
        with moving(crowd), run_program(world.config, folder / "program.log") as running:
            running.wait_for("readiness", lambda: running.get("/-/ready")[0] == 200)
            looks, coming, text = [], mishaps(world, crowd), ""
            began, fault_at = time.monotonic(), FAULT_EVERY
            while (at := time.monotonic() - began) < SECONDS:
                if at >= fault_at:
                    fault_at += FAULT_EVERY
                    next(coming)()
                took, text = scraped(running)
                looks.append(taken(running.process.pid, at, took, len(text)))
                if len(looks) % 60 == 0:
                    print(f"\n{table(looks, 60.0)}", flush=True)
                time.sleep(max(0.0, EVERY - (time.monotonic() - began - at)))
            print(f"\n{table(looks, 60.0)}\nrepairs verified: {verified(text):g}; grown: {grown(looks) or 'nothing'}", flush=True)
            assert "Traceback" not in running.log, running.log[-4000:]
            assert text.count("\nwatchdog_wireguard_peer_receive_bytes_total{") >= MANY - MANY // DEVICES
            assert verified(text) >= SECONDS / FAULT_EVERY / 4
            wait_until(lambda: settled(world), "peace", 180.0)
    assert grown(looks) == {}
