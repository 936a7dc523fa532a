"""Fifty WireGuard devices added and removed while the program collects and is scraped flat out: no error, no miss, nothing torn."""

import random
import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from tests.support.exposition import parse
from tests.support.mcsmanager_on_docker import base_settings
from tests.support.program import run_program
from watchdog.collectors.wireguard.fake import FakeWireguardWorld, fake_key
from watchdog.runtime import yaml
from watchdog.runtime.clock import SystemClock

pytestmark = pytest.mark.timeout(600)
STABLE = tuple(f"stable{n}" for n in range(5))
COMING = tuple(f"wg{n}" for n in range(50))
PEERS = 4
TURNS = 600
SCRAPES = 60
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


def add(world, name):
    world.add_device(name)
    for number in range(PEERS):
        world.add_peer(name, fake_key(f"{name}-{number}"), allowed_ips=(f"10.1.{number}.0/24",), endpoint=f"192.0.2.{number + 1}:51820")


class Churn(threading.Thread):
    """Adds and removes devices, and moves bytes in both directions by the same number at once, until told to stop."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.stop, self.turns, self.error = world, threading.Event(), 0, None

    def run(self):
        chance, present = random.Random(7), set(COMING)
        try:
            while not self.stop.wait(0.005):
                name = chance.choice(COMING)
                (self.world.remove_device if name in present else lambda name: add(self.world, name))(name)
                present ^= {name}
                for device in (*STABLE, *present):
                    self.world.traffic(device, fake_key(f"{device}-{chance.randrange(PEERS)}"), rx=1000, tx=1000)
                self.turns += 1
        except Exception as error:  # noqa: BLE001  # told by the test
            self.error = error


class Scraper(threading.Thread):
    """Scrapes without a pause and notes what is wrong with any answer."""

    def __init__(self, running, stop, *, openmetrics):
        super().__init__(daemon=True)
        self.running, self.stop, self.openmetrics = running, stop, openmetrics
        self.scrapes, self.faults, self.seen, self.steps = 0, [], set(), set()

    def run(self):
        while not self.stop.is_set() and len(self.faults) < 3:
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  # told by the test
                self.faults.append(repr(error))

    def look(self):
        status, text = self.running.get("/metrics", OPENMETRICS if self.openmetrics else {})
        samples = parse(text.encode(), openmetrics=self.openmetrics)
        rows = [(name, dict(labels), value) for (name, labels), value in samples.items() if name.startswith("watchdog_wireguard_")]
        peers, bytes_of = {}, {}
        for name, its, value in rows:
            if name == "watchdog_wireguard_peer_info":
                peers.setdefault(its["device"], set()).add(its["public_key"])
            if name.startswith(("watchdog_wireguard_peer_receive_bytes", "watchdog_wireguard_peer_transmit_bytes")):
                bytes_of.setdefault(its["public_key"], []).append(value)
        well = {its["device"] for name, its, value in rows if name == "watchdog_wireguard_device_success" and value == 1}
        self.scrapes += 1
        self.seen |= well
        self.steps.add(tuple(bytes_of[fake_key(f"{STABLE[0]}-{n}")][0] for n in range(PEERS)))
        if status != 200 or set(STABLE) - well:
            self.faults.append(f"missed: {set(STABLE) - well}, status {status}")
        torn = [device for device in well if peers.get(device) != {fake_key(f"{device}-{n}") for n in range(PEERS)}]
        # a device that has just been added has not all its peers yet; that is its truth then
        if set(torn) & set(STABLE) or any(len(pair) != 2 or pair[0] != pair[1] for pair in bytes_of.values()):
            self.faults.append(f"torn: {torn}, {[pair for pair in bytes_of.values() if len(set(pair)) != 1]}")


def test_fifty_devices_come_and_go_while_collecting_and_scraping_flat_out():
    folder = Path(tempfile.mkdtemp(prefix="pww-"))
    with FakeWireguardWorld(folder / "wg", SystemClock()) as world:
        for name in (*STABLE, *COMING):
            add(world, name)
        settings = base_settings(folder, None)
        settings["collectors"]["wireguard"] = {"enabled": True, "sockets": [str(folder / "wg")], "interval": "20ms"}
        (folder / "config.yaml").write_text(yaml.dump(settings))
        with run_program(folder / "config.yaml", folder / "log") as running:
            running.wait_for("all of them", lambda: running.metrics().count("watchdog_wireguard_device_success{") == 55)
            churn, stop = Churn(world), threading.Event()
            scrapers = [Scraper(running, stop, openmetrics=flag) for flag in (False, True)]
            for thread in (churn, *scrapers):
                thread.start()
            running.wait_for("enough of both", lambda: enough(churn, scrapers), 90)
            churn.stop.set()
            churn.join(10)
            stop.set()
            for scraper in scrapers:
                scraper.join(60)
            assert churn.error is None
            assert [scraper.faults for scraper in scrapers] == [[], []]
            assert churn.turns >= TURNS and all(scraper.scrapes >= SCRAPES for scraper in scrapers)
            assert all(scraper.seen >= set(COMING) for scraper in scrapers), "each of the fifty was seen"
            assert all(len(scraper.steps) > 10 for scraper in scrapers), "it went on collecting meanwhile"
            text = running.metrics()
            assert 'watchdog_collector_success{collector="wireguard"} 1.0\n' in text
            failures = [line for line in text.splitlines() if line.startswith('watchdog_collector_failures_total{collector="wireguard"')]
            assert all(line.endswith(" 0.0") for line in failures)
            loud = [line for line in running.log.splitlines() if "level=error" in line or "level=warning" in line]
            assert not loud, loud[:5]
            running.wait_for("what is there at the end", lambda: present(running) == {path.stem for path in (folder / "wg").glob("*.sock")})
    shutil.rmtree(folder, ignore_errors=True)


def enough(churn, scrapers):
    faults = churn.error or any(scraper.faults for scraper in scrapers)
    return faults or (churn.turns >= TURNS and all(scraper.scrapes >= SCRAPES for scraper in scrapers))


def present(running):
    lines = running.metrics().splitlines()
    return {line.split('"')[1] for line in lines if line.startswith("watchdog_wireguard_device_success{") and line.endswith(" 1.0")}
