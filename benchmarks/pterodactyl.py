"""What it costs to watch one Pterodactyl of 600 servers on 3 nodes: requests of its rate limit, time until all is read, processor time.

The panel and its nodes are the fakes, in another process, over real HTTP; both sides' clocks are moved by hand, so five minutes pass in as
long as the work takes. The reference for processor time is what exporters do (peers: two requests per server and the list, one after
another, each with a connection of its own), with the limit switched off for it: it does not fit into the panel's minute.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from benchmarks import Ratio
from watchdog.model.metrics import Silent
from watchdog.panels.pterodactyl import client
from watchdog.panels.pterodactyl.fake import ADMIN_KEY, FakePanel, FakeWings, PanelWorld
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.runtime.clock import SimulatedClock

SERVERS, NODES, BACKUPS = 600, 3, 4
LIMIT, MINUTE, LOOK = 720, 60.0, 15.0
MINUTES = 5
ROOT = Path(__file__).resolve().parents[1]


def run() -> list[Ratio]:
    with tempfile.TemporaryDirectory(prefix="pw-") as folder, _fakes(Path(folder)) as fakes:
        return list(_ratios(Path(folder), fakes))


def _ratios(folder: Path, fakes: _Fakes) -> Iterator[Ratio]:
    key = folder / "key"
    key.write_text(ADMIN_KEY)
    clock = SimulatedClock()
    settings = PterodactylSettings(
        name="bench", url=fakes.told["url"], token_file=key, node={"config": fakes.told["config"]}, node_tokens=True
    )
    ours = client.connect(settings, clock, Silent())
    looks: list[tuple[int, float]] = []
    whole = 0.0
    for number in range(int(MINUTES * MINUTE / LOOK)):
        asked, spent = fakes.asked(), time.process_time()
        view = ours.view()
        looks.append((fakes.asked() - asked, time.process_time() - spent))
        assert len(view.servers) == SERVERS
        assert all(node.wings.servers is not None for node in view.nodes)
        if not view.complete:
            whole = (number + 1) * LOOK
        clock.advance(LOOK)
        fakes.say("advance", LOOK)
    minute = int(MINUTE / LOOK)
    busiest = max(sum(count for count, _ in looks[at : at + minute]) for at in range(len(looks) - minute))
    assert busiest < LIMIT
    yield Ratio("requests in its busiest minute", busiest, "the panel's limit", LIMIT, "calls")
    every = 2 * SERVERS + SERVERS // 100
    yield Ratio("600 servers all read after", whole, "2 calls a server at the limit", every / LIMIT * MINUTE, "s of clock")
    later = looks[minute:]
    steady, calls = (sorted(each[part] for each in later)[len(later) // 2] for part in (1, 0))
    fakes.say("unlimited", 1)
    spent = time.process_time()
    asked = _like_an_exporter(fakes.told["url"])
    theirs = time.process_time() - spent
    yield Ratio(f"a look: {calls} calls and 3 nodes", steady, f"a pass of an exporter, {asked} calls", theirs)


def _like_an_exporter(url: str) -> int:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}", "Accept": "application/json"}

    def get(path: str) -> Any:
        answer = requests.get(url + path, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    found, page, asked = [], 1, 0
    while not found or len(found) < SERVERS:
        found += [item["attributes"]["uuid"] for item in get(f"/api/client?type=admin-all&per_page=100&page={page}")["data"]]
        page += 1
        asked += 1
    for uuid in found:
        get(f"/api/client/servers/{uuid}/resources")
        get(f"/api/client/servers/{uuid}/backups?per_page=50")
        asked += 2
    return asked


class _Fakes:
    """The other process: told where it is, moved by lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told = json.loads(self._line())

    def say(self, word: str, value: float = 0) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([word, value]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def asked(self) -> int:
        """Return how many requests have been made of the Client API so far."""
        return int(self.say("asked"))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def _fakes(folder: Path) -> Iterator[_Fakes]:
    argv = [sys.executable, "-m", "benchmarks.pterodactyl", str(folder)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Fakes(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _serve(folder: Path) -> None:
    clock = SimulatedClock()
    world = PanelWorld(clock)
    nodes = [world.add_node(f"node-{number}") for number in range(NODES)]
    for number in range(SERVERS):
        server = world.add_server(f"server {number}", nodes[number % NODES])
        for age in range(BACKUPS):
            at = world.now() - 86_400 * (age + 1)
            world.add_backup(server, successful=True, created_at=at, completed_at=at + 60, checksum="sha1:" + "0" * 40, bytes=1)
    with FakePanel(world) as panel, contextlib.ExitStack() as stack:
        wings = [stack.enter_context(FakeWings(folder / node.name, panel, node, clock)) for node in nodes]
        panel.seen.clear()
        print(json.dumps({"url": panel.url, "config": str(wings[0].config)}), flush=True)
        for line in sys.stdin:
            word, value = json.loads(line)
            if word == "advance":
                clock.advance(value)
            elif word == "unlimited":
                world.switches.throttle_after = 1_000_000
            print(sum(request.path.startswith("/api/client") for request in panel.seen), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
