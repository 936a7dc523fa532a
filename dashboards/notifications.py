"""What panel-watchdog tells people, the dead man's switch and Alertmanager, and what Alertmanager tells it."""

from __future__ import annotations

from dashboards.drawing.asks import Scope, each, per
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import FEW_ARE_GOOD, MINUTE, SECONDS, YES_NO, young
from dashboards.drawing.panels import Column, figure, lines, rows
from dashboards.drawing.usual import age, marks

of = Scope('instance=~"$instance"')
HOST = "{{instance}}"

TELLING = row(
    "What it tells",
    lines(
        "Letters, by what became of them",
        "Sent, digested, failed, repeated, dropped.",
        per("instance channel result", of.increase("watchdog_notifications_total")),
        width=8,
    ),
    lines("Letters that wait", "By channel.", each("instance channel", of("watchdog_notify_outbox_messages")), look=FEW_ARE_GOOD, width=8),
    rows(
        "Channels",
        "When each last delivered, since when it fails, and since when its oldest letter waits.",
        Column("delivered", of.age("watchdog_notify_last_success_timestamp_seconds"), SECONDS),
        Column("fails for", of.age("watchdog_notify_failing_since_timestamp_seconds"), young(5 * MINUTE, 30 * MINUTE)),
        Column("oldest waits", of.age("watchdog_notify_outbox_oldest_timestamp_seconds"), young(5 * MINUTE, 30 * MINUTE)),
        width=8,
    ),
    figure("A dead man's switch is configured", "notify.heartbeat.", each("instance", of("watchdog_heartbeat_enabled")), look=YES_NO),
    age(
        "It was last pinged",
        "Ago; it is withheld while not all is well.",
        of.age("watchdog_heartbeat_last_success_timestamp_seconds"),
        HOST,
    ),
    figure(
        "Alertmanager answers",
        "At the last comparison of silences and pauses.",
        each("instance", of("watchdog_alertmanager_up")),
        look=YES_NO,
        none="not configured",
    ),
    age("Silences last compared", "And made equal to the pauses.", of.age("watchdog_alertmanager_last_success_timestamp_seconds"), HOST),
    lines("Pings of the dead man's switch", "By result.", each("instance result", of.increase("watchdog_heartbeats_total")), width=8),
    lines("Silences that stand for pauses", "In Alertmanager.", each("instance", of("watchdog_silences")), width=8),
    lines(
        "What Alertmanager told us",
        "Alerts by what came of them.",
        per("instance result", of.increase("watchdog_alertmanager_alerts_total")),
        width=8,
    ),
    lines(
        "What alerts asked of targets",
        "By the last answer.",
        per("panel target answer", of.increase("watchdog_alertmanager_asks_total")),
        width=24,
        height=6,
    ),
)

BOARD = Board(
    "Notifications",
    "What panel-watchdog tells people, the dead man's switch and Alertmanager, and what Alertmanager tells it.",
    marks=marks(of),
    rows=(TELLING,),
)
