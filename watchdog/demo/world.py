"""The demo's world: fake engine, fake WireGuard daemons, fake MCSManager over the same containers, real archives in a scratch folder."""

from __future__ import annotations

import hashlib
import random
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.wireguard.fake import FakeWireguardWorld
from watchdog.demo.backups import write_backups
from watchdog.demo.bridge import EngineBridge
from watchdog.demo.engine_process import EngineProcess
from watchdog.demo.hosting import Hosting, hosting
from watchdog.demo.nightly import Nightly, nightly
from watchdog.demo.plain import Shop, open_shop
from watchdog.demo.plain import write_settings as write_shop
from watchdog.demo.reports import Reports, reports
from watchdog.demo.tunnels import Tunnels, write_settings
from watchdog.demo.vpn import Vpn, vpn
from watchdog.panels.mcsmanager.fake import FakeDaemon, FakeInstance, FakePanel
from watchdog.panels.mcsmanager.fake.instances import RUNNING, Silence
from watchdog.runtime import yaml
from watchdog.runtime.clock import SystemClock

TARGET = "games"
NAMES = ("lobby", "survival", "creative")
SPEED = 16.0
"""The fake daemon's own delays (six-second timeouts, five seconds between autostarts) run so much faster than real."""

SHORTENED = {
    "a drift counts after two looks over 2 s (10 s and more in `run`)": None,
    "looks every second or two (15 s)": None,
    "the verdict comes 1 s after a repair at the earliest (remedies name their own)": None,
    "the Docker gate opens after 2 successes, tried every 0.5 s (3, every 5 s, after 10 s)": None,
    "stuck in 'starting' after 10 s (5 min)": None,
    "WGDashboard's answers count as frozen after 25 s (45 s)": None,
    "a backup may be begun at any hour, and is nobody's work a second after its last change (a minute)": None,
    "a canary backup is made each minute (each day)": None,
    "an archive of Pterodactyl must stay for 10 s after a report (2 min)": None,
    "plain containers are left in peace for 10 s after a hand on them or a start of Docker (2 min)": None,
    "a nightly backup is overdue after a minute (15 min)": None,
}


@dataclass(slots=True)
class DemoWorld:
    """All that is fake, and where the configuration for the real program stands."""

    folder: Path
    engine: FakeEngineWorld
    wireguard: FakeWireguardWorld
    daemon: FakeDaemon
    panel: FakePanel
    config: Path
    tunnels: Tunnels
    vpn: Vpn
    reports: Reports
    hosting: Hosting
    shop: Shop
    nightly: Nightly

    def instance(self, name: str) -> FakeInstance:
        """Return the instance with this nickname."""
        return next(item for item in self.daemon.instances if item.nickname == name)

    def truncate_archive(self) -> Path:
        """Write a backup that was cut, as a broken download is; return its path."""
        whole = self.folder / "backups" / "monday.zip"
        cut = self.folder / "backups" / "tuesday.zip"
        cut.write_bytes(whole.read_bytes()[:-30])
        return cut


@contextmanager
def demo_world(folder: Path, listen: str) -> Iterator[DemoWorld]:
    """Build the world in ``folder`` (a short path: unix sockets stand in it) and take it down at the end."""
    clock = SystemClock()
    engine = FakeEngineWorld(clock)
    with ExitStack() as stack:
        stack.enter_context(FakeEngine(engine, folder / "docker.sock"))
        wireguard = stack.enter_context(FakeWireguardWorld(folder / "wg", clock))
        tunnels = stack.enter_context(Tunnels(wireguard, clock))
        daemon = FakeDaemon(EngineBridge(engine), remarks="demo-node", speed=SPEED)
        daemon.add(*(FakeInstance(uuid=hashlib.sha256(name.encode()).hexdigest()[:32], nickname=name, image="bb") for name in NAMES))
        engine.listen(EngineProcess(folder).follow)
        engine.listen(lambda mode: daemon.lose_streams() if mode == "down" else None)
        panel = stack.enter_context(FakePanel(daemon))
        engine.run("proxy", "nginx:stable")
        shop = open_shop(engine)
        for item in daemon.instances:
            _open(daemon, item)
        road = stack.enter_context(vpn(folder, clock, tunnels))
        papers = stack.enter_context(reports(folder, clock))
        games = stack.enter_context(hosting(folder, clock, engine))
        night = stack.enter_context(nightly(folder, clock))
        _write_archives(folder / "backups")
        config = _write_config(folder, panel, daemon, (road, papers, games, night), listen)
        yield DemoWorld(folder, engine, wireguard, daemon, panel, config, tunnels, road, papers, games, shop, night)


