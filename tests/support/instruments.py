"""Instruments that remember, and refuse what is in no catalogue, as the real ones do."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from watchdog.model.metrics import Metric


class Noted:
    """``values[(name, *labels)]`` is the newest value of each row."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = {metric.name: metric for metric in metrics}
        self._lock = threading.Lock()
        self.values: dict[tuple[str, ...], float] = {}

    def _row(self, name: str, labels: tuple[str, ...], types: set[str]) -> tuple[str, ...]:
        metric = self._metrics[name]
        assert metric.type in types
        assert len(labels) == len(metric.labels)
        return (name, *labels)

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        row = self._row(name, labels, {"counter"})
        with self._lock:
            self.values[row] = self.values.get(row, 0.0) + by

    def set(self, name: str, *labels: str, value: float) -> None:
        with self._lock:
            self.values[self._row(name, labels, {"gauge"})] = value

    def drop(self, name: str, *labels: str) -> None:
        with self._lock:
            self.values = {row: value for row, value in self.values.items() if row[: 1 + len(labels)] != (name, *labels)}

    def observe(self, name: str, *labels: str, value: float) -> None:
        self._row(name, labels, {"histogram"})

    def __getitem__(self, row: tuple[str, ...] | str) -> float:
        return self.values[(row,) if isinstance(row, str) else row]
