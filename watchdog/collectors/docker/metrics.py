"""The table of Docker metrics: rows are made of the facts alone, and those of the gate of the gate alone.

Container series carry the label ``name`` only: it outlives a recreated container and keeps the number of series down. Ids stand in
``..._container_info``, one series per container, for joins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from watchdog.collectors.docker.counting import KINDS
from watchdog.model.docker import CgroupUse, Container, DockerFacts, Gate
from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row
from watchdog.model.moments import Moment

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_NAME = ("name",)
_LIST, _INSPECT, _EVENTS = "GET /containers/json", "GET /containers/{id}/json, asked once per change", "the event stream"
_CGROUP = "its cgroup's files"


def _named(facts: DockerFacts) -> Iterable[Container]:
    """Return the containers, one per name: while one is renamed the list may show a name twice."""
    return {container.name: container for container in facts.containers}.values()


def _of(value: Callable[[Container], float | None]) -> Callable[[DockerFacts], Iterator[Row]]:
    """One row for each container that has this value."""

    def rows(facts: DockerFacts) -> Iterator[Row]:
        found = ((c.name, value(c)) for c in _named(facts))
        return (((name,), float(number)) for name, number in found if number is not None)

    return rows


def _use(value: Callable[[CgroupUse], float | None]) -> Callable[[DockerFacts], Iterator[Row]]:
    """One row for each container whose cgroup tells this value."""

    def rows(facts: DockerFacts) -> Iterator[Row]:
        for container in _named(facts):
            use = facts.cgroups.get(container.id)
            number = None if use is None else value(use)
            if number is not None:
                yield (container.name,), float(number)

    return rows


def _total(kind: str) -> Callable[[DockerFacts], Iterator[Row]]:
    """One row for each present container (born at 0) and for each that has gone and was counted."""

    def rows(facts: DockerFacts) -> Iterator[Row]:
        if not facts.counted:
            return
        counts = {c.name: 0.0 for c in facts.containers} | {name: n for (counted, name), n in facts.tallies.items() if counted == kind}
        for name in sorted(counts):
            yield (name,), counts[name]

    return rows


def _states(facts: DockerFacts) -> Iterator[Row]:
    for state in STATES:
        yield (state,), float(sum(c.state == state for c in facts.containers))


def _info(facts: DockerFacts) -> Iterator[Row]:
    return (((c.name, c.id, c.image, c.image_id, c.network_mode, c.restart_policy or ""), 1.0) for c in _named(facts))


def _engine(facts: DockerFacts) -> Iterator[Row]:
    yield (facts.engine_id, facts.version), 1.0


def _single(value: Callable[[DockerFacts], float | None]) -> Callable[[DockerFacts], Iterator[Row]]:
    def rows(facts: DockerFacts) -> Iterator[Row]:
        number = value(facts)
        if number is not None:
            yield (), float(number)

    return rows


def _spec(name: str, kind: MetricType, text: str, source: str, labels: tuple[str, ...], rows: Callable[..., Iterator[Row]]) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_docker_{name}", kind, f"{text} From {source}.", labels), rows)


def _container(name: str, text: str, source: str, value: Callable[[Container], float | None]) -> MetricSpec:
    return _spec(f"container_{name}", "gauge", text, source, _NAME, _of(value))


_TOTALS = {
    "oom": (
        "ooms",
        "Out-of-memory kills, also of exec and child processes; events, cgroup counter and OOMKilled flag count one kill once.",
    ),
    "die": ("deaths", "Ends of the container's first process."),
    "start": ("starts", "Starts."),
    "restart": ("restarts", "Restarts by its restart policy."),
    "unhealthy": ("unhealthy", "Turns to unhealthy."),
}

SPECS: tuple[MetricSpec, ...] = (
    _spec("engine_info", "info", "Always 1; the engine that is watched.", "GET /info and /version", ("engine_id", "version"), _engine),
    _spec(
        "engine_start_timestamp_seconds", "gauge", "When dockerd started; missing where its pid file cannot be seen.",
        "its pid file and /proc", (), _single(lambda f: f.engine_started_at),
    ),
    _spec("containers", "gauge", "Number of containers by state.", _LIST, ("state",), _states),
    _spec(
        "container_info", "info", "Always 1; what does not change while the container lives.", _LIST,
        ("name", "id", "image", "image_id", "network_mode", "restart_policy"), _info,
    ),
    _spec(
        "container_state", "gauge", "1 for the state the container is in.", _LIST, ("name", "state"),
        lambda f: (((c.name, c.state), 1.0) for c in _named(f)),
    ),
    _container("running", "Whether the container runs (a paused one does not).", _LIST, lambda c: float(c.running)),
    _spec(
        "container_health", "gauge", "1 for the health of a running container that has a health check.", _LIST, ("name", "health"),
        lambda f: (((c.name, c.health), 1.0) for c in _named(f) if c.health is not None),
    ),
    _container("exit_code", "Exit code of a container that does not run.", _LIST, lambda c: c.exit_code),
    _container("oom_killed", "Docker's OOMKilled flag; it sticks until the next run has ended.", _INSPECT, lambda c: c.oom_killed),
    _container("engine_restarts", "Docker's own count; a start by hand sets it back.", _INSPECT, lambda c: c.restart_count),
    _container("created_timestamp_seconds", "When the container was created.", _LIST, lambda c: c.created_at),
    _container("start_timestamp_seconds", "When its present or last run began.", _INSPECT, lambda c: c.started_at),
    _container("finish_timestamp_seconds", "When its last run ended.", _INSPECT, lambda c: c.finished_at),
    *(
        _spec(f"container_{_TOTALS[kind][0]}_total", "counter", f"{_TOTALS[kind][1]} Outlives the container.", _EVENTS, _NAME, _total(kind))
        for kind in KINDS
    ),
    _spec("container_memory_bytes", "gauge", "Memory in use without inactive page cache.", _CGROUP, _NAME, _use(lambda u: u.memory_bytes)),
    _spec("container_memory_limit_bytes", "gauge", "Memory limit, if it has one.", _CGROUP, _NAME, _use(lambda u: u.memory_limit_bytes)),
    _spec("container_cpu_seconds_total", "counter", "CPU time of its present run.", _CGROUP, _NAME, _use(lambda u: u.cpu_seconds)),
    _spec("container_pids", "gauge", "Processes and threads.", _CGROUP, _NAME, _use(lambda u: u.pids)),
    _spec("events_connected", "gauge", "Whether events are heard.", _EVENTS, (), _single(lambda f: float(f.stream.connected))),
    _spec("events_reconnects_total", "counter", "How often the stream came back.", _EVENTS, (), _single(lambda f: f.stream.reconnects)),
    _spec("events_dropped_timestamp_seconds", "gauge", "When it dropped last.", _EVENTS, (), _single(lambda f: f.stream.dropped_at)),
)  # fmt: skip


def specs(labels: Sequence[str]) -> tuple[MetricSpec, ...]:
    """Given the label keys of the allow-list, return the table, with one info metric for the labels' values when there are any."""
    if not labels:
        return SPECS
    keys = tuple(dict.fromkeys(labels))

    def rows(facts: DockerFacts) -> Iterator[Row]:
        return (((c.name, *(c.labels.get(key, "") for key in keys)), 1.0) for c in _named(facts) if any(key in c.labels for key in keys))

    names = ("name", *label_names(keys).values())
    return (
        *SPECS,
        _spec("container_labels_info", "info", "Always 1; labels of the container that the allow-list names.", _LIST, names, rows),
    )