def _open(daemon: FakeDaemon, item: FakeInstance) -> None:
    """Start one instance and wait until it runs, for half a minute at most: on a busy host longer than a panel waits for its daemon."""
    with suppress(Silence):  # the start goes on by itself
        daemon.open(item.uuid)
    for _ in range(600):
        if item.status == RUNNING:
            return
        time.sleep(0.05)


def _write_archives(folder: Path) -> None:
    """Write one real zip with content that does not compress away."""
    folder.mkdir()
    noise = random.Random(7)  # noqa: S311  # content, not a secret
    with zipfile.ZipFile(folder / "monday.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"world/region/r.{number}.mca", noise.randbytes(20_000))


def _write_config(
    folder: Path, panel: FakePanel, daemon: FakeDaemon, others: tuple[Vpn, Reports, Hosting, Nightly], listen: str
) -> Path:  # fmt: skip
    road, papers, games, night = others
    key = folder / "mcsmanager.key"
    key.touch(0o600)
    key.write_text("admin-key-0123456789\n", encoding="ascii")
    restart = [sys.executable, "-m", "watchdog.demo.hook", f"{panel.control_url}/daemons/{daemon.uuid}/restart"]
    settings = {
        "host": "demo",
        "log": {"level": "warning", "format": "logfmt"},
        "server": {"listen": listen},
        "ledger": {"url": f"sqlite:///{folder}/ledger.sqlite3", "ephemeral": True},
        "collectors": {
            "docker": {
                "url": f"unix://{folder}/docker.sock",
                "interval": "2s",
                "gate": {"start_delay": "500ms", "retry": "500ms", "successes": 2, "timeout": "1s"},
                "deadline": "3s",
                "pid_file": f"{folder}/docker.pid",
                "proc": f"{folder}/proc",
            },
            "wireguard": dict(write_settings(folder)),
            "archives": {
                "interval": "2s",
                "directories": [
                    {"name": "backups", "path": f"{folder}/backups", "pattern": "*.zip"},
                    *map(dict, write_backups(folder / "archives")),
                ],
            },
        },
        "reconciler": {"confirm": "2s", "settle": "1s", "cooldown": "3s", "backoff_first": "3s", "budget_per_hour": 60, "attempts": 20},
        "panels": {
            "mcsmanager": [
                {
                    "name": TARGET,
                    "url": panel.url,
                    "api_key_file": str(key),
                    "mode": "repair",
                    "allow": ["restart_daemon", "stop_container_then_open", "remove_leftover", "open_instance"],
                    "hooks": {"restart_daemon": {"argv": restart}},
                    "interval": "1s",
                    "stuck_starting_after": "10s",
                    "autostart_grace": "1s",
                    "stop_grace": "10s",
                }
            ],
            "wgdashboard": [dict(road.write_settings(folder))],
            "sysreptor": [dict(papers.write_settings(folder))],
            "pterodactyl": [dict(games.write_settings(folder))],
            "containers": [dict(write_shop())],
            "duplicati": list(map(dict, night.write_settings(folder))),
        },
    }
    config = folder / "config.yaml"
    config.write_text(yaml.dump(settings), encoding="utf-8")
    return config
