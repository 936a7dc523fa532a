"""Duplicati: what each server says of its pauses, jobs and runs, what lies at the destinations, and what its reports say."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Scope, each, per, target_of
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import BYTES, COUNT, FEW_ARE_GOOD, FLAG, NAME, NO_YES, NONE_IS_GOOD, RATIO, SECONDS, YES_NO, Look, words
from dashboards.drawing.panels import Column, Panel, figure, lines, rows, states
from dashboards.drawing.usual import age, drifts, marks, requests, seen

of = Scope('instance=~"$instance"', 'target=~"$target"')
MINE = 'panel="duplicati"'
JOB = "{{target}} {{backup_name}}"
FAILED = words((0, "no", "green"), (1, "yes", "red"))


def _ages(title: str, about: str, expression: str) -> Panel:
    return rows(title, about, Column("age", expression, SECONDS))


def _both_ends(title: str, kind: str, look: Look) -> Panel:
    source, target = of(f"watchdog_duplicati_backup_source_{kind}"), of(f"watchdog_duplicati_backup_target_{kind}")
    return lines(title, "As the last run counted.", Ask(source, f"{JOB} source"), Ask(target, f"{JOB} destination"), look=look)


SERVER = row(
    "The server",
    seen(of, "duplicati", "Nothing is judged, and no pause is kept, while it does not answer.", title="Server answers"),
    figure(
        "Release",
        "As the server says, and the family of releases it behaves like.",
        Ask(of("watchdog_duplicati_server_info"), "{{target}} {{version}} ({{family}})"),
        look=NAME,
        name=True,
    ),
    figure(
        "Paused",
        "What the server says of itself; a release that does not keep a pause says it too.",
        each("target", of("watchdog_duplicati_program_paused")),
        look=NO_YES,
    ),
    figure(
        "Pause ordered here",
        "Pauses of the ledger that stand, by source.",
        per("target source", of("watchdog_pause_active", MINE)),
        look=NO_YES,
    ),
    figure(
        "The server's pause ends in",
        "A lease: it is renewed while the pause stands. Nothing: the server names no end.",
        each("target", f"{of('watchdog_duplicati_pause_end_timestamp_seconds')} - time()"),
        look=SECONDS,
        none="no end",
    ),
    figure(
        "Restarts seen",
        "Suspected and certain, since this program began.",
        each("target", of("watchdog_duplicati_restarts_observed")),
        look=FEW_ARE_GOOD,
    ),
    figure(
        "Clock of the server ahead",
        "Slots and ends are judged wrongly by as much.",
        each("target", of("watchdog_duplicati_clock_skew_seconds")),
        look=SECONDS,
    ),
    figure(
        "Notifications",
        "That nobody has dismissed, by type.",
        each("target type", of("watchdog_duplicati_notifications")),
        look=FEW_ARE_GOOD,
    ),
    lines(
        "A task runs, others wait",
        "Running task, and the queue behind it.",
        Ask(of("watchdog_duplicati_active_task"), "{{target}} running"),
        Ask(of("watchdog_duplicati_queue_length"), "{{target}} waiting"),
    ),
    lines(
        "Progress of the running task",
        "As far as its phase tells one.",
        each("target", of("watchdog_duplicati_progress_ratio")),
        look=RATIO,
    ),
    lines(
        "The running task: since when, and when it last moved",
        "A task that works moves every few seconds.",
        Ask(of.age("watchdog_duplicati_active_task_began_timestamp_seconds"), "{{target}} began"),
        Ask(of.age("watchdog_duplicati_progress_moved_timestamp_seconds"), "{{target}} moved"),
        look=SECONDS,
    ),
    lines(
        "Jobs without metrics of their own",
        "Beyond the limit; they are judged all the same.",
        each("target", of("watchdog_duplicati_backups_omitted")),
        look=FEW_ARE_GOOD,
    ),
)

JOBS = row(
    "Jobs",
    _ages(
        "Age of each job's newest version",
        "The newest version at the destination: what can be restored at best.",
        of.age("watchdog_duplicati_backup_last_fileset_timestamp_seconds"),
    ),
    _ages(
        "Age of each job's last good run",
        "Ended well, even if nothing had changed.",
        of.age("watchdog_duplicati_backup_last_success_timestamp_seconds"),
    ),
    rows(
        "Next run of each job",
        "By the server's scheduler; a slot in the past is not overdue by itself.",
        Column("in", f"{of('watchdog_duplicati_backup_next_run_timestamp_seconds')} - time()", SECONDS),
    ),
    rows(
        "Lateness of each job",
        "Since the slot that is due; negative = it lies ahead. Only allowed days count.",
        Column("late by", of.age("watchdog_duplicati_backup_due_timestamp_seconds"), SECONDS),
    ),
    states(
        "Last result of each job",
        "One of success, warning, error, fatal, stopped: the one that is on.",
        each("target backup_name result", f"{of('watchdog_duplicati_backup_last_result')} == 1"),
        look=words((1, "is", "blue")),
    ),
    states(
        "Jobs that failed",
        "By every witness: log, last error, notification, report.",
        each("target backup_name", of("watchdog_duplicati_backup_failed")),
        look=FAILED,
    ),
    states(
        "Jobs that run or wait",
        "As the server's task and queue say.",
        Ask(of("watchdog_duplicati_backup_active"), f"{JOB} runs"),
        Ask(of("watchdog_duplicati_backup_queued"), f"{JOB} waits"),
        look=FLAG,
    ),
    lines(
        "Duration of the last run",
        "Of the last run that came to an end.",
        each("target backup_name", of("watchdog_duplicati_backup_duration_seconds")),
        look=SECONDS,
    ),
    lines(
        "Ends and errors of runs",
        "Age of the last end and of the last error that was thrown.",
        Ask(of.age("watchdog_duplicati_backup_last_finished_timestamp_seconds"), f"{JOB} ended"),
        Ask(of.age("watchdog_duplicati_backup_last_error_timestamp_seconds"), f"{JOB} error"),
        look=SECONDS,
    ),
    _both_ends("Size of source and destination", "bytes", BYTES),
    _both_ends("Files of source and destination", "files", COUNT),
    lines(
        "Room at the destination",
        "Where its kind of destination tells.",
        Ask(of("watchdog_duplicati_backup_quota_free_bytes"), f"{JOB} free"),
        Ask(of("watchdog_duplicati_backup_quota_total_bytes"), f"{JOB} all"),
        look=BYTES,
    ),
    lines("Versions", "That can be restored.", each("target backup_name", of("watchdog_duplicati_backup_versions"))),
    figure(
        "Local database is there",
        "Without it the next run fails.",
        each("target backup_name", of("watchdog_duplicati_backup_database_present")),
        look=YES_NO,
        width=12,
        height=8,
    ),
)

DESTINATIONS = row(
    "Destinations: what lies there",
    lines(
        "Bad volumes at destinations",
        "By what is wrong with them.",
        per("target backup_name reason", of("watchdog_duplicati_destination_bad_volumes")),
        look=NONE_IS_GOOD,
    ),
    lines(
        "Volumes at destinations",
        "By kind: dblock has the bytes, dindex where they are, dlist the files.",
        each("target backup_name type", of("watchdog_duplicati_destination_volumes")),
    ),
    lines("Bytes at destinations", "All volumes.", each("target backup_name", of("watchdog_duplicati_destination_bytes")), look=BYTES),
    _ages(
        "Age of what lies at the destination",
        "The newest list of files there: what can be restored, whatever the job says.",
        of.age("watchdog_duplicati_destination_newest_timestamp_seconds"),
    ),
    figure(
        "Volumes proven by",
        "Which list of them the volumes were held against.",
        each("target backup_name source", of("watchdog_duplicati_destination_proven")),
        look=FLAG,
    ),
    age(
        "Volumes last read",
        "Age of the oldest verdict: each volume has been read since.",
        of.age("watchdog_duplicati_destination_verified_timestamp_seconds"),
        JOB,
    ),
)

REPORTS = row(
    "Reports that the server sends us",
    age("Last report received", "Where the server sends some.", of.age("watchdog_duplicati_report_last_timestamp_seconds"), JOB),
    figure(
        "Last report said",
        "By the report alone.",
        each("target backup_name result", f"{of('watchdog_duplicati_report_last_result')} == 1"),
        look=NAME,
        name=True,
    ),
    lines(
        "Reports that came in",
        "By how they ended, within an hour.",
        per("target result", of.increase("watchdog_inbound_reports_total", MINE, within="1h")),
        height=6,
    ),
)

BOARD = Board(
    "Duplicati",
    "Pauses, jobs and runs by the server's word, what lies at the destinations, and what its reports say.",
    since="now-7d",
    choices=(target_of("duplicati"),),
    marks=marks(of, MINE),
    rows=(SERVER, JOBS, DESTINATIONS, REPORTS, drifts(of, "duplicati", requests(of, "duplicati"))),
)
