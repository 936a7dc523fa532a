"""Reading an exposition back: client_python as the reference, and its parsers as strict readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric as Reference
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from watchdog.model.metrics import Family

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class ReferenceRegistry:
    """Something client_python can ``collect()``: our families, said in its words, families and rows in the given order."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Reference]:
        for family in self._families:
            yield _reference(family)


def _reference(family: Family) -> Reference:
    metric = family.metric
    match metric.type:
        case "counter":
            counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in family.rows:
                counter.add_metric(labels, value)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in family.rows:
                gauge.add_metric(labels, value)
            return gauge
        case "info":
            info = InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)
            for labels, _ in family.rows:
                info.add_metric([], dict(zip(metric.labels, labels, strict=True)))
            return info
        case "histogram":
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            by_labels: dict[tuple[str, ...], dict[str, float]] = {}
            for labels, value in family.rows:
                by_labels.setdefault(labels[:-1], {})[labels[-1]] = value
            for labels, parts in by_labels.items():
                total = parts.pop("sum")
                parts.pop("count")
                histogram.add_metric(labels, list(parts.items()), total)
            return histogram


def parse(body: bytes, *, openmetrics: bool = False) -> Samples:
    """Given a whole answer, return its samples. Fails when it does not parse, when a family comes twice, or when a sample does."""
    text = body.decode("utf-8")
    read = openmetrics_families if openmetrics else text_families
    found: Samples = {}
    seen: set[str] = set()
    for family in read(text):
        assert family.name not in seen, f"family {family.name} stands twice"
        seen.add(family.name)
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"sample {key} stands twice"
            found[key] = sample.value
    return found
