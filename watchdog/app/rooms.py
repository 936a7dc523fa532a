"""The collectors' rooms, built from the settings and from what the panels need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from watchdog.collectors.archives import assemble as archives
from watchdog.collectors.archives import backup_metrics
from watchdog.collectors.archives import counters as archive_counters
from watchdog.collectors.archives import metrics as archive_metrics
from watchdog.collectors.docker import assembly as docker
from watchdog.collectors.docker import collector as docker_collector
from watchdog.collectors.docker import metrics as docker_metrics
from watchdog.collectors.docker.settings import DockerSettings
from watchdog.collectors.host import assemble as host
from watchdog.collectors.host import metrics as host_metrics
from watchdog.collectors.logs import assemble as logs
from watchdog.collectors.logs import metrics as log_metrics
from watchdog.collectors.runner import CollectorSpec
from watchdog.collectors.wireguard import metrics as wireguard_metrics
from watchdog.collectors.wireguard import namespaces as wireguard_namespaces
from watchdog.collectors.wireguard.collector import build as build_wireguard
from watchdog.collectors.wireguard.naming import OfferedNames
from watchdog.ledger.open import Ledger
from watchdog.model.archives import ArchiveProgress, VerifyArchive
from watchdog.model.docker import DockerFacts, Gate
from watchdog.model.engines import EngineAct, EngineRead
from watchdog.model.metrics import Instruments, Metric, MetricSpec
from watchdog.model.moments import Clock
from watchdog.model.needs import Needs
from watchdog.model.wireguard import NoPeerNames, PeerNames
from watchdog.runtime.loops import LoopSpec
from watchdog.settings import SettingsBase
from watchdog.snapshots import SnapshotStore

METRICS: tuple[Metric, ...] = (*docker_collector.METRICS, *archive_counters.METRICS, *log_metrics.METRICS)
"""What the collectors count while they look."""
SPECS: Mapping[str, tuple[MetricSpec, ...]] = MappingProxyType(
    {
        "docker": docker_metrics.SPECS,
        "gate": docker_metrics.GATE_SPECS,
        "wireguard": (*wireguard_metrics.ALL_SPECS, *wireguard_namespaces.SPECS),
        "archives": (*archive_metrics.SPECS, *backup_metrics.SPECS),
        "logs": log_metrics.SPECS,
        "host": host_metrics.SPECS,
    }
)
"""The tables over facts, by their field in ``Actual``."""


@dataclass(slots=True)
class Rooms:
    """All collectors: what is run, what it exports, the two doors to the engine, and how it begins and ends."""

    specs: list[CollectorSpec] = field(default_factory=list)
    loops: list[LoopSpec] = field(default_factory=list)
    metrics: dict[str, tuple[MetricSpec, ...]] = field(default_factory=lambda: dict(SPECS))
    engine_read: EngineRead | None = None
    engine_act: EngineAct | None = None
    peer_names: PeerNames = field(default_factory=NoPeerNames)
    archives: VerifyArchive | None = None
    archive_progress: Callable[[], tuple[ArchiveProgress, ...]] = tuple
    starts: list[Callable[[], None]] = field(default_factory=list)
    closes: list[Callable[[], None]] = field(default_factory=list)

    def start(self) -> None:
        """Start what runs beside the collectors' own loops."""
        for start in self.starts:
            start()

    def close(self) -> None:
        """End it, after the loops have ended."""
        for close in self.closes:
            close()


def build_rooms(
    settings: SettingsBase,
    needs: tuple[Needs, ...],
    ledger: Ledger,
    store: SnapshotStore,
    clock: Clock,
    instruments: Instruments,
    wake: Callable[[str], None],
) -> Rooms:
    """Build every collector that is wanted. Nothing is contacted. Raises BadSettings when wishes contradict each other."""
    rooms, chosen = Rooms(), settings.collectors
    _add_docker(rooms, chosen.docker, needs, ledger, store, clock, instruments, wake, needed=bool(chosen.wireguard.containers))
    if chosen.wireguard.enabled is not False:
        rooms.peer_names = offered = OfferedNames(lambda: wake("wireguard"))
        rooms.specs.append(build_wireguard(chosen.wireguard, clock, offered, lambda: _containers(store)))
    rooms.metrics["wireguard"] = (*wireguard_metrics.specs(chosen.wireguard, clock), *wireguard_namespaces.SPECS)
    spec, queue = archives.build(chosen.archives, needs, clock, instruments, ledger.verifications, lambda: wake("archives"))
    rooms.specs.append(spec)
    rooms.metrics["archives"] = (*archive_metrics.specs(chosen.archives.series), *backup_metrics.SPECS)
    rooms.archive_progress = queue.progress
    rooms.archives = archives.build_now(chosen.archives, needs, clock, queue)
    rooms.starts.append(queue.start)
    rooms.closes.append(queue.close)
    rooms.specs.append(logs.build(chosen.logs, needs, clock, instruments, ledger.offsets, rooms.engine_read))
    rooms.specs.append(host.build(chosen.host, needs, clock))
    return rooms


def _containers(store: SnapshotStore) -> DockerFacts | None:
    """Return what was last known of containers, however old: who uses their pids has to prove them anyhow."""
    snapshot = store.actual.docker
    return None if snapshot is None else snapshot.facts


def _add_docker(
    rooms: Rooms,
    settings: DockerSettings,
    needs: tuple[Needs, ...],
    ledger: Ledger,
    store: SnapshotStore,
    clock: Clock,
    instruments: Instruments,
    wake: Callable[[str], None],
    *,
    needed: bool,
) -> None:
    if not settings.wanted(needed=needed or any(need.docker for need in needs)):
        store.publish_gate(Gate(needed=False))
        return
    labels = [label for need in needs for label in need.containers]
    room = docker.build(settings, labels, ledger.tallies, store, clock, instruments, lambda: wake("docker"))
    rooms.specs.append(room.spec)
    rooms.loops += room.loops
    rooms.metrics["docker"] = room.specs
    rooms.engine_read, rooms.engine_act = room.engine_read, room.engine_act
    rooms.closes.append(room.close)
