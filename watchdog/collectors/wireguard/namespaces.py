"""The table of metrics about other network namespaces that were configured to be looked into."""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.model.metrics import Metric, MetricSpec, Row
from watchdog.model.wireguard import WireguardFacts


def _success(facts: WireguardFacts) -> Iterator[Row]:
    return (((namespace.label,), float(namespace.error is None)) for namespace in facts.namespaces)


def _left_behind(facts: WireguardFacts) -> Iterator[Row]:
    if facts.namespaces:
        yield (), float(facts.left_behind)


SPECS: tuple[MetricSpec, ...] = (
    MetricSpec(
        Metric(
            "watchdog_wireguard_namespace_success",
            "gauge",
            "Whether a configured network namespace could be looked into; while not, the devices last seen there fail too.",
            ("netns",),
        ),
        _success,
    ),
    MetricSpec(
        Metric(
            "watchdog_wireguard_namespace_threads_left_behind",
            "gauge",
            "Threads that were sent into a network namespace and have not come to their end in time. Absent where none is configured.",
        ),
        _left_behind,
    ),
)
