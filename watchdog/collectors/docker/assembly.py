"""The Docker room put together: ``build`` gives the composition root everything it has to run, read and close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watchdog.collectors.docker.cgroups import CgroupReader
from watchdog.collectors.docker.collector import DockerCollector
from watchdog.collectors.docker.counting import Counting
from watchdog.collectors.docker.events import EventTail
from watchdog.collectors.docker.gate import GateKeeper
from watchdog.collectors.docker.metrics import specs
from watchdog.collectors.docker.origin import Origin
from watchdog.collectors.docker.settings import DockerSettings, TlsSettings
from watchdog.collectors.runner import CollectorSpec
from watchdog.model.engines import EngineAct, EngineRead
from watchdog.model.keeping import TallyBook
from watchdog.model.metrics import Instruments, MetricSpec
from watchdog.model.moments import Clock
from watchdog.model.needs import ContainerNeed
from watchdog.runtime.engine import Engine, TlsFiles
from watchdog.runtime.loops import LoopSpec
from watchdog.snapshots import SnapshotStore

GATE_LOOP = "docker-gate"
_GATE_MARGIN = 10.0


@dataclass(frozen=True, slots=True)
class DockerRoom:
    """What ``build`` gives.

    ``spec`` is for the collector runner (each generation shares nothing with an abandoned look but what is locked), ``loops`` are for the
    supervisor; ``specs`` is the table over DockerFacts (the gate's is metrics.GATE_SPECS, over Gate). The event thread begins with the
    first look. ``close`` comes after the loops have ended.
    """

    spec: CollectorSpec
    loops: tuple[LoopSpec, ...]
    gatekeeper: GateKeeper
    tail: EventTail
    engine_read: EngineRead
    engine_act: EngineAct
    specs: tuple[MetricSpec, ...]
    close: Callable[[], None]


def engines(settings: DockerSettings) -> tuple[Engine, Engine]:
    """Given the settings, return the door for reading and the door for acting; one engine when one URL is set. No I/O."""
    read = _engine(settings.url, settings.tls)
    if settings.act_url is None or settings.act_url == settings.url:
        return read, read
    return read, _engine(settings.act_url, settings.tls)


def _engine(url: str, tls: TlsSettings | None) -> Engine:
    return Engine(url, TlsFiles(tls.ca, tls.certificate, tls.key) if tls and url.startswith("tcp://") else None)


def build(
    settings: DockerSettings,
    needs: Sequence[ContainerNeed],
    book: TallyBook,
    store: SnapshotStore,
    clock: Clock,
    instruments: Instruments,
    wake: Callable[[], None],
) -> DockerRoom:
    """Put the room together; nothing is contacted and no thread is started.

    ``needs`` are the panels' wishes for labels; ``wake`` brings the collector's next look forward, and is called from the listening thread.
    """
    read, act = engines(settings)
    labels = frozenset(settings.labels).union(*(need.labels for need in needs))
    counting = Counting(book, settings.names_limit, clock.now().wall)
    tail = EventTail(read, counting, clock, labels=labels, window=settings.events_window, silence=settings.events_silence, wake=wake)
    origin = Origin(settings.pid_file, settings.proc)
    keeper = GateKeeper(read, store, clock, settings.gate)

    def factory() -> DockerCollector:
        return DockerCollector(
            read,
            tail,
            counting,
            CgroupReader(settings.cgroup, settings.proc),
            clock,
            instruments,
            labels=labels,
            deadline=settings.deadline,
            inspects_per_look=settings.inspects_per_look,
            started_at=lambda: origin() if settings.socket else None,
            place=settings.url,
        )

    def close() -> None:
        tail.close()
        counting.flush()
        read.close()
        act.close()

    gate = settings.gate
    guard = LoopSpec(GATE_LOOP, keeper.step, gate.retry, deadline=3 * gate.timeout + _GATE_MARGIN)
    spec = CollectorSpec("docker", factory, settings.interval, settings.deadline)
    return DockerRoom(spec, (guard,), keeper, tail, read, act, specs(settings.labels), close)
