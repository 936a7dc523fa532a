"""What the queue of verification counts."""

from __future__ import annotations

from watchdog.model.metrics import Metric

VERDICTS = ("good", "bad", "unverifiable")

METRICS: tuple[Metric, ...] = (
    Metric(
        "watchdog_archive_checks_total", "counter", "Finished verifications of archives by verdict.", ("verdict",),
        tuple((verdict,) for verdict in VERDICTS),
    ),
    Metric(
        "watchdog_archive_checks_dropped_total",
        "counter",
        "Verifications without a result: the file changed or went meanwhile, or no child could be started. It is asked for again.",
        seed=((),),
    ),
    Metric("watchdog_archive_check_read_bytes_total", "counter", "Bytes of archives that verification has read.", seed=((),)),
    Metric(
        "watchdog_archive_check_duration_seconds",
        "histogram",
        "Time of one verification, throttled as configured.",
        seed=((),),
        buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400),
    ),
)  # fmt: skip
