"""Pterodactyl: what the panel says of its backups, what the archives say, and whether Wings can tell the panel."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Scope, each, per, target_of
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import BYTES, FEW_ARE_GOOD, MINUTE, NAME, NEVER, NO_YES, RATIO, YES_NO, Look, young
from dashboards.drawing.panels import Column, Panel, figure, lines, rows
from dashboards.drawing.usual import age, drifts, marks, requests, seen

of = Scope('instance=~"$instance"', 'target=~"$target"')
GUARDED = 'panel="pterodactyl"'
_NODE = "{{target}} {{node_name}}"


def _of_node(title: str, about: str, metric: str) -> Panel:
    return figure(title, about, each("target node_name", of(metric)), look=YES_NO)


def _largest(title: str, about: str, metric: str, look: Look) -> Panel:
    return lines(title, about, each("target server_name", f"topk(10, {of(metric)})"), look=look, width=8)


BACKUPS = row(
    "Backups: belief and truth",
    lines("Backups by state", "What the panel says.", per("target state", of("watchdog_pterodactyl_backups"))),
    lines("Archives by verdict", "What the files of the local node say.", each("target verdict", of("watchdog_pterodactyl_archives"))),
    rows(
        "Age of each server's newest backup",
        "That the panel calls complete.",
        Column("age", of.age("watchdog_pterodactyl_newest_backup_timestamp_seconds"), NEVER),
    ),
    rows(
        "Age of each server's newest verified backup",
        "Its archive is on the local node, was read to its last byte, and is the file that the panel knows.",
        Column("age", of.age("watchdog_pterodactyl_newest_verified_backup_timestamp_seconds"), NEVER),
    ),
)

NODES = row(
    "Nodes",
    figure(
        "Wings",
        "Release of each node's Wings.",
        each("target node_name version", of("watchdog_pterodactyl_node_info")),
        look=NAME,
        name=True,
    ),
    _of_node("We reach Wings", "Asked at its API by us.", "watchdog_pterodactyl_node_answers"),
    _of_node("The panel reaches Wings", "Asked through the panel.", "watchdog_pterodactyl_node_panel_reaches"),
    _of_node("Docker answers Wings", "Asked by Wings itself.", "watchdog_pterodactyl_node_docker_answers"),
    _of_node("A console can be opened", "Tried with one server per node.", "watchdog_pterodactyl_node_console_works"),
    figure(
        "Under maintenance",
        "Backups of its servers cannot be read then.",
        each("target node_name", of("watchdog_pterodactyl_node_maintenance")),
        look=NO_YES,
    ),
    figure(
        "Age of the heartbeat",
        "Wings writes its states every 60 s.",
        each("target node_name", of.age("watchdog_pterodactyl_heartbeat_timestamp_seconds")),
        look=young(2 * MINUTE, 5 * MINUTE),
    ),
    age(
        "Wings has run for",
        "Its restart ends backups under way, and proves that those before it are not.",
        of.age("watchdog_pterodactyl_wings_start_timestamp_seconds"),
        _NODE,
    ),
    _of_node("Open files of Wings in sight", "Without it fewer stuck backups can be mended.", "watchdog_pterodactyl_wings_sighted"),
    _of_node("Wings' log readable", "Without it nothing proves that an archive was finished.", "watchdog_pterodactyl_wings_log_readable"),
    figure(
        "All backups are known",
        "Else no archive can be called an orphan.",
        each("target", of("watchdog_pterodactyl_records_complete")),
        look=YES_NO,
    ),
    figure(
        "Servers whose backups are not shown",
        "Suspended, installing, moving, or under maintenance: the panel answers 409.",
        each("target", of("watchdog_pterodactyl_servers_unreadable")),
        look=FEW_ARE_GOOD,
    ),
)

SERVERS = row(
    "Servers",
    lines("Servers by status", "By the panel's word.", per("target node_name status", of("watchdog_pterodactyl_servers"))),
    lines("Servers by state", "By Wings' word.", per("target state", of("watchdog_pterodactyl_server_state"))),
    _largest("Memory of servers", "The ten largest.", "watchdog_pterodactyl_server_memory_bytes", BYTES),
    _largest("Processor of servers", "The ten busiest; 100 % = one processor wholly.", "watchdog_pterodactyl_server_cpu_ratio", RATIO),
    _largest("Disk of servers", "The ten largest.", "watchdog_pterodactyl_server_disk_bytes", BYTES),
)

CANARY = row(
    "Canary, guard and the panel's patience",
    figure(
        "Canary",
        "How the newest daily backup of the canary server stands.",
        Ask(f"{of('watchdog_pterodactyl_canary_state')} == 1", "{{target}} {{server}}: {{state}}"),
        look=NAME,
        name=True,
    ),
    age("Newest canary was due", "Once a day.", of.age("watchdog_pterodactyl_canary_due_timestamp_seconds"), "{{target}} {{server}}"),
    age("The canary took", "From its beginning to its end.", of("watchdog_pterodactyl_canary_took_seconds"), "{{target}} {{server}}"),
    figure(
        "The guard works", "No data = it is turned off.", each("target", of("watchdog_panel_guard_works", GUARDED)), look=YES_NO, none="off"
    ),
    lines(
        "Archives held by the guard",
        "Only those whose original is gone take room.",
        each("target", of("watchdog_panel_held_files", GUARDED)),
        width=8,
    ),
    lines(
        "Bytes held by the guard",
        "Of archives that have no other name any more.",
        each("target", of("watchdog_panel_held_bytes", GUARDED)),
        look=BYTES,
        width=8,
    ),
    lines(
        "Links dropped and missed",
        "By reason, within an hour.",
        Ask(of.increase("watchdog_panel_held_drops_total", GUARDED, within="1h"), "{{target}} dropped: {{reason}}"),
        Ask(of.increase("watchdog_panel_held_misses_total", GUARDED, within="1h"), "{{target}} missed: {{reason}}"),
        width=8,
    ),
    lines(
        "Requests left in a minute",
        "Of the panel's rate limit, for us and for people.",
        Ask(of("watchdog_pterodactyl_requests_remaining"), "{{target}} {{api}} left"),
        Ask(of("watchdog_pterodactyl_requests_limit"), "{{target}} {{api}} limit"),
    ),
    age(
        "Age of the oldest list of backups",
        "A look reads as many as the rate limit allows.",
        of.age("watchdog_pterodactyl_records_oldest_timestamp_seconds"),
        "{{target}}",
    ),
    figure(
        "Servers without metrics of their own",
        "Beyond the limit; they are judged all the same.",
        each("target", of("watchdog_pterodactyl_servers_omitted")),
        look=FEW_ARE_GOOD,
    ),
)

BOARD = Board(
    "Pterodactyl",
    "Backups by the panel's word and by the bytes on disk; Wings, its reports to the panel, and the guard that keeps archives.",
    since="now-7d",
    choices=(target_of("pterodactyl"),),
    marks=marks(of, GUARDED),
    rows=(
        row(
            "Now",
            seen(of, "pterodactyl", "Nothing is judged while the panel does not answer."),
            figure(
                "Release",
                "The panel tells it nobody: from panel_version or panel_config.",
                Ask(of("watchdog_pterodactyl_panel_info"), "{{target}} {{version}} ({{source}})"),
                look=NAME,
                name=True,
            ),
            figure(
                "Reports of Wings get through",
                "What the probe of the callback path says. Anything but healthy: each archive made now is deleted.",
                Ask(f"{of('watchdog_pterodactyl_callback_state')} == 1", "{{target}}: {{state}}"),
                look=NAME,
                name=True,
            ),
            age(
                "That was asked",
                "When the callback path was last probed.",
                of.age("watchdog_pterodactyl_callback_asked_timestamp_seconds"),
                "{{target}}",
            ),
            figure(
                "Stuck backups",
                "By the case that each is. proven is completed, corrupt and absent are failed, unproven waits for a person.",
                per("target case", of("watchdog_pterodactyl_stuck_backups")),
                look=FEW_ARE_GOOD,
                width=24,
            ),
        ),
        BACKUPS,
        NODES,
        SERVERS,
        CANARY,
        drifts(of, "pterodactyl", requests(of, "pterodactyl")),
    ),
)
