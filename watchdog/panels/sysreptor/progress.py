"""What a run of ours shows while it goes on: bytes so far against the size to be expected."""

from __future__ import annotations

from typing import Final, Self

from watchdog.model.metrics import Instruments
from watchdog.model.panels import RUN_EXPECTED, RUN_RECEIVED
from watchdog.panels.sysreptor.view import PANEL_NAME

METRICS: Final = (RUN_RECEIVED, RUN_EXPECTED)


class Progress:
    """Sets both gauges while it is entered, and forgets them afterwards. ``add`` is a ``Sink`` that only counts."""

    def __init__(self, instruments: Instruments, target: str, expected: int) -> None:
        self._instruments, self._target, self._expected = instruments, target, expected
        self._size = self._told = 0

    def __enter__(self) -> Self:
        self._instruments.set(RUN_EXPECTED.name, PANEL_NAME, self._target, value=float(self._expected))
        self._instruments.set(RUN_RECEIVED.name, PANEL_NAME, self._target, value=0.0)
        return self

    def __exit__(self, *_: object) -> None:
        for metric in METRICS:
            self._instruments.drop(metric.name, PANEL_NAME, self._target)

    def add(self, piece: bytes) -> None:
        """Count a piece; the gauge moves once a MiB."""
        self._size += len(piece)
        if self._size - self._told >= 1 << 20:
            self._told = self._size
            self._instruments.set(RUN_RECEIVED.name, PANEL_NAME, self._target, value=float(self._size))
