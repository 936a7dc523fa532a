"""An admin's first five minutes: all six panels are here, ``init`` finds them, ``run`` takes the file, and facts are there within 5 s."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.small_world import scrape, wait_until
from watchdog import settings
from watchdog.app import Program
from watchdog.cli import commands
from watchdog.demo.world import DemoWorld, demo_world
from watchdog.model.moments import Moment
from watchdog.panels import discover
from watchdog.runtime import yaml
from watchdog.runtime.clock import SystemClock

pytestmark = pytest.mark.timeout(600)
OFFICIAL = {
    "panel": "githubyumao/mcsmanager-web:10.6.1",
    "vpn": "donaldzou/wgdashboard:v4.2.3",
    "sysreptor-app": "syslifters/sysreptor:2026.61",
    "pterodactyl": "ghcr.io/pterodactyl/panel:v1.11.8",
    "nas": "lscr.io/linuxserver/duplicati:2.1.0",
}
"""Containers by whose image a panel is told; plain containers are told by their label, which the demo's shop has."""
COLLECTORS = ("docker", "wireguard", "archives", "logs", "host")
FILLED_IN = {"url", "directory", "backups"}
"""What a person has to fill in where panels are told by a bare container; how ``init`` takes it from mounts is shown with each panel."""
PACE = 0.04
FIRST_FACTS = 5.0


class SlowClock:
    """Time that passes slower: a busy machine costs little of it, and each wait that the program itself imposes counts in full."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.began = self._real.now()

    def now(self) -> Moment:
        """Return this moment."""
        passed = self._real.now().since(self.began) * PACE
        return Moment(self.began.wall + passed, self.began.mono + passed)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for so many slow seconds."""
        return self._real.wait(event, seconds / PACE)


@pytest.fixture
def world() -> Iterator[DemoWorld]:
    with tempfile.TemporaryDirectory(prefix="pw-") as folder, demo_world(Path(folder), "127.0.0.1:0") as made:
        for name, image in OFFICIAL.items():
            made.engine.run(name, image)
        yield made


def written(world: DemoWorld, output: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Let ``init`` look at the host of this world."""
    argv = ["init", "--output", str(output), "--docker", f"unix://{world.folder}/docker.sock", "--no-ask"]
    assert commands.start(argv) == 0
    return capsys.readouterr().out


def filled_in(world: DemoWorld, document: dict) -> dict[str, str]:
    """Return what a person fills in, as the environment: addresses of the fakes, files of their keys, folders; and this test's places."""
    demo = yaml.parse(world.config.read_text(), "demo").value
    told = {
        "SERVER__LISTEN": "127.0.0.1:0",
        "LEDGER__URL": f"sqlite:///{world.folder}/first.sqlite3",
        "LEDGER__EPHEMERAL": "true",
        "SERVER__CONTROL_SOCKET": f"{world.folder}/first.sock",
        "COLLECTORS__WIREGUARD__SOCKETS": f"['{world.folder}/wg']",
    }
    for panel, targets in document["panels"].items():
        for number, target in enumerate(targets):
            for key, value in demo["panels"][panel][0].items():
                if key in FILLED_IN or (key.endswith("_file") and key in target):
                    told[f"PANELS__{panel.upper()}__{number}__{key.upper()}"] = str(value)
    return {f"{settings.ENVIRONMENT_PREFIX}{key}": value for key, value in told.items()}


def value_of(page: str, name: str, *labels: str) -> list[float]:
    """Return the values of a family's samples that have all these labels."""
    lines = [line for line in page.splitlines() if line.startswith(f"{name}{{") and all(label in line for label in labels)]
    return [float(line.rpartition(" ")[2]) for line in lines]


def test_init_finds_all_six_and_run_has_facts_within_five_seconds(world: DemoWorld, capsys: pytest.CaptureFixture[str]):
    output = world.folder / "written.yaml"
    said = written(world, output, capsys)
    for panel in discover():
        assert f"found {panel}: " in said
    text = output.read_text()
    document = yaml.parse(text, "written").value
    assert set(document["panels"]) == set(discover())
    assert {target["mode"] for targets in document["panels"].values() for target in targets} == {"observe"}
    assert text.count("#") > 10, "it is commented"

    environment = filled_in(world, document)
    loaded = settings.parse(text, "written", environment)
    clock = SlowClock()
    program = Program(loaded, lambda: loaded, clock=clock)
    try:
        program.start()
        page = wait_until(lambda: (found := scrape(program)[1]) and not missing(found) and found, "first facts of all", 200)
        passed = clock.now().since(clock.began)
        for collector in COLLECTORS:
            (at,) = value_of(page, "watchdog_collector_last_success_timestamp_seconds", f'collector="{collector}"')
            assert 0 <= at - clock.began.wall <= FIRST_FACTS, collector
        assert passed <= FIRST_FACTS, f"all were there after {passed:.1f} s of the program's own time"
        assert program.readiness().ok
        assert output.read_text() == text, "the file is as init wrote it"
    finally:
        program.stop()
    assert [each.path for each in world.panel.seen if each.method not in {"GET", "HEAD"}] == [], "observe sends nothing"


def missing(page: str) -> list[str]:
    """Return which collectors and panels have not been read yet."""
    collectors = [each for each in COLLECTORS if value_of(page, "watchdog_collector_success", f'collector="{each}"') != [1.0]]
    return [*collectors, *(each for each in discover() if 1.0 not in value_of(page, "watchdog_panel_up", f'panel="{each}"'))]
