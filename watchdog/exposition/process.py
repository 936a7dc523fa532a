"""Facts about this process and this Python: the customary ``process_*`` and ``python_*`` families, and our own version.

The only place that touches prometheus_client while the program runs. It reads /proc, so it is called by a tick and never by a scrape.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable

from prometheus_client import Metric as Collected
from prometheus_client.gc_collector import GC_COLLECTOR
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from watchdog import __version__
from watchdog.model.metrics import Family, Metric, Row

_BUILD = Metric("watchdog_build_info", "info", "Version of panel-watchdog and of the Python that runs it; always 1.", ("version", "python"))
_COLLECTED = (
    Metric("process_virtual_memory_bytes", "gauge", "Virtual memory of this process, from /proc/self/stat."),
    Metric("process_resident_memory_bytes", "gauge", "Resident memory of this process, from /proc/self/stat."),
    Metric("process_start_time_seconds", "gauge", "When this process began, UNIX seconds, from /proc/self/stat and /proc/stat."),
    Metric("process_cpu_seconds_total", "counter", "User and system CPU time of this process, from /proc/self/stat."),
    Metric("process_max_fds", "gauge", "How many files this process may have open, from /proc/self/limits."),
    Metric("process_open_fds", "gauge", "How many files this process has open, counted in /proc/self/fd."),
    Metric(
        "python_info",
        "info",
        "The Python that runs this process, from module platform; always 1.",
        ("version", "implementation", "major", "minor", "patchlevel"),
    ),
    Metric("python_gc_objects_collected_total", "counter", "Objects the garbage collector freed, from gc.get_stats().", ("generation",)),
    Metric("python_gc_objects_uncollectable_total", "counter", "Objects it could not free, from gc.get_stats().", ("generation",)),
    Metric("python_gc_collections_total", "counter", "Runs of the garbage collector, from gc.get_stats().", ("generation",)),
)
METRICS: tuple[Metric, ...] = (_BUILD, *_COLLECTED)


def process_families() -> tuple[Family, ...]:
    """Return the families of ``METRICS`` as they are now. What this system does not offer (no /proc) is left out."""
    found = _rows_by_name()
    build = Family(_BUILD, (((__version__, platform.python_version()), 1.0),))
    return (build, *(Family(metric, found[metric.name](metric)) for metric in _COLLECTED if metric.name in found))


class _Rows:
    """The samples of one family of client_python, to be put in the order of our labels."""

    def __init__(self, collected: Collected) -> None:
        self._samples = collected.samples

    def __call__(self, metric: Metric) -> tuple[Row, ...]:
        return tuple((tuple(sample.labels[label] for label in metric.labels), sample.value) for sample in self._samples)


def _rows_by_name() -> dict[str, _Rows]:
    sources: tuple[Iterable[Collected], ...] = (
        ProcessCollector(registry=None).collect(),
        PlatformCollector(registry=None).collect(),
        GC_COLLECTOR.collect(),
    )
    # a sample's own name has the suffix that the family's name lost
    return {family.samples[0].name: _Rows(family) for source in sources for family in source if family.samples}
