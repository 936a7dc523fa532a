"""The overview: how each target stands, where truth and belief part, what is being done, and what is not known."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Choice, Scope, by, each, per
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import COUNT, FEW_ARE_GOOD, HOUR, MINUTE, NO_YES, NONE_IS_GOOD, RED, SECONDS, YES_NO, limited, words, young
from dashboards.drawing.panels import Column, figure, lines, rows, states
from dashboards.drawing.usual import OPEN, marks

host = Scope('instance=~"$instance"')
of = Scope('instance=~"$instance"', 'panel=~"$panel"', 'target=~"$target"')
mine = Scope('instance=~"$instance"', 'target=~"$target"')
ONE = "instance, panel, target"
_JUDGED = words((0, "cannot be judged", "red"), (1, "judged", "green"))
_PAUSED = words((0, "not paused", "text"), (1, "paused", "purple"))
TO_THE_PANEL = "/d/panel-watchdog-${__data.fields.panel}?${datasource:queryparam}&var-target=${__data.fields.target}&${__url_time_range}"

NOW = row(
    "Now",
    figure(
        "Targets that cannot be judged",
        "The newest pass could not read the panel or its evidence.",
        per("instance", f"1 - {of('watchdog_panel_up')}"),
        look=NONE_IS_GOOD,
        width=4,
    ),
    figure(
        "Open drifts",
        "Baseline and ignored ones are not counted.",
        per("instance", of("watchdog_drifts", OPEN)),
        look=FEW_ARE_GOOD,
        width=4,
    ),
    figure(
        "Unknown subjects",
        "Nothing is repaired on them, and it must not last.",
        per("instance", of("watchdog_subjects", 'state="unknown"')),
        look=FEW_ARE_GOOD,
        width=4,
    ),
    figure(
        "Approvals that wait",
        "`panel-watchdog approve` or `reject`.",
        per("instance", of("watchdog_approvals_waiting")),
        look=FEW_ARE_GOOD,
        width=4,
    ),
    figure("Targets paused", "As a whole.", per("instance", of("watchdog_target_paused")), look=COUNT, width=4),
    figure(
        "Repairs in doubt",
        "They hung, or their process died: a fresh look decides.",
        per("instance", of("watchdog_repairs_in_doubt")),
        look=NONE_IS_GOOD,
        width=4,
    ),
    rows(
        "A second installation acts",
        "An act by our key that our ledger lacks: repairs stand still until `panel-watchdog acknowledge TARGET`. Empty is good.",
        Column("since", of.age("watchdog_second_installation_since_timestamp_seconds"), limited(SECONDS, base=RED)),
        width=24,
        height=4,
    ),
    rows(
        "Targets",
        "A row leads to the dashboard of its panel.",
        Column("judged", of("watchdog_panel_up"), YES_NO),
        Column("drifts", by(ONE, of("watchdog_drifts", OPEN)), FEW_ARE_GOOD),
        Column("unknown", by(ONE, of("watchdog_subjects", 'state="unknown"')), FEW_ARE_GOOD),
        Column("approvals", of("watchdog_approvals_waiting"), FEW_ARE_GOOD),
        Column("paused", of("watchdog_target_paused"), NO_YES),
        Column("last judged", of.age("watchdog_reconcile_last_judged_timestamp_seconds"), young(5 * MINUTE, 15 * MINUTE)),
        width=24,
        height=9,
        link=TO_THE_PANEL,
    ),
)

TRUTH = row(
    "Truth against belief",
    lines(
        "MCSManager: servers believed running, and containers that run",
        "Believed above true: ghosts.",
        Ask(by("target", mine("watchdog_mcsmanager_instance_believed_running")), "{{target}} believed"),
        Ask(by("target", mine("watchdog_mcsmanager_instance_container_running")), "{{target}} true"),
        width=8,
    ),
    lines(
        "WGDashboard: peers shown as running, and peers online",
        "They part when the panel's thread dies.",
        Ask(by("target", mine("watchdog_wgdashboard_peer_believed_running")), "{{target}} believed"),
        Ask(by("target", mine("watchdog_wgdashboard_peer_online")), "{{target}} true"),
        width=8,
    ),
    lines(
        "Pterodactyl: backups called complete, and archives proven good",
        "The records of all nodes against the files of the local one.",
        Ask(by("target", mine("watchdog_pterodactyl_backups", 'state="complete"')), "{{target}} believed"),
        Ask(by("target", mine("watchdog_pterodactyl_archives", 'verdict="good"')), "{{target}} true"),
        width=8,
    ),
    lines(
        "SysReptor: age of the last backup by its log, and by its content",
        "A finished row in the log proves no backup.",
        Ask(mine.age("watchdog_sysreptor_log_newest_timestamp_seconds", 'type="backup_finished"'), "{{target}} believed"),
        Ask(mine.age("watchdog_sysreptor_last_good_timestamp_seconds"), "{{target}} true"),
        look=SECONDS,
        width=8,
    ),
    lines(
        "Duplicati: age of the last good run, and of what lies at the destination",
        "A run that ended well although nothing had changed leaves the second as it is.",
        Ask(mine.age("watchdog_duplicati_backup_last_success_timestamp_seconds"), "{{target}} {{backup_name}} believed"),
        Ask(mine.age("watchdog_duplicati_destination_newest_timestamp_seconds"), "{{target}} {{backup_name}} true"),
        look=SECONDS,
        width=8,
    ),
    lines(
        "Plain containers: running, and healthy",
        "A container that runs is believed to work; its own check says whether it does.",
        Ask(by("target", mine("watchdog_containers_container_running")), "{{target}} running"),
        Ask(by("target", mine("watchdog_containers_container_healthy")), "{{target}} healthy"),
        width=8,
    ),
)

DRIFTS = row(
    "Drifts and repairs",
    lines(
        "Drifts by kind",
        "Open, waiting for approval or being repaired.",
        each("panel target kind", f"{by('panel, target, kind', of('watchdog_drifts', OPEN))} > 0"),
        look=FEW_ARE_GOOD,
    ),
    lines(
        "Repairs by result",
        "Verified: a fresh look at both sides found the drift gone.",
        each("panel target remedy result", f"{by('panel, target, remedy, result', of.increase('watchdog_repairs_total'))} > 0"),
    ),
    rows(
        "Drifts by age",
        "`panel-watchdog explain` tells the rest.",
        Column("open for", of.age("watchdog_drift_open_timestamp_seconds"), young(15 * MINUTE, HOUR)),
        width=24,
    ),
    lines("Drifts by state", "Ignored and baseline ones too.", per("state", of("watchdog_drifts")), width=8),
    lines(
        "Left alone, by reason",
        "Confirmed drifts that the newest plan does not act on.",
        each("panel target reason", f"topk(20, {by('panel, target, reason', of('watchdog_drifts_held'))})"),
        width=8,
    ),
    lines(
        "Refused at the last moment",
        "Planned repairs that the checks before the act refused.",
        per("panel target reason", of.increase("watchdog_guard_refusals_total")),
        width=8,
    ),
    rows(
        "Approvals: the oldest",
        "They expire after an hour unless configured.",
        Column("waits for", of.age("watchdog_approval_oldest_timestamp_seconds"), young(HOUR / 2, HOUR)),
        height=6,
    ),
    lines(
        "Remedies that crashed",
        "Failed with an error nobody foresaw: a bug of ours.",
        per("panel target remedy", of.increase("watchdog_repair_crashes_total")),
        look=NONE_IS_GOOD,
        height=6,
    ),
)

PAUSES = row(
    "Pauses",
    states(
        "Targets paused, as a whole",
        "A pause of a single task is none of the whole.",
        each("panel target", of("watchdog_target_paused")),
        look=_PAUSED,
    ),
    lines(
        "Pauses that stand, by source",
        "A person, a window, an alert or pressure.",
        each("panel target source", f"{by('panel, target, source', of('watchdog_pause_active'))} > 0"),
    ),
    rows(
        "When they end",
        "A pause until further notice is in the table beside it.",
        Column("ends in", f"{of('watchdog_pause_until_timestamp_seconds')} - time()", SECONDS),
        width=8,
        height=6,
    ),
    rows(
        "Until further notice",
        "Asked for without an end.",
        Column("since", of.age("watchdog_pause_indefinite_since_timestamp_seconds"), SECONDS),
        width=8,
        height=6,
    ),
    rows(
        "Rules that ask for a pause",
        "Windows, pressure and alerts of the configuration.",
        Column("asks now", host("watchdog_pause_rule_active"), NO_YES),
        width=8,
        height=6,
    ),
    rows(
        "Next maintenance windows",
        "When each opens.",
        Column("in", f"{host('watchdog_pause_window_next_timestamp_seconds')} - time()", SECONDS),
        width=8,
        height=6,
    ),
    figure(
        "Rules that can be judged",
        "What cannot be read is Unknown, and pauses nothing.",
        each("instance rule", host("watchdog_pause_rule_readable")),
        look=YES_NO,
        width=8,
        height=6,
    ),
    lines(
        "Pauses that ended, by why",
        "Resumed by a person, or at their end.",
        per("panel target reason", of.increase("watchdog_pauses_resumed_total")),
        width=8,
        height=6,
    ),
)

FRESHNESS = row(
    "Freshness and what is not known",
    states("Judged", "By the newest pass.", each("panel target", of("watchdog_panel_up")), look=_JUDGED),
    lines(
        "Age of the last judgement",
        "Passes come every interval, and whenever something happens.",
        each("panel target", of.age("watchdog_reconcile_last_judged_timestamp_seconds")),
        look=young(5 * MINUTE, 15 * MINUTE),
    ),
    lines("Subjects by what is said of them", "ok, drift, ignored, unknown.", per("panel target state", of("watchdog_subjects"))),
    rows(
        "Unknown for how long",
        "A watchdog that says unknown for ever is another green icon.",
        Column("unknown for", of.age("watchdog_subject_unknown_since_timestamp_seconds"), young(15 * MINUTE, HOUR)),
    ),
    lines(
        "Age of the last good collection",
        "Of what is true, by collector.",
        each("instance collector", host.age("watchdog_collector_last_success_timestamp_seconds")),
        look=young(5 * MINUTE, 15 * MINUTE),
        width=24,
    ),
)

BOARD = Board(
    "Overview",
    "How each target stands, where truth and belief part, what is being done about it, and what is not known.",
    choices=(
        Choice("panel", "Panel", host("watchdog_panel_up")),
        Choice("target", "Target", 'watchdog_panel_up{instance=~"$instance",panel=~"$panel"}'),
    ),
    marks=marks(of),
    rows=(NOW, TRUTH, DRIFTS, PAUSES, FRESHNESS),
)
