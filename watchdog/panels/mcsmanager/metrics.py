"""What this panel believes, and what its daemons' Docker says, as metrics. A table; the rows are computed from the view, purely.

Per-instance families are bounded by ``INSTANCE_LIMIT`` per target; how many were left out is a metric of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row
from watchdog.model.snapshots import Actual
from watchdog.panels.mcsmanager.sides import shelf_of
from watchdog.panels.mcsmanager.sight import identify
from watchdog.panels.mcsmanager.view import Daemon, Instance, McsmanagerView, Status

INSTANCE_LIMIT: Final = 500
SOURCE = "From the panel's API."
_DAEMON = ("target", "daemon", "remarks")
_INSTANCE = ("target", "daemon", "uuid", "nickname")
Rows = Callable[[str, Actual, McsmanagerView], Iterable[Row]]


def _docker_instances(view: McsmanagerView) -> list[tuple[Daemon, Instance]]:
    every = [(daemon, item) for daemon in view.daemons for item in daemon.instances or () if item.process_type == "docker"]
    return sorted(every, key=lambda pair: (pair[0].uuid, pair[1].uuid))


def _info(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
    yield (target, view.version), 1.0


def _log(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
    yield (target,), float(view.operations is not None)


def _daemons(value: Callable[[Daemon], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
        for daemon in view.daemons:
            number = value(daemon)
            if number is not None:
                yield (target, daemon.uuid, daemon.remarks), number

    return rows


def _daemon_info(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
    for daemon in view.daemons:
        yield (target, daemon.uuid, daemon.remarks, daemon.version or "unknown"), 1.0


def _docker_answers(daemon: Daemon) -> float | None:
    return float(daemon.containers is not None) if daemon.available else None


def _spares(daemon: Daemon) -> float | None:
    return float(daemon.spares_instances) if daemon.version else None


def _by_status(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
    for daemon in view.daemons:
        if daemon.instances is None:
            continue
        for status in Status:
            found = sum(1 for item in daemon.instances if item.status is status and item.process_type == "docker")
            yield (target, daemon.uuid, status.word), float(found)


def _instances(value: Callable[[Daemon, Instance], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
        for daemon, item in _docker_instances(view)[:INSTANCE_LIMIT]:
            number = value(daemon, item)
            if number is not None:
                yield (target, daemon.uuid, item.uuid, item.nickname), number

    return rows


def _contained(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
    shelves = {
        daemon.uuid: shelf_of(item for item in daemon.containers if item.state == "running")
        for daemon in view.daemons
        if daemon.containers is not None
    }
    for daemon, item in _docker_instances(view)[:INSTANCE_LIMIT]:
        if (shelf := shelves.get(daemon.uuid)) is not None:
            found = {identify(item, candidate) for candidate in shelf.of(item)}
            known = found & {"label", "mount"} or ("name" in found and not daemon.labels_containers)
            yield (target, daemon.uuid, item.uuid, item.nickname), float(bool(known))


def _omitted(target: str, _: Actual, view: McsmanagerView) -> Iterator[Row]:
    yield (target,), float(max(0, len(_docker_instances(view)) - INSTANCE_LIMIT))


def _spec(name: str, text: str, labels: tuple[str, ...], rows: Rows, kind: MetricType = "gauge") -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_mcsmanager_{name}", kind, f"{text} {SOURCE}", labels), rows)


METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec("panel_info", "The panel's version.", ("target", "version"), _info, "info"),
    _spec("operation_log_readable", "Whether the panel's operation log could be read; without it no stop is known.", ("target",), _log),
    _spec("daemon_available", "Whether the panel is connected to the daemon.", _DAEMON, _daemons(lambda d: float(d.available))),
    _spec(
        "daemon_info", "The daemon's version; unknown when it is offline or its overview hung.", (*_DAEMON, "version"), _daemon_info, "info"
    ),
    _spec("daemon_docker_answers", "Whether the daemon's own Docker answered the daemon.", _DAEMON, _daemons(_docker_answers)),
    _spec("daemon_spares_instances", "Whether a restart of the daemon leaves game servers running.", _DAEMON, _daemons(_spares)),
    _spec("instances", "Docker instances by the status that the panel believes.", ("target", "daemon", "status"), _by_status),
    _spec(
        "instance_believed_running",
        "Whether the panel believes the instance to be running.",
        _INSTANCE,
        _instances(lambda _, item: float(item.status is Status.RUNNING)),
    ),
    _spec("instance_container_running", "Whether the daemon's Docker runs a container of the instance.", _INSTANCE, _contained),
    _spec(
        "instance_autostart", "Whether the instance starts with its daemon.", _INSTANCE, _instances(lambda _, item: float(item.auto_start))
    ),
    _spec(
        "instance_starts",
        "Starts since the daemon began; it falls when the daemon restarts.",
        _INSTANCE,
        _instances(lambda _, item: float(item.started)),
    ),
    _spec("instances_omitted", f"Instances beyond {INSTANCE_LIMIT} that have no metrics of their own.", ("target",), _omitted),
)
