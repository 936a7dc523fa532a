"""Backups as files: proven or not, in time or not, how they grow, what fits, and whether a restore has been rehearsed."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Choice, Scope, by, each, per
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import BYTES, BYTES_PER_SECOND, COUNT, FEW_ARE_GOOD, NAME, NONE_IS_GOOD, RATIO, SECONDS, YES_NO, plenty, words
from dashboards.drawing.panels import Column, figure, lines, rows
from dashboards.drawing.usual import age, marks

host = Scope('instance=~"$instance"')
of = Scope('instance=~"$instance"', 'directory=~"$directory"')
DEPTH = words((0, "never", "red"), (3, "content", "green"), (5, "by the panel", "green"))
IN_TIME = words((0, "late", "red"), (1, "in time", "green"))
_SET = "{{directory}} {{path}} {{prefix}}"

PLAN = row(
    "By the plan of each directory",
    figure(
        "In time",
        "By backup.schedule or backup.every: a good backup has come since the last slot. Late also when there never was one.",
        each("directory", f"1 - {of('watchdog_backup_overdue')}"),
        look=IN_TIME,
    ),
    age(
        "Age of the newest good backup",
        "Proven good, not only written.",
        of.age("watchdog_backup_newest_good_timestamp_seconds"),
        "{{directory}}",
    ),
    figure(
        "Archives that cannot be restored",
        "Found bad by verification; which ones is below.",
        each("directory", by("instance, directory", of("watchdog_archives_verdicts", 'verdict="bad"'))),
        look=NONE_IS_GOOD,
    ),
    figure(
        "Copies hold the newest",
        "By checksum: the same bytes lie in the second location, read there.",
        Ask(of("watchdog_backup_copy_holds"), "{{directory}} in {{copy}}"),
        look=YES_NO,
    ),
    lines(
        "Since the last slot that counts",
        "How long ago a good backup should have been there at the latest, beside the age of the newest: above the first is late.",
        Ask(of.age("watchdog_backup_due_timestamp_seconds"), "{{directory}} due"),
        Ask(of.age("watchdog_backup_newest_good_timestamp_seconds"), "{{directory}} newest"),
        look=SECONDS,
    ),
    lines(
        "Age of the newest backup that is copied",
        "That the second location has too.",
        Ask(of.age("watchdog_backup_copy_newest_timestamp_seconds"), "{{directory}} in {{copy}}"),
        look=SECONDS,
    ),
)

TREND = row(
    "Trend and headroom",
    lines(
        "Size of the newest good backup",
        "With what the next one is expected to need.",
        each("directory", of("watchdog_backup_newest_good_bytes")),
        Ask(of("watchdog_backup_expected_bytes"), "{{directory}} expected"),
        look=BYTES,
    ),
    lines(
        "Change against the median of those before",
        "Beyond shrink or growth the alerts BackupShrunk and BackupGrew fire.",
        each("directory", of("watchdog_backup_size_change_ratio")),
        Ask("-1 * " + of("watchdog_backup_size_change_limit_ratio", 'direction="shrink"'), "{{directory}} least"),
        Ask(of("watchdog_backup_size_change_limit_ratio", 'direction="growth"'), "{{directory}} most"),
        look=RATIO,
    ),
    lines(
        "Good backups",
        "Against how many should be kept (backup.keep).",
        each("directory", of("watchdog_backup_good")),
        Ask(of("watchdog_backup_good_wanted"), "{{directory}} wanted"),
        width=8,
    ),
    lines(
        "How many more fit",
        "Free bytes over the expected size, on each file system that a restore needs; 3 is the goal unless configured.",
        Ask(of("watchdog_backup_room_ratio"), "{{directory}} on {{path}}"),
        Ask(of("watchdog_backup_room_wanted_ratio"), "{{directory}} wanted"),
        look=plenty(COUNT, 1, 3),
        width=8,
    ),
    lines(
        "Free bytes",
        "Where backups lie and where a restore writes.",
        Ask(of("watchdog_backup_free_bytes"), "{{directory}} on {{path}}"),
        look=BYTES,
        width=8,
    ),
)

VERIFICATION = row(
    "Verification",
    lines(
        "Archives by verdict",
        "unverified: no result yet.",
        each("directory verdict", by("instance, directory, verdict", of("watchdog_archives_verdicts"))),
    ),
    lines(
        "Bytes to read",
        "Of archives that wait for verification or are being verified.",
        each("instance", host("watchdog_archives_queue_bytes")),
        look=BYTES,
        width=6,
    ),
    lines(
        "Bytes read by verification",
        "By the second, throttled as configured.",
        each("instance", host.rate("watchdog_archive_check_read_bytes_total")),
        look=BYTES_PER_SECOND,
        width=6,
    ),
    figure("Archives in the queue", "Waiting, or being verified.", each("instance", host("watchdog_archives_queue_length"))),
    figure("The queue takes", "At the configured rate.", each("instance", host("watchdog_archives_queue_seconds")), look=SECONDS),
    figure(
        "Verification stands still",
        "Because programs wait for disks (collectors.archives.pressure).",
        each("instance", host("watchdog_archives_paused")),
        look=words((0, "no", "green"), (1, "yes", "orange")),
    ),
    lines(
        "Verified, by verdict",
        "Within an hour; dropped: the file changed or went meanwhile, it is asked for again.",
        per("instance verdict", host.increase("watchdog_archive_checks_total", within="1h")),
        Ask(host.increase("watchdog_archive_checks_dropped_total", within="1h"), "{{instance}} dropped"),
        width=6,
        height=4,
    ),
    rows(
        "At work",
        "How far verification has come in a file, and how fast it gets on.",
        Column("read", of("watchdog_archive_verifying_bytes"), BYTES),
        Column("by the second", of("watchdog_archive_verifying_bytes_per_second"), BYTES_PER_SECOND),
        height=6,
    ),
    lines(
        "How long a verification takes",
        "95 of 100 are shorter, throttled as configured.",
        each(
            "instance", f"histogram_quantile(0.95, {by('le, instance', host.rate('watchdog_archive_check_duration_seconds_bucket'))}) >= 0"
        ),
        look=SECONDS,
        height=6,
    ),
    rows(
        "What is wrong with single archives",
        "The gravest reason of each verdict; a reason beside a good verdict is worth knowing all the same.",
        Column("archive", of("watchdog_archive_info", 'reason!=""'), NAME),
    ),
    rows(
        "Newest archives",
        "Level 0 head, 1 structure, 2 every byte, 3 meaning.",
        Column("verdict", f"{of('watchdog_archive_verdict')} == 1", NAME),
        Column("size", of("watchdog_archive_size_bytes"), BYTES),
        Column("written", of.age("watchdog_archive_mtime_timestamp_seconds"), SECONDS),
        Column("verified", of.age("watchdog_archive_verified_timestamp_seconds"), SECONDS),
        Column("level", of("watchdog_archive_verified_level"), COUNT),
        Column("at rest", of("watchdog_archive_stable"), YES_NO),
        Column("open to all", of("watchdog_archive_world_readable"), words((0, "no", "green"), (1, "yes", "orange"))),
    ),
)

FOLDERS = row(
    "Duplicati folders and archives in parts",
    figure(
        "Verdict of each",
        "Each as one thing: its volumes, indexes and list of volumes, looked at across.",
        Ask(f"{of('watchdog_archive_set_verdict')} == 1", f"{_SET}: {{{{verdict}}}}"),
        look=NAME,
        name=True,
        width=8,
        height=6,
    ),
    lines(
        "Volumes",
        "By kind, and those that wait for verification.",
        each("directory path prefix kind", of("watchdog_archive_set_volumes")),
        Ask(of("watchdog_archive_set_unverified"), f"{_SET} to be verified"),
        width=8,
        height=6,
    ),
    lines("Bytes", "Of all volumes.", each("directory path prefix", of("watchdog_archive_set_bytes")), look=BYTES, width=4, height=6),
    lines(
        "Age of the newest version",
        "By its name; of parts, the manifest's time.",
        each("directory path prefix", of.age("watchdog_archive_set_newest_timestamp_seconds")),
        look=SECONDS,
        width=4,
        height=6,
    ),
    rows("Why", "The gravest reason of each verdict.", Column("folder", of("watchdog_archive_set_info"), NAME), width=24),
)

DIRECTORIES = row(
    "Directories",
    figure(
        "Directories that can be looked at whole",
        "Missing, closed to us, hung, or more files than max_files is no.",
        each("directory path", of("watchdog_archives_directory_readable")),
        look=YES_NO,
        width=12,
    ),
    figure("Files", "Regular files that match the pattern.", each("directory path", of("watchdog_archives_files")), width=12),
    rows(
        "Why directories cannot be read",
        "Empty while all can.",
        Column("error", of("watchdog_archives_directory_error"), NAME),
        height=6,
    ),
    lines(
        "Age of the newest file, and of the newest good one",
        "By their times; which backup counts as the newest is above.",
        each("directory path", of.age("watchdog_archives_newest_timestamp_seconds")),
        Ask(of.age("watchdog_archives_newest_good_timestamp_seconds"), "{{directory}} {{path}} good"),
        look=SECONDS,
        height=6,
    ),
    lines(
        "Names that fit and were not opened",
        "By reason: symbolic links, pipes, devices.",
        each("directory reason", of("watchdog_archives_passed_over")),
        look=FEW_ARE_GOOD,
        height=6,
    ),
    lines("Bytes by directory", "Of those files.", each("directory path", of("watchdog_archives_bytes")), look=BYTES, height=6),
)

REHEARSALS = row(
    "Rehearsals",
    figure(
        "Restore rehearsed in time",
        "A restore of one of its backups was rehearsed and went well within rehearse_every.",
        each("directory", f"1 - {of('watchdog_backup_rehearsal_overdue')}"),
        look=YES_NO,
        height=5,
    ),
    figure(
        "The last rehearsal went well",
        "Of any backup of this directory, also one that has been deleted since.",
        each("directory", of("watchdog_backup_rehearsal_success")),
        look=YES_NO,
        height=5,
    ),
    figure(
        "How deep the last good rehearsal was",
        "Content: we loaded and compared it ourselves. By the panel: it restored it.",
        each("directory", of("watchdog_backup_rehearsal_good_level")),
        look=DEPTH,
        height=5,
    ),
    lines(
        "Age of the last rehearsal",
        "Of the last that went well, and of the last that told anything.",
        Ask(of.age("watchdog_backup_rehearsal_good_timestamp_seconds"), "{{directory}}: good"),
        Ask(of.age("watchdog_backup_rehearsal_timestamp_seconds"), "{{directory}}: any"),
        look=SECONDS,
        width=6,
        height=5,
    ),
)

BOARD = Board(
    "Backups",
    "Backups as files: proven or not, in time or not, how they grow, what still fits, and whether a restore has been rehearsed.",
    since="now-7d",
    choices=(Choice("directory", "Directory", host("watchdog_archives_directory_readable")),),
    marks=marks(host),
    rows=(PLAN, TREND, VERIFICATION, FOLDERS, REHEARSALS, DIRECTORIES),
)