def label_names(keys: Sequence[str]) -> Mapping[str, str]:
    """Given label keys such as com.docker.compose.project, return a distinct Prometheus label name for each."""
    names: dict[str, str] = {}
    for key in keys:
        name = "label_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in key)
        while name in names.values():
            name += "_"
        names[key] = name
    return names


def _wall(moment: Moment | None) -> Iterator[Row]:
    if moment is not None:
        yield (), moment.wall


def _gate(name: str, kind: MetricType, text: str, rows: Callable[[Gate], Iterable[Row]]) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_docker_gate_{name}", kind, f"{text} From ping, version and one list of the engine.", ()), rows)


GATE_SPECS: tuple[MetricSpec, ...] = (
    _gate(
        "open",
        "gauge",
        "Whether Docker has proven to work; while 0, nothing that needs Docker is repaired.",
        lambda g: [((), float(g.open))],
    ),
    _gate("needed", "gauge", "Whether anything configured needs Docker.", lambda g: [((), float(g.needed))]),
    _gate("successes", "gauge", "Successful tries in a row.", lambda g: [((), float(g.successes))]),
    _gate("attempts_total", "counter", "Tries.", lambda g: [((), float(g.attempts))]),
    _gate("openings_total", "counter", "How often the gate has opened.", lambda g: [((), float(g.opened_total))]),
    _gate("since_timestamp_seconds", "gauge", "When the gate took its present state.", lambda g: _wall(g.since)),
    _gate(
        "waiting_since_timestamp_seconds", "gauge", "Since when Docker is waited for; missing while open.", lambda g: _wall(g.waiting_since)
    ),
)
