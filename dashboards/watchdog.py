"""panel-watchdog itself: whether it lives, sees, judges, remembers and answers."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Scope, by, each, per
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import (
    BYTES,
    BYTES_PER_SECOND,
    FEW_ARE_GOOD,
    MINUTE,
    NAME,
    NO_YES,
    NONE_IS_GOOD,
    PER_SECOND,
    RATIO,
    REQUESTS,
    SECONDS,
    YES_NO,
    young,
)
from dashboards.drawing.panels import figure, lines, states
from dashboards.drawing.usual import age, marks

of = Scope('instance=~"$instance"')
HOST = "{{instance}}"


def _quantile(histogram: str, labels: str) -> str:
    """Return below what 95 of 100 are; nothing while there were none."""
    return f"histogram_quantile(0.95, {by(f'le, {labels}', of.rate(f'{histogram}_bucket'))}) >= 0"


LIFE = row(
    "Life",
    figure(
        "Version",
        "Of panel-watchdog and of its Python.",
        Ask(of("watchdog_build_info"), "{{instance}} {{version}} ({{python}})"),
        look=NAME,
        name=True,
    ),
    age("Has run for", "Since its process began.", of.age("process_start_time_seconds"), HOST),
    figure(
        "Ledger works",
        "Without it repairs stand still; collecting goes on.",
        each("instance", of("watchdog_ledger_up")),
        look=YES_NO,
        width=4,
    ),
    figure(
        "Looks only",
        "A newer panel-watchdog has changed the ledger's schema: this one exports, and sends nothing.",
        each("instance", of("watchdog_ledger_read_only")),
        look=NO_YES,
        width=4,
    ),
    figure(
        "Threads left behind",
        "They still hang; too many of them end the program.",
        each("instance", of("watchdog_loop_abandoned_threads")),
        look=FEW_ARE_GOOD,
        width=4,
    ),
    lines("Processor", "100 % = one processor wholly.", each("instance", of.rate("process_cpu_seconds_total")), look=RATIO, width=8),
    lines(
        "Memory",
        "Resident, and virtual.",
        Ask(of("process_resident_memory_bytes"), "{{instance}} resident"),
        Ask(of("process_virtual_memory_bytes"), "{{instance}} virtual"),
        look=BYTES,
        width=8,
    ),
    lines(
        "Open files",
        "Against how many it may have open.",
        Ask(of("process_open_fds"), "{{instance}} open"),
        Ask(of("process_max_fds"), "{{instance}} at most"),
        width=8,
    ),
    lines(
        "Heartbeat of each loop",
        "Its own thread proves to be alive between its steps.",
        each("instance loop", of.age("watchdog_loop_heartbeat_timestamp_seconds")),
        look=young(MINUTE, 5 * MINUTE),
    ),
    lines(
        "Loops that crashed or hung",
        "A crashed step goes on in a new generation; a hung one is left behind in its thread.",
        Ask(of.increase("watchdog_loop_crashes_total"), "{{instance}} {{loop}} crashed"),
        Ask(of.increase("watchdog_loop_abandoned_total"), "{{instance}} {{loop}} left behind"),
        look=NONE_IS_GOOD,
    ),
    lines(
        "Jumps of the clock",
        "Of more than 5 s against the monotonic clock.",
        each("instance", of.increase("watchdog_clock_jumps_total")),
        look=FEW_ARE_GOOD,
        width=8,
    ),
    lines(
        "Garbage collections",
        "Of Python, by generation.",
        per("instance generation", of.rate("python_gc_collections_total")),
        look=PER_SECOND,
        width=8,
    ),
    lines(
        "Objects that collections find",
        "Freed by the second; what cannot be freed is a leak.",
        Ask(by("instance", of.rate("python_gc_objects_collected_total")), "{{instance}} freed"),
        Ask(by("instance", of.rate("python_gc_objects_uncollectable_total")), "{{instance}} left"),
        look=PER_SECOND,
        width=8,
    ),
    figure("Python", "That runs it.", each("instance implementation version", of("python_info")), look=NAME, name=True, width=8, height=8),
)

SIGHT = row(
    "Collectors: what is true",
    states(
        "Collections that succeed",
        "By collector; its last good facts stay while they fail.",
        each("instance collector", of("watchdog_collector_success")),
        look=YES_NO,
    ),
    lines(
        "How long they take",
        "The last collection of each.",
        each("instance collector", of("watchdog_collector_duration_seconds")),
        look=SECONDS,
    ),
    lines(
        "Failures, by error",
        "The 20 most frequent.",
        each("instance collector error", f"topk(20, {of.increase('watchdog_collector_failures_total')})"),
        look=NONE_IS_GOOD,
    ),
    lines(
        "Replaced after a hang",
        "By a fresh one.",
        each("instance collector", of.increase("watchdog_collector_replaced_total")),
        look=NONE_IS_GOOD,
    ),
)

JUDGEMENT = row(
    "Passes: what is judged",
    lines(
        "Passes by result",
        "judged, blind, no_ledger or crashed.",
        per("instance result", of.rate("watchdog_reconcile_passes_total")),
        look=PER_SECOND,
        width=8,
    ),
    lines(
        "How long a pass takes",
        "95 of 100 are shorter; reading the panel is in it.",
        each("instance panel target", _quantile("watchdog_reconcile_duration_seconds", "instance, panel, target")),
        look=SECONDS,
        width=8,
    ),
    figure(
        "Passes with a ledger",
        "Without it repairs stop.",
        each("instance panel target", of("watchdog_reconcile_ledger_ok")),
        look=YES_NO,
        width=8,
        height=8,
    ),
    lines(
        "How long the ledger takes",
        "95 of 100 transactions are shorter; waiting and commit are in it.",
        each("instance access", _quantile("watchdog_ledger_transaction_duration_seconds", "instance, access")),
        look=SECONDS,
    ),
    lines(
        "The ledger failed",
        "By the database's reason.",
        per("instance reason", of.increase("watchdog_ledger_failures_total")),
        look=NONE_IS_GOOD,
    ),
)

PAGE = row(
    "The page that is scraped",
    lines("Rows of a scrape", "By source.", each("instance source", of("watchdog_exposition_rows")), width=8),
    lines(
        "Bytes of a scrape",
        "By format; rendered once per change, not per scrape.",
        per("instance format", of("watchdog_exposition_bytes")),
        look=BYTES,
        width=8,
    ),
    lines(
        "How long the last rendering took",
        "By source.",
        each("instance source", of("watchdog_exposition_render_seconds")),
        look=SECONDS,
        width=8,
    ),
    states(
        "Sources that can be rendered",
        "No: its last good lines are served.",
        each("instance source", of("watchdog_exposition_source_up")),
        look=YES_NO,
    ),
    lines(
        "Age of the last rendering",
        "Nothing is rendered while nothing changes.",
        each("instance source", of.age("watchdog_exposition_last_render_timestamp_seconds")),
        look=SECONDS,
    ),
    lines(
        "Renderings that failed, rows that came twice",
        "Bugs of ours.",
        Ask(by("instance, source", of.increase("watchdog_exposition_failures_total")), "{{instance}} {{source}} failed"),
        Ask(by("instance, source", of.increase("watchdog_exposition_repeated_rows_total")), "{{instance}} {{source}} twice"),
        look=NONE_IS_GOOD,
        width=24,
        height=6,
    ),
)

WEB = row(
    "The web server",
    lines(
        "Answers by result",
        "ok below 400, refused 4xx, failed 5xx.",
        per("instance listener result", of.rate("watchdog_web_requests_total")),
        look=REQUESTS,
    ),
    lines(
        "How long an answer takes",
        "95 of 100 are shorter, by route.",
        each("instance route", _quantile("watchdog_web_request_duration_seconds", "instance, route")),
        look=SECONDS,
    ),
    lines("Open connections", "By listener.", each("instance listener", of("watchdog_web_connections")), width=8),
    lines(
        "Connections cut",
        "To keep the server free, by reason.",
        per("instance listener reason", of.increase("watchdog_web_connections_dropped_total")),
        look=FEW_ARE_GOOD,
        width=8,
    ),
    lines(
        "Archives handed out",
        "Bytes by the second.",
        each("instance", of.rate("watchdog_web_download_bytes_total")),
        look=BYTES_PER_SECOND,
        width=8,
    ),
    lines(
        "Downloads by how they ended",
        "Of archives, or of a part.",
        each("instance result", of.increase("watchdog_web_downloads_total")),
        height=6,
    ),
    lines(
        "Reports of panels that came in",
        "With a right secret, by how they ended.",
        per("instance panel target result", of.increase("watchdog_inbound_reports_total")),
        height=6,
    ),
)

BOARD = Board(
    "Watchdog itself",
    "Whether panel-watchdog lives, sees, judges, remembers and answers.",
    marks=marks(of),
    rows=(LIFE, SIGHT, JUDGEMENT, PAGE, WEB),
)
