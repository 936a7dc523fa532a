"""SysReptor: what its backups are worth by what is inside them, whether it would make one, and what lies in the bucket."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Scope, by, each, target_of
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import BYTES, COUNT, DAY, FEW_ARE_GOOD, NAME, NONE_IS_GOOD, SECONDS, YES_NO, Look, plenty, words, young
from dashboards.drawing.panels import Panel, figure, lines
from dashboards.drawing.usual import age, drifts, marks, requests, seen

of = Scope('instance=~"$instance"', 'target=~"$target"')
MINE = 'panel="sysreptor"'
LEVEL = words((0, "0 head", "red"), (1, "1 structure", "orange"), (2, "2 every byte", "green"), (3, "3 meaning", "green"))


def _one(title: str, about: str, metric: str, look: Look = COUNT) -> Panel:
    return figure(title, about, each("target", of(metric)), look=look)


BACKUPS = row(
    "The newest verified backup",
    lines(
        "Files by how they stand",
        "Pending: being written, queued or verified. Unverifiable: encrypted without a key, or in a way nobody here unpacks.",
        each("target standing", of("watchdog_sysreptor_backups")),
    ),
    lines(
        "Rows in the newest verified backup",
        "By model, counted in its content.",
        each("target model", of("watchdog_sysreptor_last_good_rows")),
    ),
    lines(
        "Files in it by folder",
        "Of the panel's own folders inside the archive.",
        each("target folder", of("watchdog_sysreptor_last_good_files")),
        width=6,
    ),
    lines("Bytes of them", "Unpacked.", each("target folder", of("watchdog_sysreptor_last_good_folder_bytes")), look=BYTES, width=6),
    _one("Parts", "Being written, or left behind.", "watchdog_sysreptor_parts"),
    _one("Newest verified: size", "Of the file.", "watchdog_sysreptor_last_good_bytes", BYTES),
    _one("Newest verified: entries", "Of the archive.", "watchdog_sysreptor_last_good_entries"),
    _one("Newest verified: took", "By its own stats.json, from 2026.18 on.", "watchdog_sysreptor_last_good_duration_seconds", SECONDS),
    figure(
        "Lacking in the newest verified backup",
        "Files that rows refer to and that are not in it, and files that are empty.",
        each("target what", of("watchdog_sysreptor_last_good_lacking_files")),
        look=NONE_IS_GOOD,
    ),
    _one(
        "Room",
        "Free bytes where backups land, in newest verified backups. Three are needed for a restore.",
        "watchdog_sysreptor_disk_headroom_ratio",
        plenty(COUNT, 1, 3),
    ),
)

PANEL = row(
    "The panel",
    figure(
        "Would it make a backup?",
        "Asked without making one.",
        each("target answer", f"{of('watchdog_sysreptor_preflight')} == 1"),
        look=NAME,
        name=True,
    ),
    _one("Professional licence", "Backups take one.", "watchdog_sysreptor_licence_professional", YES_NO),
    figure(
        "Licence ends in",
        "Nothing: the panel names no end.",
        each("target", f"{of('watchdog_sysreptor_licence_valid_until_timestamp_seconds')} - time()"),
        look=plenty(SECONDS, 7 * DAY, 30 * DAY),
        none="no end",
    ),
    figure(
        "Users of the licence",
        "Active ones, and how many may be.",
        Ask(of("watchdog_sysreptor_licence_active_users"), "{{target}} active"),
        Ask(of("watchdog_sysreptor_licence_users"), "{{target}} allowed"),
    ),
    figure(
        "Health",
        "What the panel says of its database, migrations and cache.",
        each("target check", of("watchdog_sysreptor_healthy")),
        look=YES_NO,
    ),
    figure(
        "Daily tasks: the newest began",
        "Nothing: not asked, for want of a read-only database login. More than a day: they stand still.",
        each("target", by("target", of("watchdog_sysreptor_task_started_timestamp_seconds"), how="time() - max")),
        look=young(1.5 * DAY, 2 * DAY),
        none="not asked",
    ),
    figure(
        "A backup of ours: received",
        "While one is being made.",
        each("target", of("watchdog_panel_run_received_bytes", MINE)),
        look=BYTES,
        none="none is made",
    ),
    figure(
        "A backup of ours: expected",
        "Size of the last good backup; while one is being made.",
        each("target", of("watchdog_panel_run_expected_bytes", MINE)),
        look=BYTES,
        none="none is made",
    ),
    lines(
        "The panel's log: age of the newest row",
        "A finished row proves no backup.",
        each("target type", of.age("watchdog_sysreptor_log_newest_timestamp_seconds")),
        look=SECONDS,
    ),
    lines(
        "Runs without an end in the log",
        "Begun since the last restore.",
        each("target", of("watchdog_sysreptor_runs_unfinished")),
        look=FEW_ARE_GOOD,
    ),
)

BUCKET = row(
    "The bucket, by listings: nobody reads objects",
    age(
        "Bucket: age of the newest object",
        "Level 0: that something arrived, not that it is a backup.",
        of.age("watchdog_sysreptor_bucket_newest_timestamp_seconds"),
        "{{target}}",
    ),
    _one("Bucket: size of the newest object", "Level 0.", "watchdog_sysreptor_bucket_newest_bytes", BYTES),
    figure(
        "Bucket: can it be listed?",
        "No = refused, silent or only in part: then nothing is known to be missing.",
        each("target listing", of("watchdog_sysreptor_bucket_listed")),
        look=YES_NO,
    ),
    figure(
        "Bucket: objects, and empty ones",
        "An object without a byte is no backup.",
        Ask(of("watchdog_sysreptor_bucket_objects"), "{{target}} all"),
        Ask(of("watchdog_sysreptor_bucket_empty_objects"), "{{target}} empty"),
    ),
    _one("Bucket: bytes", "Of all objects whose names fit.", "watchdog_sysreptor_bucket_bytes", BYTES),
    _one(
        "Bucket: unfinished uploads",
        "An upload in parts that was begun and not ended: a backup under way, or one that was killed.",
        "watchdog_sysreptor_bucket_uploads",
        FEW_ARE_GOOD,
    ),
    _one(
        "Bucket: bytes of unfinished uploads",
        "They cost money until somebody ends the upload.",
        "watchdog_sysreptor_bucket_upload_bytes",
        BYTES,
    ),
    age(
        "Bucket: age of the oldest unfinished upload",
        "By the server's clock.",
        of.age("watchdog_sysreptor_bucket_oldest_upload_timestamp_seconds"),
        "{{target}}",
    ),
)

BOARD = Board(
    "SysReptor",
    "What its backups are worth by what is inside them, whether it would make one now, and what lies in the bucket.",
    since="now-7d",
    choices=(target_of("sysreptor"),),
    marks=marks(of, MINE),
    rows=(
        row(
            "Now",
            seen(of, "sysreptor", "Whether the newest pass could judge it; files are judged also while the panel does not answer."),
            _one("Panel answers", "Files are judged also while it does not.", "watchdog_sysreptor_answers", YES_NO),
            figure(
                "Release",
                "Backups before 2025.110 are not to be trusted by download, before 2025.20 not at all.",
                each("target version", of("watchdog_sysreptor_panel_info")),
                look=NAME,
                name=True,
            ),
            age(
                "Age of the newest verified backup",
                "By what is inside it, not by when the file was copied.",
                of.age("watchdog_sysreptor_last_good_timestamp_seconds"),
                "{{target}}",
            ),
            _one("Verified to level", "0 head, 1 structure, 2 every byte, 3 meaning.", "watchdog_sysreptor_last_good_level", LEVEL),
        ),
        BACKUPS,
        PANEL,
        BUCKET,
        drifts(of, "sysreptor", requests(of, "sysreptor")),
    ),
)
