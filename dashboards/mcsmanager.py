"""MCSManager: the instances that the panel believes to run, against the containers that do, and the daemons between them."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Scope, by, each, per, target_of
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import FEW_ARE_GOOD, NAME, YES_NO
from dashboards.drawing.panels import Column, figure, lines, rows
from dashboards.drawing.usual import drifts, marks, requests, seen

of = Scope('instance=~"$instance"', 'target=~"$target"')
BELIEVED = of("watchdog_mcsmanager_instance_believed_running")
TRUE = of("watchdog_mcsmanager_instance_container_running")

BOARD = Board(
    "MCSManager",
    "Where the panel's belief of its game servers and Docker part: ghosts, dead daemons, restart loops.",
    choices=(target_of("mcsmanager"),),
    marks=marks(of, 'panel="mcsmanager"'),
    rows=(
        row(
            "Now",
            seen(of, "mcsmanager", "Nothing is judged while the panel does not answer."),
            figure(
                "Panel version", "As the panel says.", each("target version", of("watchdog_mcsmanager_panel_info")), look=NAME, name=True
            ),
            figure(
                "Operation log readable",
                "Without it no stop by a person is known, and starts ask for approval.",
                each("target", of("watchdog_mcsmanager_operation_log_readable")),
                look=YES_NO,
            ),
            figure(
                "Instances without metrics of their own",
                "Beyond the limit; they are judged all the same.",
                each("target", of("watchdog_mcsmanager_instances_omitted")),
                look=FEW_ARE_GOOD,
            ),
        ),
        row(
            "Belief and truth",
            lines(
                "Believed running, against containers that run",
                "Believed above true: ghosts. True above believed: servers that the panel has lost.",
                Ask(by("target", BELIEVED), "{{target}} believed"),
                Ask(by("target", TRUE), "{{target}} true"),
            ),
            lines(
                "Instances by believed status",
                "Docker instances only; the others are not ours to judge.",
                per("target status", of("watchdog_mcsmanager_instances")),
            ),
            rows(
                "Where belief and truth differ",
                "Instances that the panel believes to run, or not to, against the daemon's Docker.",
                Column("believed to run", f"{BELIEVED} != {TRUE}", YES_NO),
                height=7,
            ),
            rows(
                "Autostart on, and not running",
                "They should have begun with their daemon.",
                Column("autostart", f"{of('watchdog_mcsmanager_instance_autostart')} == 1 unless {TRUE} == 1", YES_NO),
                height=7,
            ),
            lines(
                "Starts since the daemon began",
                "It falls when the daemon restarts; a steady climb is a restart loop.",
                each("target nickname", of("watchdog_mcsmanager_instance_starts")),
                width=24,
            ),
        ),
        row(
            "Daemons",
            figure(
                "Daemon available",
                "Whether the panel is connected to it.",
                each("target remarks daemon", of("watchdog_mcsmanager_daemon_available")),
                look=YES_NO,
                height=6,
            ),
            figure(
                "Its Docker answers",
                "Asked by the daemon itself: its Docker need not be ours.",
                each("target remarks daemon", of("watchdog_mcsmanager_daemon_docker_answers")),
                look=YES_NO,
                height=6,
            ),
            figure(
                "A restart spares game servers",
                "Only from 4.13.0 (panel 10.13.0) on, with both soft shutdown flags set.",
                each("target remarks daemon", of("watchdog_mcsmanager_daemon_spares_instances")),
                look=YES_NO,
                height=6,
            ),
            figure(
                "Daemon versions",
                "Unknown while a daemon is offline.",
                each("target remarks daemon version", of("watchdog_mcsmanager_daemon_info")),
                look=NAME,
                name=True,
                height=6,
            ),
        ),
        drifts(of, "mcsmanager", requests(of, "mcsmanager")),
    ),
)
