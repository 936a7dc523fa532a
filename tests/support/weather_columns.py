"""One column of the weather table per panel: its shipped fake, the weather before it, and the real target, ledger and reconciler behind.

A column can ``strike`` its world (one drift of ``kind``, which is only observed) and ``mend`` it; everything else that the panel could
repair is allowed to act by itself, so that a repair by wrong facts would be sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.support.buckets import keys
from tests.support.duplicati_fake import Caller
from tests.support.duplicati_stage import stage as duplicati_stage
from tests.support.ledger import ledger_at
from tests.support.mcsmanager import Stage as McsmanagerStage
from tests.support.pterodactyl_ward import Ward as PterodactylWard
from tests.support.sysreptor_panel import Stage as SysreptorStage
from tests.support.weather import Weather
from tests.support.weather_sky import Column, Sky, policy
from tests.support.weather_wire import Certificates
from tests.support.wgdashboard_ward import Ward as WgdashboardWard
from watchdog.model.archives import ArchiveFacts, WatchedDirectory
from watchdog.model.docker import DockerFacts, EventStream, Gate
from watchdog.model.host import Filesystem, HostFacts
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels import mcsmanager, pterodactyl, sysreptor, wgdashboard
from watchdog.panels.duplicati.fake import PASSWORD
from watchdog.panels.mcsmanager.fake.panel import KEY as MCSMANAGER_KEY
from watchdog.panels.mcsmanager.view import LABEL
from watchdog.panels.pterodactyl.fake import ADMIN_KEY
from watchdog.panels.sysreptor.fake import ACCESS_KEY, ADMIN_TOKEN, BACKUP_KEY, SECRET_KEY, BucketWorld, FakeBucket, Stored
from watchdog.panels.wgdashboard.fake import KEY as WGDASHBOARD_KEY
from watchdog.runtime.clock import SimulatedClock


@contextmanager
def _bench(folder: Path, panel: Any, target: Any, clock: Any, actual: Callable[[], Actual], settings: Any, kind: str) -> Iterator[Sky]:
    ledger = ledger_at(folder / "ledger.sqlite3", clock)
    try:
        yield Sky(ledger, panel, target, clock, actual, panel.needs(settings), policy(kind, panel))
    finally:
        ledger.close()


@contextmanager
def mcsmanager_column(folder: Path, certificates: Certificates) -> Iterator[Column]:
    clock = SimulatedClock(time.time())
    with (
        Weather(certificate=certificates) as weather,
        McsmanagerStage(folder, count=2, url=weather.url, ca_file=str(certificates.ca_file), timeout="6100ms") as stage,
    ):
        weather.upstream = stage.panel.url
        stage.start_all()
        first = stage.instance(1)

        def strike() -> None:
            first.stream = False
            stage.world.kill(first.container)

        def mend() -> None:
            first.container = stage.world.put(first.container_name, first.image, {LABEL: first.uuid}, [(first.cwd, "/data")])
            first.stream = True

        def acts() -> int:
            lines = [path for path in ("/api/protected_instance/", "/api/service/link_remote_service") for _ in stage.panel.sent(path)]
            return len(lines) + len(stage.engine.done) + stage.daemon.restarts

        actual = lambda: stage.actual(clock.now())  # noqa: E731
        with _bench(folder, mcsmanager.PANEL, stage.target, clock, actual, stage.settings, "ghost_running") as bench:
            yield Column("mcsmanager", weather, bench, clock.advance, strike, mend, "ghost_running", acts, (MCSMANAGER_KEY,))


@contextmanager
def wgdashboard_column(folder: Path, certificates: Certificates) -> Iterator[Column]:
    with (
        Weather(certificate=certificates) as weather,
        WgdashboardWard(folder, count=2, url=weather.url, ca_file=str(certificates.ca_file), timeout="3s") as ward,
    ):
        weather.upstream = ward.panel.url
        ward.proc.show()
        kind = "autostart_down"

        def acts() -> int:
            return ward.panel.restarts + len(ward.panel.sent("/api/updateDashboardConfigurationItem"))

        with _bench(folder, wgdashboard.PANEL, ward.target, ward.clock, ward.actual, ward.settings, kind) as bench:
            yield Column(
                "wgdashboard", weather, bench, ward.pass_by, lambda: ward.world.down("wg1"), lambda: ward.raise_device("wg1"), kind, acts,
                (WGDASHBOARD_KEY,), limit=64 << 20,
            )  # fmt: skip


def _files(stage: SysreptorStage) -> Actual:
    """Return what our collectors see beside a SysReptor: an engine without its container, an empty directory."""
    now = stage.clock.now()
    docker = DockerFacts("FAKE", "20", (), stream=EventStream(connected=True, connected_at=1.0), counted=True, events_since=1.0)
    needs = sysreptor.PANEL.needs(stage.settings)
    archives = ArchiveFacts(tuple(WatchedDirectory(each.name, each.path) for each in needs.directories), ())
    host = HostFacts(tuple(Filesystem(each.name, each.path, 1 << 40, 1 << 39, 1000, 900) for each in needs.filesystems), 1 << 34, 1 << 33)
    return Actual(
        docker=Snapshot("docker", docker, now, now, 15.0), archives=Snapshot("archives", archives, now, now, 15.0),
        host=Snapshot("host", host, now, now, 15.0), gate=Gate(open=True),
    )  # fmt: skip


@contextmanager
def _sysreptor(folder: Path, weather: Weather, name: str, kind: str, acts: Any, strike: Any, mend: Any, **own: Any) -> Iterator[Any]:
    with SysreptorStage(folder, **own) as stage:
        ports: Any = Ports(stage.clock, Silent(), None)
        target = sysreptor.PANEL.connect(stage.settings, ports)
        with _bench(folder, sysreptor.PANEL, target, stage.clock, lambda: _files(stage), stage.settings, kind) as bench:
            secrets = (ADMIN_TOKEN, BACKUP_KEY, ACCESS_KEY, SECRET_KEY)
            yield stage, Column(
                name, weather, bench, stage.clock.advance, lambda: strike(stage), lambda: mend(stage), kind, lambda: acts(stage), secrets,
                natural=frozenset({"backup_too_old", "backups_too_few"}), partial=True, limit=4 << 20,
            )  # fmt: skip


@contextmanager
def sysreptor_column(folder: Path, certificates: Certificates) -> Iterator[Column]:
    def licence(on: bool) -> Callable[[SysreptorStage], None]:
        return lambda stage: setattr(stage.world, "professional", on)

    def acts(stage: SysreptorStage) -> int:
        return sum(row.type == "backup_started" for row in stage.world.rows)

    own = {"ca_file": str(certificates.ca_file), "timeout": "3s", "health_timeout": "3s", "preflight_every": "10s"}
    with Weather(certificate=certificates) as weather:
        made = _sysreptor(folder, weather, "sysreptor", "backup_refused", acts, licence(False), licence(True), url=weather.url, **own)
        with made as (stage, column):
            weather.upstream = stage.panel.url
            yield column


@contextmanager
def bucket_column(folder: Path, certificates: Certificates) -> Iterator[Column]:
    with Weather(certificate=certificates) as weather, FakeBucket(BucketWorld()) as server:
        weather.upstream = server.url
        files = keys(folder)
        s3 = {
            "url": weather.url, "bucket": server.world.name, "prefix": "reptor/", "region": server.world.region,
            "timeout": "3s", "every": "2m",
            "ca_file": str(certificates.ca_file), "access_key_file": str(files.access), "secret_key_file": str(files.secret),
        }  # fmt: skip

        def strike(stage: SysreptorStage) -> None:
            server.world.objects = [Stored("reptor/empty.zip", 0, stage.clock.now().wall - 86400.0)]

        def mend(stage: SysreptorStage) -> None:
            server.world.objects = [Stored("reptor/a.zip", 1 << 20, stage.clock.now().wall - 3600.0)]

        nothing = {"url": None, "token_file": None, "backup_key_file": None}
        with _sysreptor(folder, weather, "sysreptor s3", "backup_bad", lambda _: 0, strike, mend, s3=s3, **nothing) as (stage, column):
            server.world.now = lambda: stage.clock.now().wall
            mend(stage)
            column.stale = 120.0
            yield column


@contextmanager
def pterodactyl_column(folder: Path, certificates: Certificates) -> Iterator[Column]:
    """The panel's two public doors; Wings and its callbacks are not in this weather."""
    with Weather(certificate=certificates) as weather:
        own = {"url": weather.url, "ca_file": str(certificates.ca_file), "timeout": "3s", "wings_timeout": "3s"}
        with PterodactylWard(folder, own=own) as ward:
            weather.upstream = ward.panel.url
            with _ward(folder, weather, "pterodactyl", ward) as column:
                yield column


