"""The book of own deeds: counters, gauges and histograms that rooms write into while they work."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable
from itertools import accumulate
from math import inf

from watchdog.exposition.catalogue import Claims
from watchdog.exposition.render import number
from watchdog.model.metrics import Family, Metric, MetricType, Row

Labels = tuple[str, ...]


class Book:
    """All instruments of the program; satisfies ``model.metrics.Instruments``.

    Thread-safe: one lock, held for one dictionary write. Counters and histograms are born at 0 for every seed (rule 18). A name that is not
    in the catalogue, another type than declared, or a wrong number of labels raises ValueError at the first use.
    """

    def __init__(self, catalogue: Iterable[Metric]) -> None:
        self.metrics = Claims().claim("instruments", catalogue)
        self.version = 0
        self._lock = threading.Lock()
        self._catalogue = {metric.name: metric for metric in self.metrics}
        self._values: dict[str, dict[Labels, float]] = {m.name: dict.fromkeys(m.seed, 0.0) for m in self.metrics if m.type != "histogram"}
        # per label set: one count per bucket, the last one for +Inf, and then the sum
        self._observed: dict[str, dict[Labels, list[float]]] = {
            m.name: {seed: _empty(m) for seed in m.seed} for m in self.metrics if m.type == "histogram"
        }

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add ``by`` (not negative) to a counter."""
        if not 0.0 <= by < inf:
            raise ValueError(f"counter {name!r} cannot go up by {by!r}")
        with self._lock:
            rows = self._values.get(name)
            if rows is None or labels not in rows or not name.endswith("_total"):
                self._check(name, "counter", labels)
            self._values[name][labels] = self._values[name].get(labels, 0.0) + by
            self.version += 1

    def set(self, name: str, *labels: str, value: float) -> None:
        """Set a gauge."""
        with self._lock:
            self._check(name, "gauge", labels)
            self._values[name][labels] = float(value)
            self.version += 1

    def drop(self, name: str, *labels: str) -> None:
        """Forget the rows of a gauge whose label values begin with ``labels``."""
        with self._lock:
            metric = self._catalogue.get(name)
            if metric is None or metric.type != "gauge" or len(labels) > len(metric.labels):
                raise ValueError(f"{name!r} with {len(labels)} labels cannot be dropped: it is not a gauge of the catalogue with as many")
            rows = self._values[name]
            for row in [row for row in rows if row[: len(labels)] == labels]:
                del rows[row]
            self.version += 1

    def keep(self, metrics: Iterable[Metric], label: str, values: Collection[str]) -> None:
        """Forget the rows of ``metrics``, of whatever type, whose ``label`` has another value than these (a reload took it away)."""
        with self._lock:
            for metric in metrics:
                if label not in metric.labels:
                    continue
                rows: dict[Labels, float] | dict[Labels, list[float]]
                rows = self._observed[metric.name] if metric.type == "histogram" else self._values[metric.name]
                place = metric.labels.index(label)
                for row in [row for row in rows if row[place] not in values and row not in metric.seed]:
                    del rows[row]
            self.version += 1

    def observe(self, name: str, *labels: str, value: float) -> None:
        """Add one observation to a histogram."""
        with self._lock:
            metric = self._check(name, "histogram", labels)
            cells = self._observed[name].setdefault(labels, _empty(metric))
            cells[bisect_left(metric.buckets, value)] += 1
            cells[-1] += value
            self.version += 1

    def families(self) -> tuple[Family, ...]:
        """Return all families as they are now, rows sorted by label values."""
        with self._lock:
            values = {name: sorted(rows.items()) for name, rows in self._values.items()}
            observed = {name: [(labels, tuple(cells)) for labels, cells in sorted(rows.items())] for name, rows in self._observed.items()}
        return tuple(
            Family(metric, tuple(values[metric.name]) if metric.type != "histogram" else _histogram_rows(metric, observed[metric.name]))
            for metric in self.metrics
        )

    def _check(self, name: str, used_as: MetricType, labels: Labels) -> Metric:
        metric = self._catalogue.get(name)
        if metric is None:
            raise ValueError(f"no metric {name!r} in the catalogue")
        if metric.type != used_as:
            raise ValueError(f"metric {name!r} is a {metric.type}, used as a {used_as}")
        if len(labels) != len(metric.labels) or not all(isinstance(label, str) for label in labels):
            raise ValueError(f"metric {name!r} has the labels {metric.labels}, got {labels!r}")
        return metric


def _empty(metric: Metric) -> list[float]:
    return [0.0] * (len(metric.buckets) + 2)


def _histogram_rows(metric: Metric, observed: list[tuple[Labels, tuple[float, ...]]]) -> tuple[Row, ...]:
    """Given counts per bucket and a sum, return rows as ``render`` wants them: cumulative, with the part as one label value more."""
    bounds = [number(bound) for bound in (*metric.buckets, inf)]
    rows: list[Row] = []
    for labels, cells in observed:
        cumulative = list(accumulate(cells[:-1]))
        rows += [((*labels, bound), count) for bound, count in zip(bounds, cumulative, strict=True)]
        rows += [((*labels, "count"), cumulative[-1]), ((*labels, "sum"), cells[-1])]
    return tuple(rows)
