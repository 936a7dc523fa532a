"""10 000 peers with 3 metrics each: our rendering and our scrape against client_python's ``generate_latest``, same families, same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from prometheus_client import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from benchmarks import Ratio
from watchdog.exposition import pages
from watchdog.exposition.instruments import Book
from watchdog.exposition.pages import Exposition
from watchdog.exposition.render import render
from watchdog.model.metrics import Family, Metric
from watchdog.runtime.clock import SystemClock
from watchdog.web import server

PEERS = 10_000
LABELS = ("device", "public_key")
METRICS = (
    Metric("wg_receive_bytes_total", "counter", "Received.", LABELS),
    Metric("wg_transmit_bytes_total", "counter", "Sent.", LABELS),
    Metric("wg_last_handshake_timestamp_seconds", "gauge", "Handshake.", LABELS),
)
ANSWERED = Metric("answered_total", "counter", "Answers.", ("route",), seed=tuple((str(n),) for n in range(300)))
ROWS = [((f"wg{i % 25}", f"{i:043d}="), float(i * 12_345)) for i in range(PEERS)]


class ClientPython:
    """A custom collector, as exporters write it: builds its families at each scrape."""

    def collect(self):
        for metric in METRICS:
            family = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
            found = family(metric.name, metric.help, labels=LABELS)
            for labels, value in ROWS:
                found.add_metric(labels, value)
            yield found


def seconds(what: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def counted(book: Book, exposition: Exposition) -> object:
    book.count(ANSWERED.name, "0")
    return exposition.page(openmetrics=True, gzip=True)


def run() -> list[Ratio]:
    families = [Family(metric, tuple(ROWS)) for metric in METRICS]
    book = Book((*pages.METRICS, *server.METRICS, ANSWERED))
    exposition = Exposition(book, SystemClock())
    exposition.declare("wireguard", METRICS)
    exposition.update("wireguard", families)
    theirs = seconds(lambda: generate_latest(ClientPython()), 7)
    reference = "client_python generate_latest, 10000 peers x 3"
    return [
        Ratio("render text lines", seconds(lambda: [render(each) for each in families], 7), reference, theirs),
        Ratio("render both formats, plain and gzip", seconds(lambda: exposition.update("wireguard", families), 7), reference, theirs),
        Ratio("scrape, text", seconds(exposition.page, 50), reference, theirs),
        Ratio("scrape, OpenMetrics gzip", seconds(lambda: exposition.page(openmetrics=True, gzip=True), 50), reference, theirs),
        # in life each answer is counted, so 300 own instruments are rendered by the next scrape
        Ratio("the same, something counted before it", seconds(lambda: counted(book, exposition), 50), reference, theirs),
    ]
