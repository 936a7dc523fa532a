"""The host that panel-watchdog runs on: pressure, memory, file systems, and the logs it reads there."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Scope, each
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import BYTES, BYTES_PER_SECOND, COUNT, FEW_ARE_GOOD, NAME, NO_YES, RATIO, SECONDS, YES_NO
from dashboards.drawing.panels import Column, figure, lines, rows
from dashboards.drawing.usual import age, marks

of = Scope('instance=~"$instance"')
HOST = "{{instance}}"

MACHINE = row(
    "The host it runs on",
    lines(
        "Tasks that wait",
        "Share of the last 10 seconds, by what they wait for.",
        each("instance resource kind", of("watchdog_host_pressure_stalled_ratio")),
        look=RATIO,
        width=8,
    ),
    lines(
        "Memory and swap",
        "What is left of them.",
        Ask(of("watchdog_host_memory_available_bytes"), "{{instance}} available"),
        Ask(of("watchdog_host_memory_total_bytes"), "{{instance}} memory"),
        Ask(of("watchdog_host_swap_free_bytes"), "{{instance}} swap free"),
        Ask(of("watchdog_host_swap_total_bytes"), "{{instance}} swap"),
        look=BYTES,
        width=8,
    ),
    lines(
        "Room on file systems",
        "Free for programs without privileges.",
        each("instance filesystem path", f"{of('watchdog_host_filesystem_available_bytes')} / {of('watchdog_host_filesystem_size_bytes')}"),
        look=RATIO,
        width=8,
    ),
    rows(
        "File systems",
        "Several names of one file system have one series of sizes, under the first name.",
        Column("answers", of("watchdog_host_filesystem_readable"), YES_NO),
        Column("size", of("watchdog_host_filesystem_size_bytes"), BYTES),
        Column("free", of("watchdog_host_filesystem_available_bytes"), BYTES),
        Column("inodes free", of("watchdog_host_filesystem_available_inodes"), COUNT),
        Column("inodes", of("watchdog_host_filesystem_inodes"), COUNT),
        Column("read-only", of("watchdog_host_filesystem_read_only"), NO_YES),
        width=18,
    ),
    age("Booted", "Ago.", of.age("watchdog_host_boot_timestamp_seconds"), HOST),
    lines(
        "Waited for, in seconds",
        "By the second, from the kernel's own sums.",
        each("instance resource kind", of.rate("watchdog_host_pressure_stalled_seconds_total")),
        look=RATIO,
    ),
    rows(
        "Names of file systems", "same_as is the first name of the same device.", Column("name", of("watchdog_host_filesystem_info"), NAME)
    ),
)

LOGS = row(
    "Logs that are read",
    figure("Readable", "Whole, in the last look.", each("instance log", of("watchdog_log_readable")), look=YES_NO, none="none is watched"),
    lines(
        "Read",
        "Bytes by the second.",
        each("instance log", of.rate("watchdog_log_read_bytes_total")),
        look=BYTES_PER_SECOND,
        width=6,
        height=4,
    ),
    lines("Lines that matched", "By pattern.", each("instance log pattern", of.increase("watchdog_log_matches_total")), width=6, height=4),
    lines(
        "Gaps",
        "Breaks in what was read, by reason.",
        each("instance log reason", of.increase("watchdog_log_gaps_total")),
        look=FEW_ARE_GOOD,
        width=6,
        height=4,
    ),
    rows(
        "How far",
        "Silence proves something only between these two.",
        Column("nothing missing for", of.age("watchdog_log_covered_from_timestamp_seconds"), SECONDS),
        Column("read to", of.age("watchdog_log_read_to_timestamp_seconds"), SECONDS),
        Column("matches kept", of("watchdog_log_matches_kept"), COUNT),
        height=6,
    ),
    rows(
        "Newest line of each pattern",
        "That was kept.",
        Column("ago", of.age("watchdog_log_last_match_timestamp_seconds"), SECONDS),
        width=6,
        height=6,
    ),
    rows("Why a log cannot be read", "Empty while all can.", Column("error", of("watchdog_log_error"), NAME), width=6, height=6),
)

BOARD = Board(
    "Host",
    "The host that panel-watchdog runs on: pressure, memory, file systems, and the logs it reads there.",
    marks=marks(of),
    rows=(MACHINE, LOGS),
)
