"""The tables of log metrics: facts of the last look, and what the collector counts itself."""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.model.logs import LogFacts
from watchdog.model.metrics import Metric, MetricSpec, Row

_LOG = ("log",)

METRICS: tuple[Metric, ...] = (
    Metric("watchdog_log_matches_total", "counter", "Lines that matched a panel's pattern. From the log itself.", ("log", "pattern")),
    Metric("watchdog_log_read_bytes_total", "counter", "Bytes read of a watched log.", _LOG),
    Metric(
        "watchdog_log_gaps_total",
        "counter",
        "Breaks in what was read: rotated_away, truncated, line_too_long, backlog or container_replaced.",
        ("log", "reason"),
    ),
)


def _readable(facts: LogFacts) -> Iterator[Row]:
    return (((s.name,), float(s.error is None)) for s in facts.sources)


def _errors(facts: LogFacts) -> Iterator[Row]:
    return (((s.name, s.error), 1.0) for s in facts.sources if s.error is not None)


def _covered(facts: LogFacts) -> Iterator[Row]:
    return (((s.name,), s.covered_from) for s in facts.sources if s.covered_from is not None)


def _read_to(facts: LogFacts) -> Iterator[Row]:
    return (((s.name,), s.read_to) for s in facts.sources if s.read_to is not None)


def _kept(facts: LogFacts) -> Iterator[Row]:
    counts = {s.name: 0 for s in facts.sources}
    for match in facts.matches:
        counts[match.source] = counts.get(match.source, 0) + 1
    return (((name,), float(count)) for name, count in counts.items())


def _last_match(facts: LogFacts) -> Iterator[Row]:
    last: dict[tuple[str, str], float] = {}
    for match in facts.matches:
        if match.at is not None:
            key = (match.source, match.pattern)
            last[key] = max(last.get(key, match.at), match.at)
    return iter(last.items())


SPECS: tuple[MetricSpec, ...] = (
    MetricSpec(Metric("watchdog_log_readable", "gauge", "Whether the log could be read whole in the last look.", _LOG), _readable),
    MetricSpec(Metric("watchdog_log_error", "gauge", "Always 1; why a log could not be read whole.", ("log", "error")), _errors),
    MetricSpec(
        Metric(
            "watchdog_log_covered_from_timestamp_seconds",
            "gauge",
            "Since when nothing of the log is missing to us: earlier silence proves nothing.",
            _LOG,
        ),
        _covered,
    ),
    MetricSpec(
        Metric(
            "watchdog_log_read_to_timestamp_seconds", "gauge", "When we last stood at the log's end: later silence proves nothing.", _LOG
        ),
        _read_to,
    ),
    MetricSpec(Metric("watchdog_log_matches_kept", "gauge", "Matches kept as evidence (collectors.logs.keep per log).", _LOG), _kept),
    MetricSpec(
        Metric(
            "watchdog_log_last_match_timestamp_seconds",
            "gauge",
            "Time of the newest line kept that matched the pattern.",
            ("log", "pattern"),
        ),
        _last_match,
    ),
)