@contextmanager
def wings_column(folder: Path, certificates: Certificates) -> Iterator[Column]:
    """Wings alone; the panel is well."""
    with Weather() as weather, PterodactylWard(folder, own={"timeout": "3s", "wings_timeout": "3s"}) as ward:
        weather.upstream = f"http://127.0.0.1:{ward.node.port}"
        ward.node.port = weather.port
        rewrite(ward.wings.config, port=weather.port)
        known = ward.wings.servers
        with _ward(folder, weather, "wings", ward, "server_unknown_to_wings") as column:
            environment = known[ward.server.uuid]
            column.strike = lambda: known.pop(ward.server.uuid) and None
            column.mend = lambda: known.update({ward.server.uuid: environment})
            column.natural = frozenset({"node_unreachable", "node_without_docker", "websocket_broken", "backup_missing"})
            column.partial = True
            column.limit = 64 << 20
            column.valid = frozenset({"JSON: an empty list"})  # a Wings without servers
            yield column


def rewrite(config: Path, **changes: Any) -> None:
    """Change where the node's configuration says that its panel is, or the port of its own API."""
    from watchdog.runtime import yaml  # noqa: PLC0415

    document = yaml.parse(config.read_text(encoding="utf-8"), "test").value
    if "remote" in changes:
        document["remote"] = changes["remote"]
    if "port" in changes:
        document["api"]["port"] = changes["port"]
    config.write_text(yaml.dump(document), encoding="utf-8")


