"""What is true about containers, and the gate in front of everything that needs Docker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchdog.model.moments import Moment

NO_LABELS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount of a container: host ``source`` path or volume name, ``destination`` inside."""

    source: str
    destination: str
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Container:
    """One container as the engine lists it, joined with what one inspect per change told.

    ``state`` is Docker's word (created, running, paused, restarting, removing, exited, dead). ``health`` is healthy, unhealthy or
    starting, and None unless the container runs (an exited one keeps a stale ``unhealthy``). ``exit_code`` is None while it runs.
    Times are UNIX seconds. ``labels`` holds only keys that a panel asked for or the allow-list names.
    ``oom_killed`` is the engine's sticky flag; None means not inspected.
    """

    id: str
    name: str
    image: str
    state: str
    image_id: str = ""
    health: str | None = None
    exit_code: int | None = None
    restart_count: int | None = None
    restart_policy: str | None = None
    oom_killed: bool | None = None
    created_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    pid: int | None = None
    network_mode: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()

    @property
    def running(self) -> bool:
        """Whether Docker says ``running`` (paused is not)."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """One engine event about a container. ``at`` is UNIX seconds of the engine's clock; ``exit_code`` only on ``die``."""

    action: str
    container_id: str
    name: str
    at: float
    exit_code: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventStream:
    """How well we hear: ``connected`` now, and when the stream last dropped (UNIX seconds; None = never while we live)."""

    connected: bool = False
    connected_at: float | None = None
    dropped_at: float | None = None
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class CgroupUse:
    """Resource facts of one running container, read from its cgroup (v1 or v2). Bytes and seconds; None = not readable."""

    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    cpu_seconds: float | None = None
    oom_kills: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class DockerFacts:
    """All containers of one engine. ``engine_id`` is the engine's own id (from /info), ``version`` its version.

    ``engine_started_at`` (UNIX seconds) is when this engine process began, as far as it can be told; None = cannot.
    ``events`` is the recent past, oldest first, bounded by age. ``oom_total``, ``die_total`` and kin are counted by container
    name, key (kind, name), and outlive the container (ledger). ``counted`` is False while what was counted before is not loaded yet.
    ``events_since`` (UNIX seconds) is how far back ``events`` reach: of an older time their silence says nothing; None = cannot be told.
    """

    engine_id: str
    version: str
    containers: tuple[Container, ...] = ()
    events: tuple[ContainerEvent, ...] = ()
    stream: EventStream = EventStream()
    cgroups: Mapping[str, CgroupUse] = field(default_factory=dict)
    tallies: Mapping[tuple[str, str], float] = field(default_factory=dict)
    engine_started_at: float | None = None
    counted: bool = False
    events_since: float | None = None

    def by_label(self, key: str, value: str) -> tuple[Container, ...]:
        """Return the containers whose label ``key`` is ``value``."""
        return tuple(c for c in self.containers if c.labels.get(key) == value)

    def by_name(self, name: str) -> Container | None:
        """Return the container called ``name``, or None."""
        return next((c for c in self.containers if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Gate:
    """The Docker gate: open only after N successes (ping, version, one list) in a row.

    It blocks repairs that need Docker and never makes us unready. ``since`` is when it took its present state;
    ``opened_total`` counts openings while we live. ``error`` is the class of the last failure.
    """

    open: bool = False
    needed: bool = True
    successes: int = 0
    attempts: int = 0
    since: Moment | None = None
    waiting_since: Moment | None = None
    opened_total: int = 0
    error: str | None = None
    message: str | None = None
