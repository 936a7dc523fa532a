"""What a run of ours shows while it goes on: bytes so far against the size to be expected."""

from __future__ import annotations

from typing import Final, Self

from watchdog.model.metrics import Instruments, Metric

RUN_BYTES: Final = Metric(
    "watchdog_sysreptor_run_received_bytes",
    "gauge",
    "Bytes that the backup which we are making has brought so far; there while one is being made.",
    ("target",),
)
RUN_EXPECTED: Final = Metric(
    "watchdog_sysreptor_run_expected_bytes",
    "gauge",
    "Size of the last good backup, to hold the bytes received against; there while one is being made.",
    ("target",),
)
METRICS: Final = (RUN_BYTES, RUN_EXPECTED)


class Progress:
    """Sets both gauges while it is entered, and forgets them afterwards. ``add`` is a ``Sink`` that only counts."""

    def __init__(self, instruments: Instruments, target: str, expected: int) -> None:
        self._instruments, self._target, self._expected = instruments, target, expected
        self._size = self._told = 0

    def __enter__(self) -> Self:
        self._instruments.set(RUN_EXPECTED.name, self._target, value=float(self._expected))
        self._instruments.set(RUN_BYTES.name, self._target, value=0.0)
        return self

    def __exit__(self, *_: object) -> None:
        for metric in METRICS:
            self._instruments.drop(metric.name, self._target)

    def add(self, piece: bytes) -> None:
        """Count a piece; the gauge moves once a MiB."""
        self._size += len(piece)
        if self._size - self._told >= 1 << 20:
            self._told = self._size
            self._instruments.set(RUN_BYTES.name, self._target, value=float(self._size))