@contextmanager
def _ward(folder: Path, weather: Weather, name: str, ward: PterodactylWard, kind: str = "backup_missing") -> Iterator[Column]:
    row = ward.world.add_backup(ward.server, successful=True, checksum="sha1:" + "a" * 40, bytes=5, completed_at=ward.world.now() - 7200,
                                created_at=ward.world.now() - 7300)  # fmt: skip
    row.deleted = True
    # another one is in order, so the directory is mounted
    ward.wings.manual = True
    ward.wings.begin_backup(ward.server.uuid, ward.world.add_backup(ward.server).uuid).advance()

    def acts() -> int:
        posts = [each for each in list(ward.panel.seen) if each.method == "POST" and each.path.startswith("/api/client")]
        reports = [each for each in list(ward.panel.seen) if each.method == "POST" and each.path.startswith("/api/remote/backups/")]
        return len(posts) + sum(bool(each.fields.get("checksum")) for each in reports)

    with _bench(folder, pterodactyl.PANEL, ward.target, ward.clock, ward.actual, ward.settings, kind) as bench:
        yield Column(
            name, weather, bench, ward.pass_time, lambda: setattr(row, "deleted", False), lambda: setattr(row, "deleted", True), kind, acts,
            (ADMIN_KEY, ward.node.token), limit=32 << 20,
        )  # fmt: skip


@contextmanager
def duplicati_column(folder: Path, certificates: Certificates) -> Iterator[Column]:
    own = {"ca_file": str(certificates.ca_file), "timeout": "3s"}
    with Weather(certificate=certificates) as weather, duplicati_stage(folder, mode=Mode.REPAIR, url=weather.url, **own) as stage:
        weather.upstream = stage.fake.url
        life = stage.life

        by_hand = Caller(stage.fake)
        ours: list[int] = [0]

        def acts() -> int:
            return len([each for each in list(stage.fake.seen) if each.method != "GET" and "/auth/" not in each.path]) - ours[0]

        def hand(path: str) -> None:
            by_hand.login().post(path)
            ours[0] += 1

        made = Column(
            "duplicati", weather, life, stage.clock.advance, lambda: hand("serverstate/pause"), lambda: hand("serverstate/resume"),
            "pause_unowned", acts, (PASSWORD,), limit=32 << 20,
        )  # fmt: skip
        made.step = life.turn
        try:
            yield made
        finally:
            by_hand.close()


COLUMNS = {
    "mcsmanager": mcsmanager_column,
    "wgdashboard": wgdashboard_column,
    "sysreptor": sysreptor_column,
    "sysreptor s3": bucket_column,
    "pterodactyl": pterodactyl_column,
    "wings": wings_column,
    "duplicati": duplicati_column,
}


@contextmanager
def column(name: str, folder: Path) -> Iterator[Column]:
    """Open one column of the table."""
    with ExitStack() as stack:
        certificates = folder / "certificates"
        certificates.mkdir()
        yield stack.enter_context(COLUMNS[name](folder, Certificates(certificates)))
