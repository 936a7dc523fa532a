"""The demo's world for tests of the whole program: fakes on real sockets, a configuration on a free port, the program in this process."""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.exposition import parse
from watchdog import settings
from watchdog.app import Program
from watchdog.demo.world import DemoWorld, demo_world
from watchdog.panels.mcsmanager import McsmanagerPanel
from watchdog.runtime import yaml


@contextmanager
def small_world() -> Iterator[DemoWorld]:
    """The demo's world in a folder with a short name (paths of unix sockets are short), nothing broken in it and nothing held."""
    with tempfile.TemporaryDirectory(prefix="pw-") as folder, demo_world(Path(folder), "127.0.0.1:0") as world:
        rewrite(world.config, _leave_out_the_past)
        yield world


def _leave_out_the_past(document: dict[str, Any]) -> None:
    """Leave out the panel that begins with a broken past (stuck backups), and whose guard and canary hold something at once; and the shop,
    which would be told of all that a test does to the engine; and Duplicati's two servers, which are much for a small world."""
    document["panels"].pop("pterodactyl", None)
    document["panels"].pop("containers", None)
    document["panels"].pop("duplicati", None)


def rewrite(config: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the configuration, whole and at once, as an editor does."""
    document = yaml.parse(config.read_text(encoding="utf-8"), "test").value
    change(document)
    fresh = config.with_suffix(".new")
    fresh.write_text(yaml.dump(document), encoding="utf-8")
    fresh.replace(config)


def add_target(name: str) -> Callable[[dict[str, Any]], None]:
    """Watch the same panel under one name more."""

    def change(document: dict[str, Any]) -> None:
        targets = document["panels"]["mcsmanager"]
        targets.append({**targets[0], "name": name, "mode": "observe"})

    return change


def drop_target(name: str) -> Callable[[dict[str, Any]], None]:
    """Stop watching it."""

    def change(document: dict[str, Any]) -> None:
        document["panels"]["mcsmanager"] = [each for each in document["panels"]["mcsmanager"] if each["name"] != name]

    return change


@contextmanager
def program_in(world: DemoWorld, **more: Any) -> Iterator[Program]:
    """The real program in this process, without its signal handlers."""
    program = Program(settings.load(world.config, {}), lambda: settings.load(world.config, {}), **more)
    try:
        program.start()
        wait_until(lambda: program.readiness().ok, "readiness")
        yield program
    finally:
        program.stop()


def wrapped(monkeypatch: pytest.MonkeyPatch, wrap: Callable[[Any, Any], Any]) -> list[Any]:
    """Let each target of the world be ``wrap(target, ports)`` from now on; return those that are made, in their order."""
    made: list[Any] = []
    connect = McsmanagerPanel.connect

    def connected(panel: McsmanagerPanel, given: Any, ports: Any) -> Any:
        made.append(wrap(connect(panel, given, ports), ports))
        return made[-1]

    monkeypatch.setattr(McsmanagerPanel, "connect", connected)
    return made


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
    """Poll until ``holds()`` is truthy and return it."""
    until, never = time.monotonic() + seconds, threading.Event()
    while True:
        if found := holds():
            return found
        assert time.monotonic() < until, f"no {what} within {seconds:g} s"
        never.wait(0.02)


def lose_autostart(world: DemoWorld) -> None:
    """Let Docker and the daemon come back in the wrong order: each instance's autostart fails once, and nothing tries again."""
    world.engine.crash_engine()
    world.daemon.restart()
    wait_until(lambda: all(item.started and item.status == 0 for item in world.daemon.instances), "failed autostarts")
    world.engine.restart_engine()


def scrape(program: Program) -> tuple[int, str]:
    """One scrape over TCP."""
    connection = http.client.HTTPConnection(*program.server.address, timeout=60)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[str, float]:
    """Return each sample by its name and its labels, sorted: ``name{a="1",b="2"}``."""
    return {
        name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels) + "}" if labels else ""): value
        for (name, labels), value in parse(text.encode()).items()
    }
