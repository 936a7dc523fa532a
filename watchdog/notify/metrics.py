"""What notifications, heartbeat and silences count."""

from __future__ import annotations

from typing import Final

from watchdog.model.metrics import Metric

RESULTS: Final = ("sent", "digested", "failed", "repeated", "dropped")

METRICS: tuple[Metric, ...] = (
    Metric(
        "watchdog_notifications_total", "counter",
        "Letters to a channel since start, by event: sent alone, sent in a digest (digested), an attempt that failed, held back for its "
        "like was told within the window (repeated), given up or removed undelivered (dropped).",
        ("channel", "event", "result"),
    ),
    Metric("watchdog_notify_outbox_messages", "gauge", "Letters that wait to be delivered to a channel.", ("channel",)),
    Metric(
        "watchdog_notify_outbox_oldest_timestamp_seconds", "gauge",
        "When the oldest letter that waits for a channel was written; absent when nothing waits.", ("channel",),
    ),
    Metric(
        "watchdog_notify_failing_since_timestamp_seconds", "gauge",
        "Since when every message to a channel has failed; absent when the last one was delivered.", ("channel",),
    ),
    Metric(
        "watchdog_notify_last_success_timestamp_seconds", "gauge", "When a message to a channel was last delivered.", ("channel",)
    ),
    Metric(
        "watchdog_heartbeats_total", "counter", "Pings of the dead man's switch: ok, failed, withheld for not all is well.", ("result",),
        (("ok",), ("failed",), ("withheld",)),
    ),
    Metric("watchdog_heartbeat_enabled", "gauge", "Whether a dead man's switch is configured (notify.heartbeat)."),
    Metric("watchdog_heartbeat_last_success_timestamp_seconds", "gauge", "When the dead man's switch was last pinged; absent before."),
    Metric("watchdog_silences", "gauge", "Silences in Alertmanager that stand for pauses of ours, at the last look."),
    Metric(
        "watchdog_alertmanager_up", "gauge", "Whether the last comparison of silences and pauses worked; absent without an Alertmanager."
    ),
    Metric(
        "watchdog_alertmanager_last_success_timestamp_seconds", "gauge", "When silences and pauses were last compared and made equal."
    ),
)  # fmt: skip
