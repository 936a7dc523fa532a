"""What is wished of plain containers and how they stand, as metrics. A table; the rows are computed from truth and wish, purely.

Per-container families are bounded by ``CONTAINER_LIMIT`` per target; how many were left out is a metric of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from watchdog.model.docker import Container
from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row
from watchdog.model.snapshots import Actual
from watchdog.panels.containers.view import ContainersView
from watchdog.panels.containers.wards import Register, Ward, register

CONTAINER_LIMIT: Final = 1000
SOURCE = "From our look at Docker and the wishes in labels and settings."
SOURCES: Final = ("label", "autoheal_label", "rule")
LEFT_ALONE: Final = ("not_opted_in", "opted_out", "never", "ourselves", "door", "owned")
_CONTAINER = ("target", "container")
Rows = Callable[[str, Actual, ContainersView], Iterable[Row]]


def _register(actual: Actual, view: ContainersView) -> Register | None:
    facts = actual.docker.facts if actual.docker is not None else None
    return register(view, facts) if facts is not None else None


def _by_source(target: str, actual: Actual, view: ContainersView) -> Iterator[Row]:
    known = _register(actual, view)
    if known is not None:
        found = Counter(ward.wish.source for ward in known.wards)
        yield from (((target, source), float(found[source])) for source in SOURCES)


def _left_alone(target: str, actual: Actual, view: ContainersView) -> Iterator[Row]:
    known = _register(actual, view)
    if known is not None:
        found = Counter(str(view.wish(each).left_alone) for each in known.docker.containers)
        yield from (((target, reason), float(found[reason])) for reason in LEFT_ALONE)


def _containers(value: Callable[[Register, Ward], float | None]) -> Rows:
    def rows(target: str, actual: Actual, view: ContainersView) -> Iterator[Row]:
        known = _register(actual, view)
        for ward in known.wards[:CONTAINER_LIMIT] if known is not None else ():
            number = value(known, ward) if known is not None else None
            if number is not None:
                yield (target, ward.container.name), number

    return rows


def _healthy(_: Register, ward: Ward) -> float | None:
    return None if ward.container.health in (None, "starting") else float(ward.container.health == "healthy")


def _dependents(known: Register, ward: Ward) -> float:
    container: Container = ward.container
    return float(len({each.id for each in (*known.sharing(container), *known.following(container))}))


def _omitted(target: str, actual: Actual, view: ContainersView) -> Iterator[Row]:
    known = _register(actual, view)
    if known is not None:
        yield (target,), float(max(0, len(known.wards) - CONTAINER_LIMIT))


def _spec(name: str, text: str, labels: tuple[str, ...], rows: Rows, kind: MetricType = "gauge") -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_containers_{name}", kind, f"{text} {SOURCE}", labels), rows)


METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec("healed", "Containers that are looked after, by what opted them in.", ("target", "source"), _by_source),
    _spec("left_alone", "Containers that are not looked after, by reason.", ("target", "reason"), _left_alone),
    _spec(
        "container_running",
        "Whether a container that is looked after runs (paused is not).",
        _CONTAINER,
        _containers(lambda _, ward: float(ward.container.running)),
    ),
    _spec(
        "container_healthy",
        "Whether its own health check is content; missing while it has none, does not run or has just begun.",
        _CONTAINER,
        _containers(_healthy),
    ),
    _spec("container_dependents", "Running containers that a repair of it would restart after it.", _CONTAINER, _containers(_dependents)),
    _spec("containers_omitted", f"Containers beyond {CONTAINER_LIMIT} that have no metrics of their own.", ("target",), _omitted),
)
