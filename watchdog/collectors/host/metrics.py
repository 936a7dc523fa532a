"""The table of host metrics: rows are made of the facts alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from watchdog.model.host import Filesystem, HostFacts, Pressure
from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row

_FILESYSTEM = ("filesystem", "path")
_PRESSURE = ("resource", "kind")


def _of_filesystems(value: Callable[[Filesystem], float]) -> Callable[[HostFacts], Iterator[Row]]:
    """One row for each file system that answered, under its first name only."""

    def rows(facts: HostFacts) -> Iterator[Row]:
        return (((f.name, f.path), value(f)) for f in facts.filesystems if f.error is None and not f.same_as)

    return rows


def _of_pressures(value: Callable[[Pressure], float]) -> Callable[[HostFacts], Iterator[Row]]:
    def rows(facts: HostFacts) -> Iterator[Row]:
        return (((p.resource, p.kind), value(p)) for p in facts.pressures)

    return rows


def _one(value: Callable[[HostFacts], float | None]) -> Callable[[HostFacts], Iterator[Row]]:
    """One row without labels, none where this kernel does not tell."""

    def rows(facts: HostFacts) -> Iterator[Row]:
        found = value(facts)
        if found is not None:
            yield (), float(found)

    return rows


def _readable(facts: HostFacts) -> Iterator[Row]:
    return (((f.name, f.path), float(f.error is None)) for f in facts.filesystems)


def _info(facts: HostFacts) -> Iterator[Row]:
    return (((f.name, f.path, f.same_as, f.error or ""), 1.0) for f in facts.filesystems)


def _spec(name: str, kind: MetricType, help_: str, rows: Callable[[HostFacts], Iterator[Row]], labels: tuple[str, ...] = ()) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_host_{name}", kind, help_, labels), rows)


_ONCE = "From statvfs. Several names of one file system have one series, under the first name."

SPECS: tuple[MetricSpec, ...] = (
    _spec("filesystem_readable", "gauge", "Whether the file system answered in the last look.", _readable, _FILESYSTEM),
    _spec(
        "filesystem_info",
        "gauge",
        "Always 1; same_as is the first name of the same device, error why it did not answer.",
        _info,
        (*_FILESYSTEM, "same_as", "error"),
    ),
    _spec("filesystem_size_bytes", "gauge", f"Size of the file system. {_ONCE}", _of_filesystems(lambda f: f.total_bytes), _FILESYSTEM),
    _spec(
        "filesystem_available_bytes",
        "gauge",
        f"Bytes free for programs without privileges. {_ONCE}",
        _of_filesystems(lambda f: f.free_bytes),
        _FILESYSTEM,
    ),
    _spec(
        "filesystem_inodes",
        "gauge",
        f"Inodes of the file system; 0 where it has no fixed number. {_ONCE}",
        _of_filesystems(lambda f: f.total_inodes),
        _FILESYSTEM,
    ),
    _spec(
        "filesystem_available_inodes",
        "gauge",
        f"Inodes free for programs without privileges. {_ONCE}",
        _of_filesystems(lambda f: f.free_inodes),
        _FILESYSTEM,
    ),
    _spec(
        "filesystem_read_only",
        "gauge",
        f"Whether it is mounted read-only. {_ONCE}",
        _of_filesystems(lambda f: float(f.read_only)),
        _FILESYSTEM,
    ),
    _spec("memory_total_bytes", "gauge", "From /proc/meminfo MemTotal.", _one(lambda f: f.memory_total_bytes)),
    _spec("memory_available_bytes", "gauge", "From /proc/meminfo MemAvailable.", _one(lambda f: f.memory_available_bytes)),
    _spec("swap_total_bytes", "gauge", "From /proc/meminfo SwapTotal.", _one(lambda f: f.swap_total_bytes)),
    _spec("swap_free_bytes", "gauge", "From /proc/meminfo SwapFree.", _one(lambda f: f.swap_free_bytes)),
    _spec(
        "oom_kills_total",
        "counter",
        "Processes the kernel has killed for lack of memory since boot. From /proc/vmstat oom_kill.",
        _one(lambda f: f.oom_kills),
    ),
    _spec("boot_timestamp_seconds", "gauge", "When the host booted. From /proc/stat btime.", _one(lambda f: f.booted_at)),
    _spec(
        "pressure_stalled_seconds_total",
        "counter",
        "Time in which some or all tasks waited for the resource. From /proc/pressure.",
        _of_pressures(lambda p: p.total_seconds),
        _PRESSURE,
    ),
    _spec(
        "pressure_stalled_ratio",
        "gauge",
        "Share of the last 10 seconds in which tasks waited, 0 to 1. From /proc/pressure avg10.",
        _of_pressures(lambda p: p.avg10 / 100),
        _PRESSURE,
    ),
)
